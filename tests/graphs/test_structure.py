from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.errors import InputError
from graphurl.graphs import Graph
from graphurl.graphs.structure import is_symmetric
from tests.graphs.dense import graph_of, graphs, mask_of, matrix_of

FORMULAS = {
    "max": np.maximum,
    "mean": lambda a, b: (a + b) / 2,
    "tconorm": lambda a, b: a + b - a * b,
}


@given(graphs(weight=True), st.sampled_from(sorted(FORMULAS)))
def test_symmetrise_is_the_dense_formula(graph: Graph, mode: str) -> None:
    w, result = matrix_of(graph, "weight"), graph.symmetrise(mode)
    np.testing.assert_allclose(matrix_of(result, "weight"), FORMULAS[mode](w, w.T), rtol=1e-6)
    np.testing.assert_array_equal(mask_of(result), mask_of(graph) | mask_of(graph).T)
    assert is_symmetric(result)


@given(graphs(length=True), st.sampled_from(sorted(FORMULAS)))
def test_symmetrise_takes_the_smaller_length(graph: Graph, mode: str) -> None:
    d = matrix_of(graph, "length", np.inf)
    np.testing.assert_array_equal(matrix_of(graph.symmetrise(mode), "length", np.inf), np.minimum(d, d.T))


def test_symmetrise_gives_weights_only_where_they_matter() -> None:
    one_way = Graph.from_edges([0, 1, 1], [1, 0, 2], 3)
    assert one_way.symmetrise("max").weight is None
    assert one_way.symmetrise("tconorm").weight is None
    assert one_way.symmetrise("mean").weight.tolist() == [1.0, 1.0, 0.5, 0.5]
    assert one_way.symmetrise("none") == one_way
    with pytest.raises(InputError, match="unknown symmetrisation 'maximum': did you mean"):
        one_way.symmetrise("maximum")


@given(graphs())
def test_transpose_turns_matrices_round(graph: Graph) -> None:
    turned = graph.transpose()
    np.testing.assert_array_equal(matrix_of(turned, "weight", -1), matrix_of(graph, "weight", -1).T)
    np.testing.assert_array_equal(matrix_of(turned, "length", -1), matrix_of(graph, "length", -1).T)
    assert turned.transpose() == graph
    assert is_symmetric(graph) == (turned == graph)


@given(graphs(weight=True, length=True), st.sampled_from([0.0, 0.25, 0.5, 2.0]))
def test_prune_by_value_keeps_the_limit_itself(graph: Graph, limit: float) -> None:
    w, d, mask = matrix_of(graph, "weight"), matrix_of(graph, "length"), mask_of(graph)
    light, near = graph.prune(min_weight=limit), graph.prune(max_length=limit)
    np.testing.assert_array_equal(mask_of(light), mask & (w >= limit))
    np.testing.assert_array_equal(mask_of(near), mask & (d <= limit))
    np.testing.assert_array_equal(matrix_of(light, "length"), np.where(mask & (w >= limit), d, 0))
    assert graph.prune(min_weight=limit, max_length=limit) == light & near


def naive_rank(graph: Graph, row: int, col: int, *, outgoing: bool) -> int:
    """How many edges of the same node are stronger, ties by the smaller other end."""
    cost = matrix_of(graph, "length") if graph.weight is None else -matrix_of(graph, "weight")
    mask = mask_of(graph)
    if not outgoing:
        cost, mask, row, col = cost.T, mask.T, col, row
    own = (cost[row, col], col)
    return sum(mask[row, j] and (cost[row, j], j) < own for j in range(graph.num_nodes))


@given(graphs(), st.integers(0, 4))
def test_top_k_keeps_the_strongest_of_every_row(graph: Graph, k: int) -> None:
    expected = mask_of(graph)
    for i, j in np.argwhere(expected):
        expected[i, j] = naive_rank(graph, i, j, outgoing=True) < k
    pruned = graph.prune(top_k=k)
    np.testing.assert_array_equal(mask_of(pruned), expected)
    assert pruned.degree.max() <= k


@given(graphs(), st.integers(0, 4))
def test_max_degree_wants_an_edge_to_be_strong_at_both_ends(graph: Graph, most: int) -> None:
    expected = mask_of(graph)
    for i, j in np.argwhere(expected):
        ranks = naive_rank(graph, i, j, outgoing=True), naive_rank(graph, i, j, outgoing=False)
        expected[i, j] = max(ranks) < most
    np.testing.assert_array_equal(mask_of(graph.prune(max_degree=most)), expected)
    assert is_symmetric(graph.symmetrise("max").prune(max_degree=most))


def test_prune_refuses_what_the_graph_does_not_carry() -> None:
    plain = Graph.from_edges([0], [1], 2)
    with pytest.raises(InputError, match=r"cannot prune by weight: the edges have no weights \(call"):
        plain.prune(min_weight=0.5)
    with pytest.raises(InputError, match="cannot prune by length: the edges have no lengths"):
        plain.prune(max_length=0.5)
    with pytest.raises(InputError, match="top_k is -1: a number of edges is 0 or more"):
        plain.prune(top_k=-1)
    assert plain.prune() == plain


@given(graphs())
def test_without_self_loops_clears_the_diagonal_only(graph: Graph) -> None:
    expected = mask_of(graph) & ~np.eye(graph.num_nodes, dtype=bool)
    cleared = graph.without_self_loops()
    np.testing.assert_array_equal(mask_of(cleared), expected)
    w = matrix_of(graph, "weight")
    np.testing.assert_array_equal(matrix_of(cleared, "weight"), np.where(expected, w, 0))


@given(graphs(), st.data())
def test_subgraph_is_the_dense_block_in_the_order_given(graph: Graph, data: st.DataObject) -> None:
    order = data.draw(st.permutations(range(graph.num_nodes)))
    chosen = order[: data.draw(st.integers(0, graph.num_nodes))]
    block = np.ix_(chosen, chosen)
    part = graph.subgraph(chosen)
    for kind in ("weight", "length"):
        np.testing.assert_array_equal(matrix_of(part, kind, -1), matrix_of(graph, kind, -1)[block])


def test_subgraph_takes_masks_and_keeps_names() -> None:
    graph = graph_of(~np.eye(3, dtype=bool), ids=("a", "b", "c"))
    part = graph.subgraph(torch.tensor([True, False, True]))
    assert part.ids == ("a", "c")
    assert part.rows.tolist() == [0, 1]
    assert graph.subgraph([2, 0]).ids == ("c", "a")


@pytest.mark.parametrize(
    ("nodes", "message"),
    [
        ([0, 3], "^node 3 is not in the graph: nodes are 0 to 2$"),
        ([0, -1], "^node -1 is not in the graph"),
        ([1, 1], "^nodes holds a node twice"),
        ([True, False], r"^the mask has shape \(2,\) for 3 nodes"),
    ],
)
def test_subgraph_of_strange_nodes_is_refused(nodes: list[int], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Graph.from_edges([0], [1], 3).subgraph(nodes)


@given(graphs(), st.randoms())
def test_operations_follow_a_permutation_of_the_nodes(graph: Graph, random: object) -> None:
    order = list(range(graph.num_nodes))
    random.shuffle(order)  # type: ignore[attr-defined]
    moved = graph.subgraph(order)
    for mode in FORMULAS:
        assert moved.symmetrise(mode) == graph.symmetrise(mode).subgraph(order)
    assert moved.transpose() == graph.transpose().subgraph(order)
    assert moved.without_self_loops() == graph.without_self_loops().subgraph(order)
