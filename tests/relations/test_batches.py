"""Draws: the sampled loss has the full loss as its expectation, and nothing is left out or repeated."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from graphurl.encoders.base import Inputs
from graphurl.errors import InputError
from graphurl.functional import mapped
from graphurl.graphs.graph import Graph
from graphurl.losses import BCE, GKL, MSE, PairLoss
from graphurl.relations import EdgeBatches, FullBatch, IndexFeed, Relation, balanced_far_weight, evaluate
from graphurl.similarity import Similarity

ADDITIVE: list[PairLoss] = [MSE(), BCE(), GKL(), GKL(gamma=0.1, power=2)]


def dense_graph(p: Tensor) -> Graph:
    rows, cols = p.nonzero(as_tuple=True)
    return Graph.from_edges(rows, cols, len(p), weight=p[rows, cols])


def prescribed(n: int = 8, *, symmetric: bool, isolated: int = 2, seed: int = 0) -> Tensor:
    """A sparse p whose last nodes have no edge."""
    generator = torch.Generator().manual_seed(seed)
    p = torch.rand(n, n, generator=generator).clamp(0.05, 0.95)
    p = p * (torch.rand(n, n, generator=generator) < 0.4)
    p[n - isolated :], p[:, n - isolated :] = 0, 0
    p.fill_diagonal_(0)
    return (p + p.T) / 2 if symmetric else p


def full_loss(loss: PairLoss, p: Tensor, z: Tensor, far_weight: float) -> float:
    """The mean over all ordered pairs in two loops."""
    log_q = Similarity(1.0).of(z.double())
    total, mass = 0.0, 0.0
    for i, j in itertools.permutations(range(len(p)), 2):
        weight = 1.0 if p[i, j] > 0 else far_weight
        total += weight * float(loss.pairwise(p[i, j].double(), log_q[i, j]))
        mass += weight
    return total / mass


def test_expected_counts_equal_enumeration_of_every_possible_batch() -> None:
    """Λ_uv = E[c_u c_v], by going through all outcomes of two edges and two uniform nodes."""
    p = prescribed(5, symmetric=False, isolated=1, seed=3)
    graph = dense_graph(p)
    batches = EdgeBatches(graph, IndexFeed(), 6, edge_share=4 / 6)
    assert (batches.edges, batches.others) == (2, 2)
    edges = [(i, j, float(p[i, j])) for i, j in itertools.permutations(range(5), 2) if p[i, j] > 0]
    mass = sum(chance for *_, chance in edges)
    expected = torch.zeros(5, 5, dtype=torch.float64)
    for (i, j, a), (k, m, b) in itertools.product(edges, repeat=2):
        for u, v in itertools.product(range(5), repeat=2):
            count = torch.zeros(5, dtype=torch.float64)
            for node in (i, j, k, m, u, v):
                count[node] += 1
            expected += a * b / mass**2 / 25 * count[:, None] * count[None, :]
    nodes = torch.arange(5)
    found = batches.expected(nodes, batches.block(nodes))
    off = ~torch.eye(5, dtype=torch.bool)
    torch.testing.assert_close(found[off], expected[off], rtol=1e-6, atol=0)


CASES = list(itertools.product([True, False], [1.0, 0.01], [0.0, 0.5, 1.0]))


@pytest.mark.parametrize(("symmetric", "far_weight", "edge_share"), CASES)
def test_mean_of_sampled_losses_is_the_full_loss(
    symmetric: bool, far_weight: float, edge_share: float
) -> None:
    p = prescribed(8, symmetric=symmetric)
    z = torch.randn(8, 2, generator=torch.Generator().manual_seed(1))
    log_q = Similarity(1.0).of(z.double())
    pairs = torch.stack([loss.pairwise(p.double(), log_q) for loss in ADDITIVE])
    batches = EdgeBatches(dense_graph(p), IndexFeed(), 8, edge_share=edge_share, far_weight=far_weight)
    generator = torch.Generator().manual_seed(0)
    drawn = [batches(generator) for _ in range(800)]
    values = torch.stack(
        [(pairs[:, b.nodes][:, :, b.nodes] * b.weight).sum((1, 2)) / b.total for b in drawn]
    )
    for loss, sample in zip(ADDITIVE, values.T, strict=True):
        truth = full_loss(loss, p, z, far_weight)
        error = float(sample.std()) / math.sqrt(len(sample))
        assert abs(float(sample.mean()) - truth) < 4 * error
        assert error < 0.1 * abs(truth), "the test is too blunt to see a wrong weight"


def test_every_pair_is_counted_once_on_average() -> None:
    """Sharper than any loss: the mean weight of each single pair, isolated nodes included."""
    p = prescribed(6, symmetric=False, isolated=2, seed=5)
    for share, far in ((0.5, 1.0), (1.0, 1.0), (0.0, 1.0), (0.5, 0.01)):
        batches = EdgeBatches(dense_graph(p), IndexFeed(), 6, edge_share=share, far_weight=far)
        generator = torch.Generator().manual_seed(0)
        draws = 1500
        seen = torch.zeros(draws, 6, 6)
        for step in range(draws):
            batch = batches(generator)
            assert batch.weight is not None
            seen[step, batch.nodes[:, None], batch.nodes] = batch.weight
        expected = torch.where(p > 0, 1.0, far).fill_diagonal_(0)
        error = seen.std(0) / math.sqrt(draws)
        assert bool(((seen.mean(0) - expected).abs() <= 4.5 * error + 1e-9).all()), (share, far)
        off = ~torch.eye(6, dtype=torch.bool)
        assert bool((seen.mean(0)[off] > 0).all()), "a pair was never drawn"


def test_batch_block_is_the_block_of_p() -> None:
    p = prescribed(12, symmetric=False)
    batches = EdgeBatches(dense_graph(p), IndexFeed(), 6)
    generator = torch.Generator().manual_seed(4)
    for _ in range(20):
        batch = batches(generator)
        assert batch.p is not None
        assert bool((batch.nodes.diff() > 0).all())
        torch.testing.assert_close(batch.p, p[batch.nodes][:, batch.nodes])
        assert torch.equal(batch.inputs.x, batch.nodes)


def test_same_generator_same_batches_and_global_randomness_untouched(rng_untouched: None) -> None:
    batches = EdgeBatches(dense_graph(prescribed(30, symmetric=True)), IndexFeed(), 10)
    first = [batches(torch.Generator().manual_seed(7)) for _ in range(2)]
    again = EdgeBatches(dense_graph(prescribed(30, symmetric=True)), IndexFeed(), 10)
    second = again(torch.Generator().manual_seed(7))
    other = again(torch.Generator().manual_seed(8))
    assert torch.equal(first[0].nodes, first[1].nodes)
    assert torch.equal(first[0].nodes, second.nodes)
    assert torch.equal(first[0].weight, second.weight)  # type: ignore[arg-type]
    assert not torch.equal(second.nodes, other.nodes)


def test_feed_is_asked_in_the_order_of_the_nodes() -> None:
    asked: list[Tensor] = []

    def feed(nodes: Tensor, generator: torch.Generator) -> Inputs:
        asked.append(nodes)
        return Inputs(nodes * 10)

    batch = EdgeBatches(dense_graph(prescribed(30, symmetric=True)), feed, 10)(torch.Generator().manual_seed(1))
    assert torch.equal(asked[-1], batch.nodes)
    assert torch.equal(batch.inputs.x, batch.nodes * 10)


def test_edges_come_in_proportion_to_p_and_never_with_p_zero() -> None:
    graph = Graph.from_edges([0, 0, 2, 5], [1, 2, 3, 4], 6, weight=[0.1, 0.3, 0.6, 0.0])
    batches = EdgeBatches(graph, IndexFeed(), 4, edge_share=0.5)
    assert (batches.edges, batches.others) == (1, 2)
    generator = torch.Generator().manual_seed(0)
    counts = torch.zeros(6)
    draws = 1500
    for _ in range(draws):
        batch = batches(generator)
        assert batch.weight is not None
        counts[batch.nodes] += 1
    chance = torch.tensor([0.4, 0.1, 0.9, 0.6, 0.0, 0.0])
    expected = 1 - (1 - chance) * (5 / 6) ** 2
    assert bool(((counts / draws - expected).abs() < 0.05).all())


@pytest.mark.parametrize("edges", [1, 127, 128, 129, 1000])
def test_a_mark_finds_the_edge_up_to_which_all_weigh_more(edges: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cumulative weights are kept for every 128th edge only, and read in blocks."""
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 256)
    # Eighths, so that sums are exact and a mark can lie just where one edge ends and the next begins.
    weight = torch.randint(0, 8, (edges,), generator=torch.Generator().manual_seed(edges)) / 8
    weight[0] = 0.5
    graph = Graph(torch.tensor([0] + [edges] * (edges + 1)), torch.arange(1, edges + 1), weight=weight)
    batches = EdgeBatches(graph, IndexFeed(), 8)
    cumulative = weight.double().cumsum(0)
    marks = torch.rand(500, generator=torch.Generator().manual_seed(1), dtype=torch.float64) * cumulative[-1]
    last = batches._cumulative[-1].nextafter(torch.tensor(0.0, dtype=torch.float64))
    ends = cumulative[cumulative < cumulative[-1]]
    marks = torch.cat([marks, torch.zeros(1, dtype=torch.float64), ends, last[None]])
    found = batches._edge_at(marks)
    assert bool((weight[found] > 0).all())
    assert torch.equal(found[:-1], torch.searchsorted(cumulative, marks[:-1], right=True))
    assert int(found[-1]) == int(weight.nonzero()[-1])


