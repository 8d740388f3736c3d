from __future__ import annotations

import networkx
import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given

from graphurl.errors import InputError
from graphurl.graphs import Graph, from_networkx, from_scipy, to_networkx, to_pyg, to_scipy
from tests.graphs.dense import graphs, mask_of, matrix_of


@given(graphs())
def test_scipy_holds_the_dense_matrices(graph: Graph) -> None:
    for kind in ("weight", "length"):
        matrix = to_scipy(graph, kind)
        np.testing.assert_array_equal(matrix.toarray(), matrix_of(graph, kind))
        assert matrix.nnz == graph.num_edges
        again = from_scipy(matrix, kind)
        np.testing.assert_array_equal(mask_of(again), mask_of(graph))
        np.testing.assert_array_equal(matrix_of(again, kind), matrix_of(graph, kind))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "lil", "dok", "bsr"])
def test_every_sparse_format_is_read_and_left_alone(form: str) -> None:
    matrix = scipy.sparse.csr_array(np.array([[0, 1.5], [2.5, 0]])).asformat(form)
    kept = matrix.copy()
    graph = from_scipy(matrix, ids=("a", "b"))
    assert graph == Graph.from_edges([0, 1], [1, 0], 2, weight=[1.5, 2.5], ids=("a", "b"))
    assert (matrix != kept).nnz == 0


def test_scipy_duplicates_are_merged_and_shared_memory_is_not() -> None:
    twice = scipy.sparse.coo_array(([1.0, 2.0], ([0, 0], [1, 1])), shape=(2, 2))
    assert from_scipy(twice).weight.tolist() == [3.0]
    assert from_scipy(twice, "length").length.tolist() == [1.0]
    graph = Graph.from_edges([0], [1], 2, weight=[1.0])
    to_scipy(graph).data[:] = 7
    assert graph.weight.tolist() == [1.0]


@pytest.mark.parametrize(
    ("matrix", "kind", "message"),
    [
        (scipy.sparse.csr_array((2, 3)), "weight", r"the matrix has shape \(2, 3\): an adjacency is square"),
        (scipy.sparse.csr_array(np.array([[0, -1.0], [0, 0]])), "weight", "edge 0 -> 1 has weight -1"),
        (scipy.sparse.csr_array(np.array([[0, np.nan], [0, 0]])), "length", "edge 0 -> 1 has length nan"),
        (scipy.sparse.csr_array((2, 2)), "wieght", "unknown kind of entry 'wieght': did you mean 'weight'"),
        (np.zeros((2, 2)), "length", "ndarray is no scipy sparse matrix: use from_distances"),
    ],
)
def test_what_is_no_adjacency_is_refused(matrix: object, kind: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_scipy(matrix, kind)


@given(graphs())
def test_networkx_round_trip(graph: Graph) -> None:
    again = from_networkx(to_networkx(graph))
    assert again.ids == tuple(str(i) for i in range(graph.num_nodes))
    bare = Graph(again.crow, again.col, again.length, again.weight)
    if graph.num_edges:
        assert bare == graph
    else:
        assert bare.num_nodes == graph.num_nodes


def test_networkx_nodes_become_ids_and_undirected_edges_go_both_ways() -> None:
    net = networkx.Graph()
    net.add_nodes_from(["z", 3, ("a", 1)])
    net.add_edge("z", 3, weight=0.5)
    net.add_edge(3, 3, weight=2.0)
    graph = from_networkx(net)
    assert graph.ids == ("z", "3", "('a', 1)")
    assert graph == Graph.from_edges([0, 1, 1], [1, 0, 1], 3, weight=[0.5, 0.5, 2.0], ids=graph.ids)
    assert from_networkx(net, weight=None).weight is None
    assert net.number_of_edges() == 2


def test_networkx_of_parallel_edges_and_directions() -> None:
    net = networkx.MultiDiGraph([("a", "b", {"weight": 1.0}), ("a", "b", {"weight": 2.0})])
    assert from_networkx(net).weight.tolist() == [3.0]
    assert from_networkx(networkx.DiGraph([(1, 2)])).num_edges == 1
    assert from_networkx(networkx.DiGraph([(1, 2)])).weight is None


def test_networkx_of_half_weights_or_twin_names_is_refused() -> None:
    half = networkx.Graph([("a", "b", {"weight": 1.0}), ("b", "c")])
    with pytest.raises(InputError, match=r"^edge 'b' -> 'c' has no 'weight', others have: .*weight=None$"):
        from_networkx(half)
    with pytest.raises(InputError, match=r"^id '1' occurs twice"):
        from_networkx(networkx.Graph([(1, "1")]))
    with pytest.raises(InputError, match=r"^edge 'a' -> 'b' has weight -1"):
        from_networkx(networkx.DiGraph([("a", "b", {"weight": -1.0})]))


def test_to_networkx_keeps_names_values_and_isolated_nodes() -> None:
    graph = Graph.from_edges([0], [1], 3, length=[2.0], weight=[0.5], ids=("a", "b", "c"))
    net = to_networkx(graph)
    assert list(net.nodes) == ["a", "b", "c"]
    assert net.edges["a", "b"] == {"weight": 0.5, "length": 2.0}
    assert list(to_networkx(Graph.from_edges([0], [1], 3)).nodes) == [0, 1, 2]


def test_to_pyg_has_the_usual_names_and_its_own_memory() -> None:
    graph = Graph.from_edges([0, 1], [1, 2], 4, weight=[0.5, 0.25])
    data = to_pyg(graph)
    assert data.edge_index.tolist() == [[0, 1], [1, 2]]
    assert data.num_nodes == 4
    assert "edge_length" not in data
    assert data.validate()
    data.edge_weight[:] = 9
    assert torch.equal(graph.weight, torch.tensor([0.5, 0.25]))
