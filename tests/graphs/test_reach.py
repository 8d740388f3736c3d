from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.errors import InputError
from graphurl.graphs import Graph
from tests.graphs.dense import Matrix, graphs, matrix_of


def naive_paths(step: Matrix, hops: int) -> Matrix:
    """Bellman's recursion on dense matrices: the shortest way of at most `hops` edges."""
    n = len(step)
    best = np.full((n, n), np.inf)
    np.fill_diagonal(best, 0.0)
    for _ in range(hops):
        longer = best.copy()
        for i in range(n):
            for j in range(n):
                for via in range(n):
                    longer[i, j] = min(longer[i, j], best[i, via] + step[via, j])
        best = longer
    np.fill_diagonal(best, np.inf)
    return best


@given(graphs(), st.sampled_from([1, 2, 3, None]))
def test_shortest_paths_within_hops(graph: Graph, hops: int | None) -> None:
    expected = naive_paths(matrix_of(graph, "length", np.inf), hops or graph.num_nodes)
    got = graph.shortest_paths(max_hops=hops)
    np.testing.assert_array_equal(matrix_of(got, "length", np.inf), expected)
    assert got.weight is None


@given(graphs(length=True), st.sampled_from([0.0, 0.5, 2.0, 5.0]))
def test_shortest_paths_within_a_length(graph: Graph, most: float) -> None:
    expected = naive_paths(matrix_of(graph, "length", np.inf), graph.num_nodes)
    expected[expected > most] = np.inf
    got = graph.shortest_paths(max_length=most)
    np.testing.assert_array_equal(matrix_of(got, "length", np.inf), expected)


@given(graphs(), st.integers(1, 3))
def test_k_hop_counts_edges(graph: Graph, k: int) -> None:
    step = np.where(np.isinf(matrix_of(graph, "length", np.inf)), np.inf, 1.0)
    np.testing.assert_array_equal(matrix_of(graph.k_hop(k), "length", np.inf), naive_paths(step, k))


def test_paths_over_edges_of_length_zero_exist() -> None:
    graph = Graph.from_edges([0, 1], [1, 2], 3, length=[0.0, 0.0], ids=("a", "b", "c"))
    paths = graph.shortest_paths()
    assert paths.length.tolist() == [0.0, 0.0, 0.0]
    assert paths.ids == ("a", "b", "c")


@given(graphs(length=True), st.randoms())
def test_paths_follow_a_permutation_of_the_nodes(graph: Graph, random: object) -> None:
    order = list(range(graph.num_nodes))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert graph.subgraph(order).shortest_paths(max_hops=2) == graph.shortest_paths(max_hops=2).subgraph(
        order
    )


def test_all_paths_of_a_large_graph_are_refused_with_a_number() -> None:
    graph = Graph.from_edges([0], [1], 100_000)
    with pytest.raises(InputError, match=r"10000000000 pairs \(120.0 GB\): give max_hops or max_length"):
        graph.shortest_paths()
    assert graph.shortest_paths(max_hops=3).num_edges == 1


def test_limits_without_meaning_are_refused() -> None:
    graph = Graph.from_edges([0], [1], 2)
    with pytest.raises(InputError, match="k is 0: give at least 1 hop"):
        graph.k_hop(0)
    with pytest.raises(InputError, match="max_hops is 0: give at least 1 hop"):
        graph.shortest_paths(max_hops=0)
    with pytest.raises(InputError, match="max_length is nan"):
        graph.shortest_paths(max_length=float("nan"))


def test_the_graph_is_left_alone() -> None:
    graph = Graph.from_edges([0, 1], [1, 2], 3, length=[1.0, 2.0])
    before = [t.clone() for t in (graph.crow, graph.col, graph.length)]
    graph.shortest_paths(max_hops=2)
    graph.k_hop(2)
    assert all(torch.equal(x, y) for x, y in zip(before, (graph.crow, graph.col, graph.length), strict=True))