def test_weights_above_one_and_self_loops_are_no_pairs_of_their_own() -> None:
    graph = Graph.from_edges([0, 0, 1, 2], [0, 1, 0, 2], 4, weight=[5.0, 2.0, 0.5, 1.0])
    expected = torch.zeros(4, 4)
    expected[0, 1], expected[1, 0] = 1.0, 0.5
    full = FullBatch(graph, IndexFeed())(torch.Generator())
    assert full.p is not None
    assert torch.equal(full.p.to_dense(), expected)
    assert full.total == 12
    batches = EdgeBatches(graph, IndexFeed(), 4)
    assert torch.equal(batches.block(torch.arange(4)), expected)
    assert batches.mass == 1.5
    unweighted = FullBatch(Graph.from_edges([0], [1], 3), IndexFeed())(torch.Generator())
    assert unweighted.p is not None
    assert float(unweighted.p.to_dense()[0, 1]) == 1


@pytest.mark.parametrize("far_weight", [1.0, 0.01])
@pytest.mark.parametrize("loss", ADDITIVE, ids=repr)
def test_full_batch_is_the_double_loop(loss: PairLoss, far_weight: float) -> None:
    p = prescribed(8, symmetric=False)
    z = torch.randn(8, 2, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    batch = FullBatch(dense_graph(p), IndexFeed(), far_weight=far_weight)(torch.Generator())
    assert batch.p is not None
    relation = Relation(z, z, batch.p, batch.weight, batch.far_weight, same=True, total=batch.total)
    value, pairs = evaluate(relation, Similarity(1.0), loss)
    assert pairs == 64
    assert float(value) == pytest.approx(full_loss(loss, p, z, far_weight), rel=1e-6)


def test_far_pairs_weigh_negatives_times_the_mass_of_p() -> None:
    p = prescribed(40, symmetric=True, isolated=20)
    graph = dense_graph(p)
    far = balanced_far_weight(graph, 0.5)
    pairs = 40 * 39 - int((p > 0).sum())
    assert 0 < far < 1
    assert far * pairs == pytest.approx(0.5 * float(p.sum()), rel=1e-6)
    assert FullBatch(graph, IndexFeed(), far_weight=far).total == pytest.approx(
        int((p > 0).sum()) + 0.5 * float(p.sum()), rel=1e-6
    )
    assert balanced_far_weight(graph, 1e9) == 1
    assert balanced_far_weight(Graph.from_edges([0, 1], [1, 0], 2), 5) == 1
    assert balanced_far_weight(Graph.from_edges([], [], 3), 5) == 1, "repulsion alone has to weigh something"


@pytest.mark.parametrize("far_weight", ["auto", 0.0, 1.0])
def test_a_graph_without_edges_has_a_finite_loss(far_weight: float | str) -> None:
    graph = Graph.from_edges([], [], 6)
    weight = balanced_far_weight(graph, 5) if far_weight == "auto" else float(far_weight)
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    draws = FullBatch(graph, IndexFeed(), far_weight=weight), EdgeBatches(graph, IndexFeed(), 4, far_weight=weight)
    for draw in draws:
        batch = draw(torch.Generator().manual_seed(0))
        rows = z[batch.nodes].requires_grad_()
        assert batch.p is not None
        relation = Relation(rows, rows, batch.p, batch.weight, batch.far_weight, same=True, total=batch.total)
        value, _ = evaluate(relation, Similarity(1.0), BCE())
        value.backward()
        assert math.isfinite(value.item())
        assert rows.grad is not None
        assert bool(torch.isfinite(rows.grad).all())


def test_two_uniform_nodes_remain_at_every_share() -> None:
    graph = dense_graph(prescribed(12, symmetric=True))
    for size in (4, 5, 8, 9, 16):
        for share in (0.0, 0.3, 0.9, 1.0):
            batches = EdgeBatches(graph, IndexFeed(), size, edge_share=share)
            assert 2 * batches.edges + batches.others == size
            assert batches.others >= 2
            assert batches.steps == math.ceil(12 / size)


def test_memory_is_one_entry_an_edge() -> None:
    """No repeated edge list, no table of pairs: every tensor kept is O(nodes + edges)."""
    n, k = 2000, 10
    rows = torch.arange(n).repeat_interleave(k)
    cols = (rows + torch.arange(k).repeat(n) * 7 + 1) % n
    batches = EdgeBatches(Graph.from_edges(rows, cols, n), IndexFeed(), 64)
    kept = [v for v in vars(batches).values() if isinstance(v, Tensor) and v.layout == torch.strided]
    kept += [batches.p.values(), batches.p.col_indices(), batches.p.crow_indices()]
    assert max(t.numel() for t in kept) <= n * k + 1
    assert sum(t.numel() * t.element_size() for t in kept) <= 24 * n * k + 48 * n


@pytest.mark.slow
def test_more_edges_than_a_multinomial_allows() -> None:
    """torch.multinomial stops at 2^24 categories, and float32 sums stop growing there."""
    n, k = 2**20, 2**5 + 1
    col = (torch.arange(n)[:, None] + 1 + torch.arange(k)) % n
    col = col.sort(dim=1).values
    graph = Graph(torch.arange(n + 1) * k, col.flatten())
    assert graph.num_edges > 2**25
    batches = EdgeBatches(graph, IndexFeed(), 4096, edge_share=0.5)
    assert batches.mass == graph.num_edges
    nodes = batches(torch.Generator().manual_seed(0)).nodes
    assert float(nodes.double().mean()) / n == pytest.approx(0.5, abs=0.03)
    assert int(nodes.max()) > 0.99 * n


def test_settings_without_a_meaning_are_refused() -> None:
    graph = dense_graph(prescribed(12, symmetric=True))
    with pytest.raises(InputError, match="batch_size is 3.*at least 4"):
        EdgeBatches(graph, IndexFeed(), 3)
    for share in (-0.1, 1.1, math.nan):
        with pytest.raises(InputError, match="edge_share is .* from 0 to 1"):
            EdgeBatches(graph, IndexFeed(), 8, edge_share=share)
