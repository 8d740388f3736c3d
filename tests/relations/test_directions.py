"""Weights and directions of edges reach every loss, by both draws: double loops over ordered pairs as reference."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from torch import Tensor

from graphurl import registry
from graphurl.encoders.base import Encoded
from graphurl.graphs.graph import Graph
from graphurl.losses import GKL, KL, InfoNCE, Loss, Matching
from graphurl.relations import EdgeBatches, FullBatch, IndexFeed, Static, evaluate
from graphurl.relations.relation import Batch
from graphurl.similarity import Similarity

#: Losses of whole matrices know no weights of pairs, and refuse them.
KINDS: dict[str, type[Loss]] = {name: registry.resolve("losses", name) for name in registry.names("losses")}
LOSSES: dict[str, Loss] = {
    **{name: kind() for name, kind in KINDS.items() if not issubclass(kind, Matching)},
    "kl over rows": KL(over="rows"),
    "gkl squared": GKL(gamma=0.3, power=2),
    "infonce, hot": InfoNCE(temperature=0.5),
}
SIMILARITY = Similarity(1.0, sigma=0.7, normalised=False)
PER_PAIR = {
    "mse": lambda p, q: (p - q) ** 2,
    "bce": lambda p, q: -p * math.log(q) - (1 - p) * math.log(1 - q),
    "gkl": lambda p, q: -p * math.log(q) + abs(p - q),
    "gkl squared": lambda p, q: -p * math.log(q) + 0.3 * (p - q) ** 2,
    "alignment": lambda p, q: -p * math.log(q),
    "enhancement": lambda p, q: (1 - p) * (1 + math.log(q)),
    "correlation": lambda p, q: (p - 1 - math.log(q)) ** 2,
    "nce": lambda p, q: (1 - p) * (1 + math.log(q)) / 0.07 + math.log(1 + math.exp(-(1 + math.log(q)) / 0.07)),
}


def graph() -> Graph:
    """Edges of several weights that go one way, or two ways with two weights; the last node has none."""
    ends = [(0, 1), (1, 0), (1, 2), (2, 4), (4, 3), (3, 4), (5, 0), (4, 6), (6, 5)]
    weight = [0.9, 0.2, 0.5, 0.05, 1.0, 0.3, 0.7, 0.4, 0.6]
    rows, cols = zip(*ends, strict=True)
    return Graph.from_edges(rows, cols, 8, weight=weight)


def coordinates(n: int = 8) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def in_loops(name: str, p: Tensor, z: Tensor, weight: Tensor, total: float) -> float:
    """The loss by its formula, Σ w ℓ(p, q) / `total` over ordered pairs or its normalised form, in plain numbers."""
    pairs = [(u, v) for u, v in itertools.permutations(range(len(z)), 2) if weight[u, v] > 0]
    q = {(u, v): 0.0 for u, v in pairs}
    for u, v in pairs:
        # The exact t-kernel with one degree of freedom: Cauchy's, in units of the Gaussian's peak.
        q[u, v] = math.sqrt(2 / math.pi) / (1 + float(((z[u] - z[v]) ** 2).sum()) / 0.7**2)
    similar, w = {e: float(p[e]) for e in pairs}, {e: float(weight[e]) for e in pairs}
    if name in PER_PAIR:
        return sum(w[e] * PER_PAIR[name](similar[e], q[e]) for e in pairs) / total
    if name == "kl":
        return divergence(pairs, similar, q, w)
    temperature = 0.5 if name == "infonce, hot" else 1.0
    values = []
    for u in range(len(z)):
        row = [e for e in pairs if e[0] == u]
        if sum(similar[e] for e in row) == 0:
            continue
        heated = {e: q[e] ** (1 / temperature) for e in row}
        if name == "kl over rows":
            values.append(divergence(row, similar, heated, w))
            continue
        mass, others = sum(w[e] * similar[e] for e in row), sum(w[e] * heated[e] for e in row)
        # The weights of a positive belong to P alone.
        values.append(-sum(w[e] * similar[e] / mass * math.log(heated[e] / others) for e in row))
    return sum(values) / len(values)


def divergence(
    pairs: list[tuple[int, int]], p: dict[tuple[int, int], float], q: dict[tuple[int, int], float],
    w: dict[tuple[int, int], float],
) -> float:  # fmt: skip
    """KL(P ‖ Q) of what is left of p and q when both, times w, are divided by their sums."""
    over_p, over_q = sum(w[e] * p[e] for e in pairs), sum(w[e] * q[e] for e in pairs)
    kept = [e for e in pairs if p[e] > 0]
    return sum(w[e] * p[e] / over_p * math.log((p[e] / over_p) / (q[e] / over_q)) for e in kept)


def value(batch: Batch, z: Tensor, loss: Loss) -> float:
    """The loss of a batch by the code."""
    relation = Static().relate(batch, Encoded(z[batch.nodes]), 0.0)
    return float(evaluate(relation, SIMILARITY, loss)[0])


def dense(graph: Graph) -> Tensor:
    p = torch.zeros(graph.num_nodes, graph.num_nodes)
    p[graph.rows, graph.col] = 1.0 if graph.weight is None else graph.weight
    return p


@pytest.mark.parametrize("far", [1.0, 0.1])
@pytest.mark.parametrize("name", LOSSES)
def test_the_full_batch_is_the_double_loop_over_ordered_pairs(name: str, far: float) -> None:
    p, z = dense(graph()), coordinates()
    weight = torch.where(p > 0, 1.0, far).fill_diagonal_(0)
    found = value(FullBatch(graph(), IndexFeed(), far_weight=far)(torch.Generator()), z, LOSSES[name])
    expected = in_loops(name, p.double(), z, weight.double(), float(weight.sum()))
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_a_sampled_batch_is_the_double_loop_with_its_weights(name: str) -> None:
    batches = EdgeBatches(graph(), IndexFeed(), 10, edge_share=0.6, far_weight=0.3)
    generator, z, p = torch.Generator().manual_seed(0), coordinates(), dense(graph())
    for _ in range(5):
        batch = batches(generator)
        assert batch.p is not None
        assert batch.weight is not None
        assert torch.equal(batch.p, p[batch.nodes][:, batch.nodes])
        total = 9 + 0.3 * (8 * 7 - 9)
        expected = in_loops(name, batch.p.double(), z[batch.nodes], batch.weight.double(), total)
        assert value(batch, z, LOSSES[name]) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_direction_and_weights_change_every_loss(name: str) -> None:
    z = coordinates()
    whole, bare = graph(), Graph(graph().crow, graph().col)
    graphs = [whole, whole.symmetrise("max"), bare, bare.symmetrise("max")]
    by_full = [value(FullBatch(g, IndexFeed(), far_weight=0.3)(torch.Generator()), z, LOSSES[name]) for g in graphs]
    by_edges = []
    for g in graphs:
        batches, generator = EdgeBatches(g, IndexFeed(), 12, far_weight=0.3), torch.Generator().manual_seed(0)
        by_edges.append(sum(value(batches(generator), z, LOSSES[name]) for _ in range(20)) / 20)
    for values in (by_full, by_edges):
        assert all(abs(a - b) > 1e-3 * abs(a) for a, b in itertools.combinations(values, 2)), values


@pytest.mark.parametrize("name", ["kl over rows", "infonce"])
def test_losses_over_rows_tell_an_edge_from_its_way_back(name: str) -> None:
    z = coordinates()
    there, back = (FullBatch(g, IndexFeed())(torch.Generator()) for g in (graph(), graph().transpose()))
    assert abs(value(there, z, LOSSES[name]) - value(back, z, LOSSES[name])) > 1e-2


def test_a_sum_over_pairs_cannot_tell_an_edge_from_its_way_back() -> None:
    """q_uv = q_vu, so Σ p_uv log q_uv depends on p_uv + p_vu alone: no draw and no code could do better."""
    z = coordinates()
    for name in ("bce", "mse", "gkl", "kl"):
        there, back = (FullBatch(g, IndexFeed())(torch.Generator()) for g in (graph(), graph().transpose()))
        assert value(there, z, LOSSES[name]) == pytest.approx(value(back, z, LOSSES[name]), rel=1e-6)
