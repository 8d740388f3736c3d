from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.errors import InputError
from graphurl.graphs import Graph
from graphurl.graphs.algebra import weighted
from tests.graphs.dense import graphs, mask_of, matrix_of, pairs

A = Graph.from_edges([0, 0, 1], [1, 2, 2], 3, weight=[0.25, 0.5, 1.0], length=[1, 2, 3])
B = Graph.from_edges([0, 1, 2], [1, 0, 2], 3, weight=[0.5, 0.125, 0.75], length=[4, 5, 6])


def edges(graph: Graph) -> dict[tuple[int, int], tuple[float, float]]:
    values = zip(graph.rows.tolist(), graph.col.tolist(), graph.weight, graph.length, strict=True)
    return {(i, j): (float(w), float(d)) for i, j, w, d in values}


def test_sum_union_and_intersection_of_two_small_graphs() -> None:
    shared = {(0, 2): (0.5, 2.0), (1, 2): (1.0, 3.0), (1, 0): (0.125, 5.0), (2, 2): (0.75, 6.0)}
    assert edges(A + B) == shared | {(0, 1): (0.75, 1.0)}
    assert edges(A | B) == shared | {(0, 1): (0.5, 1.0)}
    assert edges(A & B) == {(0, 1): (0.25, 1.0)}
    assert edges(2 * A) == {(0, 1): (0.5, 1.0), (0, 2): (1.0, 2.0), (1, 2): (2.0, 3.0)}
    assert A * 2 == 2 * A


@given(pairs(weight=True))
def test_operations_are_the_dense_formulas(pair: tuple[Graph, Graph]) -> None:
    a, b = pair
    wa, wb, both = matrix_of(a, "weight"), matrix_of(b, "weight"), mask_of(a) & mask_of(b)
    np.testing.assert_array_equal(matrix_of(a + b, "weight"), wa + wb)
    np.testing.assert_array_equal(matrix_of(a | b, "weight"), np.maximum(wa, wb))
    np.testing.assert_array_equal(matrix_of(a & b, "weight"), np.where(both, np.minimum(wa, wb), 0))
    np.testing.assert_array_equal(matrix_of(0.5 * a, "weight"), 0.5 * wa)
    np.testing.assert_array_equal(mask_of(a + b), mask_of(a) | mask_of(b))
    np.testing.assert_array_equal(mask_of(a & b), both)


@given(pairs(weight=True, length=True))
def test_lengths_are_the_smaller_ones(pair: tuple[Graph, Graph]) -> None:
    a, b = pair
    la, lb = matrix_of(a, "length", np.inf), matrix_of(b, "length", np.inf)
    both = mask_of(a) & mask_of(b)
    for result in (a + b, a | b):
        np.testing.assert_array_equal(matrix_of(result, "length", np.inf), np.minimum(la, lb))
    np.testing.assert_array_equal(
        matrix_of(a & b, "length", np.inf), np.where(both, np.minimum(la, lb), np.inf)
    )


@given(pairs(weight=True))
def test_lengths_survive_only_where_both_have_them(pair: tuple[Graph, Graph]) -> None:
    a, b = pair
    for result in (a + b, a | b, a & b):
        assert (result.length is None) == (a.length is None or b.length is None)


@given(pairs())
def test_operations_commute(pair: tuple[Graph, Graph]) -> None:
    a, b = pair
    assert a + b == b + a
    assert a | b == b | a
    assert a & b == b & a


@given(graphs(weight=True))
def test_union_and_intersection_are_idempotent(graph: Graph) -> None:
    assert graph | graph == graph
    assert graph & graph == graph


@given(pairs(weight=True), st.randoms())
def test_operations_follow_a_permutation_of_the_nodes(pair: tuple[Graph, Graph], random: object) -> None:
    a, b = pair
    order = list(range(a.num_nodes))
    random.shuffle(order)  # type: ignore[attr-defined]
    for combine in (lambda x, y: x + y, lambda x, y: x | y, lambda x, y: x & y):
        assert combine(a.subgraph(order), b.subgraph(order)) == combine(a, b).subgraph(order)


@given(pairs())
def test_operands_are_left_alone(pair: tuple[Graph, Graph]) -> None:
    a, b = pair
    kept = [dataclasses.replace(g, crow=g.crow.clone(), col=g.col.clone()) for g in pair]
    values = [v.clone() for g in pair for v in (g.weight, g.length) if v is not None]
    _ = (a + b, a | b, a & b, 0.5 * a)
    assert [dataclasses.replace(g) for g in pair] == kept
    after = [v for g in pair for v in (g.weight, g.length) if v is not None]
    assert all(torch.equal(x, y) for x, y in zip(values, after, strict=True))


def test_operands_without_weights_get_them() -> None:
    plain = Graph.from_edges([0, 1], [1, 2], 3)
    assert weighted(plain).weight.tolist() == [1.0, 1.0]
    assert weighted(A) is A
    lengths = Graph.from_edges([0, 1, 2], [1, 2, 0], 3, length=[1.0, 2.0, 3.0])
    assert weighted(lengths) == lengths.similarity()
    assert 0.5 * lengths + plain == 0.5 * lengths.similarity() + weighted(plain)
    assert (0.5 * plain).weight.tolist() == [0.5, 0.5]


def test_scaled_sums_do_not_meet_the_kernel_twice() -> None:
    a = Graph.from_edges([0, 0, 1, 2], [1, 2, 2, 0], 3, length=[1.0, 2.0, 1.0, 3.0])
    mixed = 0.75 * a + 0.25 * a.transpose()
    assert mixed.length is None
    assert mixed.similarity() == mixed


def test_names_come_from_the_graph_that_has_them() -> None:
    named = dataclasses.replace(A, ids=("a", "b", "c"))
    for result in (named + B, B + named, named | B, B & named):
        assert result.ids == ("a", "b", "c")


def test_provenance_tells_the_formula() -> None:
    a, b = dataclasses.replace(A, provenance={"kind": "a"}), dataclasses.replace(B, provenance={"kind": "b"})
    assert (0.5 * a + b).provenance == {
        "op": "add",
        "of": [{"op": "scale", "alpha": 0.5, "of": [{"kind": "a"}]}, {"kind": "b"}],
    }


def test_graphs_on_other_nodes_are_refused() -> None:
    small = Graph.from_edges([0], [1], 2)
    x = dataclasses.replace(A, ids=("a", "b", "c"))
    y = dataclasses.replace(B, ids=("a", "d", "c"))
    for combine in (lambda p, q: p + q, lambda p, q: p | q, lambda p, q: p & q, lambda p, q: p.diff(q)):
        with pytest.raises(
            InputError, match=r"^graphs of 3 and 2 nodes cannot be combined: give both the same"
        ):
            combine(A, small)
        with pytest.raises(InputError, match=r"^the ids differ, first at node 1 \('b' and 'd'\): "):
            combine(x, y)


@pytest.mark.parametrize("alpha", [-1.0, float("nan"), float("inf")])
def test_a_factor_without_meaning_is_refused(alpha: float) -> None:
    with pytest.raises(InputError, match="the factor is finite and 0 or more"):
        _ = alpha * A


def test_other_operands_are_a_type_error() -> None:
    with pytest.raises(TypeError):
        _ = A + 1  # type: ignore[operator]
    with pytest.raises(TypeError):
        _ = A * A  # type: ignore[operator]
