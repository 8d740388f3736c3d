from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from graphurl.errors import InputError
from graphurl.evaluation.edges import edge_scores, homophily_captured, path_distortion
from graphurl.evaluation.links import link_scores
from graphurl.graphs.graph import Graph
from graphurl.graphs.links import Links


def blocks(n: int = 60, seed: int = 0) -> tuple[Graph, np.ndarray]:
    """Two dense groups with few edges between them, and their labels."""
    y = np.arange(n) % 2
    chance = np.where(y[:, None] == y, 0.3, 0.03)
    upper = np.triu(np.random.default_rng(seed).random((n, n)) < chance, 1)
    rows, cols = np.nonzero(upper)
    return Graph.from_edges(rows, cols, n).symmetrise("max"), y


def vectors(n: int = 60, d: int = 5) -> np.ndarray:
    generator = np.random.default_rng(1)
    return generator.normal(size=(2, d))[np.arange(n) % 2] + 0.8 * generator.normal(size=(n, d))


def test_edges_are_ranked_as_held_out_ones_are() -> None:
    graph, _ = blocks()
    z = vectors()
    one_way = graph.rows < graph.col
    links = Links(torch.stack([graph.rows[one_way], graph.col[one_way]]), graph)
    expected, found = link_scores(z, links), edge_scores(z, graph)
    assert [found[f"edge_{name}"] for name in ("auc", "ap", "mrr")] == [
        expected[f"link_{name}"] for name in ("auc", "ap", "mrr")
    ]
    assert found["edges"] == graph.num_edges // 2
    assert edge_scores(z, graph, limit=20)["edges"] == 20
    with pytest.raises(InputError, match="no edge"):
        edge_scores(z, Graph.from_edges([], [], 60))


def test_homophily_as_counted_row_by_row() -> None:
    graph, y = blocks()
    y = y.copy()
    y[:6] = -1
    z = vectors()
    u = z / np.linalg.norm(z, axis=1, keepdims=True)
    known = np.flatnonzero(y >= 0)
    shares = []
    for i in known:
        others = known[known != i]
        nearest = others[np.argsort(-(u[others] @ u[i]))[:7]]
        shares.append(np.mean(y[nearest] == y[i]))
    ends = [(y[a], y[b]) for a, b in zip(graph.rows.tolist(), graph.col.tolist(), strict=True)]
    of_edges = np.mean([a == b for a, b in ends if min(a, b) >= 0])
    chance = sum(np.mean(y[known] == c) ** 2 for c in (0, 1))
    found = homophily_captured(z, y, graph, 7)
    assert found["embedding"] == pytest.approx(np.mean(shares))
    assert found["graph"] == pytest.approx(of_edges)
    assert found["homophily_captured"] == pytest.approx((np.mean(shares) - chance) / (of_edges - chance))
    assert np.mean(found["outcomes"]["homophily_captured"]) == pytest.approx(found["homophily_captured"])


def test_rows_that_are_equal_are_not_their_own_neighbours() -> None:
    graph, y = blocks()
    heap = np.ones((60, 5))
    assert homophily_captured(heap, y, graph, 5)["outcomes"]["homophily_captured"].shape == (60,)


def test_a_graph_without_homophily_has_none_to_capture() -> None:
    graph, y = blocks()
    across = graph.rows[y[graph.rows] != y[graph.col]], graph.col[y[graph.rows] != y[graph.col]]
    with pytest.raises(InputError, match="no homophily to capture"):
        homophily_captured(vectors(), y, Graph.from_edges(*across, 60))


def test_paths_as_networkx_counts_them() -> None:
    graph, _ = blocks()
    z = vectors(d=3)
    found = path_distortion(z, graph, sources=60, targets=60)
    tree = nx.Graph(list(zip(graph.rows.tolist(), graph.col.tolist(), strict=True)))
    tree.add_nodes_from(range(60))
    steps, apart = [], []
    for source, lengths in nx.all_pairs_shortest_path_length(tree):
        for target, length in lengths.items():
            if source != target:
                steps.append(length)
                apart.append(np.linalg.norm(z[source] - z[target]))
    ratio = np.array(apart) / steps
    best = min(np.square(s * ratio - 1).mean() for s in np.linspace(0.01, 5, 20_000))
    scale = ratio.sum() / np.square(ratio).sum()
    assert np.square(scale * ratio - 1).mean() == pytest.approx(best, rel=1e-5)
    assert found["path_distortion"] == pytest.approx(np.abs(scale * ratio - 1).mean(), rel=1e-6)
    assert found["path_correlation"] == pytest.approx(spearmanr(apart, steps).statistic)
    assert found["pairs"] == len(steps)


def test_a_chain_on_a_line_is_not_distorted() -> None:
    i = torch.arange(30)
    chain = Graph.from_edges(i[:-1], i[1:], 30).symmetrise("max")
    found = path_distortion(7.0 * np.arange(30)[:, None], chain)
    assert found["path_distortion"] == pytest.approx(0, abs=1e-12)
    assert found["path_correlation"] == pytest.approx(1)
    with pytest.raises(InputError, match="all distances of the embedding are equal"):
        path_distortion(np.ones((30, 2)), chain)
    with pytest.raises(InputError, match="nothing to compare"):
        path_distortion(vectors(30), Graph.from_edges([], [], 30))


def test_rows_and_nodes_have_to_match() -> None:
    graph, y = blocks()
    for metric in (edge_scores, path_distortion):
        with pytest.raises(InputError, match="59 rows and the graph 60 nodes"):
            metric(vectors()[:59], graph)
    with pytest.raises(InputError, match="59 rows and the graph 60 nodes"):
        homophily_captured(vectors()[:59], y[:59], graph)
