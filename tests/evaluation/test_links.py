"""Link prediction: edges held out, absent pairs, and the three numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

import graphurl
from graphurl.errors import InputError
from graphurl.evaluation import links
from graphurl.evaluation.links import link_scores
from graphurl.evaluation.metrics import default_metrics
from graphurl.evaluation.report import evaluate
from graphurl.graphs.graph import Graph
from graphurl.graphs.links import Links, hold_out
from graphurl.source import Source


def ring(n: int = 40) -> Graph:
    i = torch.arange(n)
    return Graph.from_edges(i, (i + 1) % n, n).symmetrise("max")


def directed(n: int = 30, seed: int = 0) -> Graph:
    pairs = torch.randint(n, (2, 5 * n), generator=torch.Generator().manual_seed(seed))
    pairs = pairs[:, pairs[0] != pairs[1]]
    weight = torch.rand(pairs.shape[1], generator=torch.Generator().manual_seed(seed))
    return Graph.from_edges(pairs[0], pairs[1], n, weight=weight)


def pairs_of(graph: Graph) -> set[tuple[int, int]]:
    return set(zip(graph.rows.tolist(), graph.col.tolist(), strict=True))


@given(st.floats(0.05, 0.9), st.integers(0, 5), st.booleans())
def test_what_is_held_out_and_the_rest_are_the_graph(share: float, seed: int, both_ways: bool) -> None:
    graph = ring() if both_ways else directed()
    rest, links = hold_out(graph, share, seed)
    held = set(zip(*links.held.tolist(), strict=True))
    assert len(held) == round(share * (40 if both_ways else graph.num_edges))
    mirrored = {(b, a) for a, b in held} if both_ways else set()
    assert not (held | mirrored) & pairs_of(rest)
    assert held | mirrored | pairs_of(rest) == pairs_of(graph)
    if not both_ways:
        assert rest.weight is not None and graph.weight is not None
        dense = torch.zeros(30, 30).index_put((graph.rows, graph.col), graph.weight)
        assert torch.equal(dense[rest.rows, rest.col], rest.weight)


def test_the_draw_depends_on_the_seed_alone() -> None:
    first, again, other = (hold_out(ring(), 0.3, seed)[1].held for seed in (0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_absent_pairs_are_uniform_among_those_that_are_none() -> None:
    graph = Graph.from_edges([0, 0, 1, 2], [1, 2, 0, 0], 6)
    links = Links(torch.tensor([[0], [1]]), graph)
    drawn = links.corrupted(torch.zeros(3000, dtype=torch.int64), torch.Generator().manual_seed(0))
    count = torch.bincount(drawn, minlength=6)
    assert count[[0, 1, 2]].tolist() == [0, 0, 0]
    assert (count[3:] - 1000).abs().max() < 5 * 26  # √(3000 · 1/3 · 2/3) = 26


def test_a_node_with_an_edge_to_all_is_refused() -> None:
    star = Graph.from_edges([0, 0, 1, 2], [1, 2, 0, 0], 3)
    with pytest.raises(InputError, match="every other"):
        Links(torch.tensor([[0], [1]]), star).corrupted(torch.tensor([0]), torch.Generator())


def test_vectors_that_know_the_ring_score_full_marks_and_equal_ones_half() -> None:
    graph = ring()
    _, links = hold_out(graph, 0.3)
    angle = 2 * torch.pi * torch.arange(40) / 40
    found = link_scores(torch.stack([angle.cos(), angle.sin()], 1), links)
    assert (found["link_auc"], found["link_ap"], found["link_mrr"]) == (1, 1, 1)
    assert (found["edges"], found["ranked"]) == (12, 12)
    same = link_scores(np.ones((40, 2)), links)
    assert same["link_auc"] == 0.5
    assert same["link_mrr"] == pytest.approx(1 / 51)


@pytest.mark.parametrize("metric", ["cosine", "euclidean", "inner"])
def test_the_numbers_are_their_definitions(metric: str) -> None:
    graph = directed()
    _, links = hold_out(graph, 0.2, 1)
    z = torch.randn(30, 4, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    found = link_scores(z, links, metric=metric, candidates=7, seed=5)
    x = z / z.norm(dim=1, keepdim=True) if metric == "cosine" else z
    table = -torch.cdist(x, x).square() if metric == "euclidean" else x @ x.T
    generator = torch.Generator().manual_seed(5)
    a, b = links.held
    other = links.corrupted(a, generator)
    score = [*table[a, b].tolist(), *table[a, other].tolist()]
    assert found["link_auc"] == pytest.approx(roc_auc_score([1] * len(a) + [0] * len(a), score))
    order = torch.randperm(len(a), generator=generator)
    rivals = links.corrupted(a[order, None].expand(-1, 7), generator)
    ranks = [1 + int((table[s, r] > table[s, t]).sum()) for s, t, r in zip(a[order], b[order], rivals, strict=True)]
    assert found["link_mrr"] == pytest.approx(np.mean([1 / rank for rank in ranks]))


def test_a_limit_ranks_some_only_and_rubbish_is_refused() -> None:
    _, links = hold_out(ring(), 0.5)
    assert link_scores(np.eye(40), links, limit=3)["ranked"] == 3
    with pytest.raises(InputError, match="7 rows"):
        link_scores(np.eye(7), links)
    with pytest.raises(InputError, match="cosine, euclidean or inner"):
        link_scores(np.eye(40), links, metric="taxi")
    for share in (0.0, 1.0, 1e-9):
        with pytest.raises(InputError, match="above 0 and below 1"):
            hold_out(ring(), share)


@pytest.mark.slow
def test_a_run_without_some_edges_reports_how_well_it_finds_them() -> None:
    source = Source(data="toy-citation", variant="links:0.1")
    run = graphurl.embed(source, epochs=1, dim=16)
    assert run.samples is not None and run.samples.links is not None
    assert run.samples.graph.num_edges < run.samples.links.known.num_edges  # type: ignore[union-attr]
    report = run.report()
    assert report["link_auc"] > 0.7
    assert report["link_auc"] == link_scores(run.z, run.samples.links)["link_auc"]
    assert "link_auc" not in evaluate(run.z).metrics
    assert "link_auc" not in default_metrics(16)
    with pytest.raises(InputError, match="there is no graph"):
        Source(data="digits", variant="links:0.1").load()


def test_what_each_edge_adds_to_the_numbers() -> None:
    rng = np.random.default_rng(0)
    present, absent = rng.integers(0, 9, 80) + 2.0, rng.integers(0, 9, 80).astype(float)
    parts = links._shares(torch.from_numpy(present), torch.from_numpy(absent))
    truth, score = np.repeat([1, 0], 80), np.concatenate([present, absent])
    assert parts.mean() == pytest.approx(roc_auc_score(truth, score))
    # Of rows drawn again the mean of the parts moves as the AUC does, to first order.
    draws = rng.integers(0, 80, (300, 80))
    moved = [roc_auc_score(truth, np.concatenate([present[rows], absent[rows]])) for rows in draws]
    assert np.std(moved) == pytest.approx(np.std(parts[draws].mean(1)), rel=0.1)
    assert np.corrcoef(moved, parts[draws].mean(1))[0, 1] > 0.99


@given(st.integers(0, 10**6), st.integers(2, 12))
def test_average_precision_of_weighted_pairs_is_scikit_learn_s(seed: int, values: int) -> None:
    rng = np.random.default_rng(seed)
    truth, score, weight = np.repeat([1, 0], 20), rng.integers(0, values, 40).astype(float), rng.integers(0, 3, 40)
    weight[0] += 1
    expected = average_precision_score(truth, score, sample_weight=weight)
    assert links._Precision(truth, score)(weight.astype(float)) == pytest.approx(expected)


def test_intervals_of_link_prediction() -> None:
    graph = directed(60)
    rest, held = hold_out(graph, 0.4, 0)
    z = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    report = evaluate(z, links=held, graph=rest, metrics=["link_auc", "link_ap", "link_mrr"])
    for name in ("link_auc", "link_ap", "link_mrr"):
        entry = report.metrics[name]
        assert entry["low"] < entry["value"] < entry["high"]
        assert 0.02 < entry["high"] - entry["low"] < 0.4
