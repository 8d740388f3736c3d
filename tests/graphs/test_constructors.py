from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl import registry
from graphurl.errors import InputError
from graphurl.graphs import (
    Graph,
    citation,
    from_distances,
    from_edge_index,
    from_knn,
    from_pyg,
    knn,
    labels,
    to_pyg,
)
from graphurl.graphs.structure import is_symmetric
from tests.graphs.dense import Matrix, mask_of, matrix_of

LINE = torch.tensor([[0.0], [1.0], [3.0], [7.0]])


def naive_knn(d: Matrix, k: int) -> Matrix:
    """Distances to the k nearest others, inf elsewhere; ties by index."""
    result = np.full_like(d, np.inf)
    for i in range(len(d)):
        others = sorted((j for j in range(len(d)) if j != i), key=lambda j: (d[i, j], j))
        for j in others[:k]:
            result[i, j] = d[i, j]
    return result


def test_knn_of_points_on_a_line() -> None:
    graph = knn(LINE, 2)
    assert list(zip(graph.rows.tolist(), graph.col.tolist(), graph.length.tolist(), strict=True)) == [
        (0, 1, 1.0), (0, 2, 3.0), (1, 0, 1.0), (1, 2, 2.0),
        (2, 0, 3.0), (2, 1, 2.0), (3, 1, 6.0), (3, 2, 4.0),
    ]  # fmt: skip
    assert graph.weight is None
    assert graph.provenance == {"kind": "knn", "k": 2, "metric": "euclidean", "method": "auto", "seed": 0}
    assert registry.resolve("graphs", "knn") is knn


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.usefixtures("rng_untouched")
def test_knn_is_the_double_loop(metric: str) -> None:
    x = np.random.default_rng(1).standard_normal((20, 4))
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    d = {
        "euclidean": lambda i, j: np.linalg.norm(x[i] - x[j]),
        "cosine": lambda i, j: np.linalg.norm(unit[i] - unit[j]),
        "manhattan": lambda i, j: np.abs(x[i] - x[j]).sum(),
    }[metric]
    distances = np.array([[d(i, j) for j in range(20)] for i in range(20)])
    got = matrix_of(knn(x, 4, metric=metric), "length", np.inf)
    np.testing.assert_allclose(got, naive_knn(distances, 4), rtol=1e-5)


def test_knn_takes_arrays_sparse_rows_and_callables_and_leaves_them_alone() -> None:
    x = np.random.default_rng(2).random((10, 3)).astype(np.float32)
    kept, expected = x.copy(), knn(torch.from_numpy(x), 3)
    assert knn(x, 3) == expected
    for sparse in (scipy.sparse.csr_array(x), torch.from_numpy(x).to_sparse_csr()):
        got = knn(sparse, 3)
        assert torch.equal(got.col, expected.col)
        torch.testing.assert_close(got.length, expected.length)
    assert torch.equal(knn(x, 3, metric=lambda a, b: torch.cdist(a, b)).col, expected.col)
    assert np.array_equal(x, kept)


@pytest.mark.parametrize(
    ("x", "k", "message"),
    [
        (LINE, 4, "^k is 4 for 4 rows: a row has 1 to 3 others"),
        (LINE, 0, "^k is 0 for 4 rows"),
        (torch.tensor([[0.0], [float("nan")], [1.0]]), 1, "^x holds NaN or Inf in 1 rows, first in row 1: "),
        (np.array([[0.0], [1.0], [np.inf]]), 1, "first in row 2: "),
        (scipy.sparse.csr_array(np.array([[0.0, 1], [np.nan, 1], [1, 1]])), 1, "^x holds NaN or Inf: drop"),
    ],
)
def test_rows_without_such_neighbours_are_refused(x: object, k: int, message: str) -> None:
    with pytest.raises(InputError, match=message):
        knn(x, k)


def test_unknown_metrics_and_methods_are_refused() -> None:
    with pytest.raises(InputError, match="unknown metric 'euclid': did you mean 'euclidean'"):
        knn(LINE, 1, metric="euclid")
    with pytest.raises(InputError, match="unknown neighbour search 'exakt'"):
        knn(LINE, 1, method="exakt")


def test_precomputed_neighbours_drop_themselves_and_padding() -> None:
    nan = float("nan")
    indices = np.array([[0, 1, 2], [1, 0, -1], [1, 0, 2]])
    distances = np.array([[0, 1, 3], [0, 1, nan], [2, 3, 0]])
    graph = from_knn(indices, distances)
    assert graph == Graph.from_edges([0, 0, 1, 2, 2], [1, 2, 0, 0, 1], 3, length=[1, 3, 1, 3, 2])
    assert from_knn(indices).length is None
    assert from_knn(indices, ids=("a", "b", "c")).ids == ("a", "b", "c")


@given(st.integers(0, 1000), st.integers(1, 5))
def test_precomputed_and_own_neighbours_give_the_same_graph(seed: int, k: int) -> None:
    x = torch.from_numpy(np.random.default_rng(seed).random((8, 2)))
    d = torch.cdist(x, x)
    distances, indices = d.sort(dim=1)
    graph = from_knn(indices[:, : k + 1], distances[:, : k + 1])
    own = knn(x, k)
    assert torch.equal(graph.col, own.col)
    torch.testing.assert_close(graph.length, own.length)


@pytest.mark.parametrize(
    ("indices", "distances", "message"),
    [
        ([[1], [2]], [[1.0], [1.0]], "^edge 1 -> 2 ends at a missing node"),
        ([[1], [0]], [[1.0, 1.0], [1.0, 1.0]], r"^indices are \(2, 1\), distances \(2, 2\)"),
        ([[1], [0]], [[1.0], [float("nan")]], "^edge 1 -> 0 has length nan"),
        ([[1], [0]], [[1.0], [-2.0]], "^edge 1 -> 0 has length -2"),
        ([[1.0], [0.0]], None, r"^indices are torch.float64 of shape \(2, 1\)"),
        ([1, 0], None, r"^indices are torch.int64 of shape \(2,\)"),
    ],
)
def test_bad_neighbour_lists_are_refused(indices: object, distances: object, message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_knn(indices, distances)


@given(st.integers(0, 1000), st.sampled_from([None, 1, 3]), st.sampled_from([None, 0.0, 0.4]))
def test_distances_keep_the_nearest_and_the_near(seed: int, k: int | None, radius: float | None) -> None:
    x = np.random.default_rng(seed).integers(0, 4, (6, 2)) / 4
    d = np.abs(x[:, None] - x[None]).sum(-1)
    expected = naive_knn(d, k or 5)
    if radius is not None:
        expected[expected > radius] = np.inf
    got = from_distances(d, k=k, radius=radius)
    np.testing.assert_array_equal(matrix_of(got, "length", np.inf), expected)


def matrix(**changes: float) -> Matrix:
    d = np.array([[0.0, 1, 2], [1, 0, 3], [2, 3, 0]])
    for place, value in changes.items():
        d[int(place[1]), int(place[2])] = value
    return d


@pytest.mark.parametrize(
    ("d", "settings", "message"),
    [
        (np.zeros((2, 3)), {}, r"^distances have shape \(2, 3\): give a square matrix"),
        (matrix(m01=np.nan), {}, "^the distance from 0 to 1 is nan: distances are finite and 0 or more"),
        (matrix(m12=np.inf), {}, "^the distance from 1 to 2 is inf"),
        (matrix(m20=-1), {}, "^the distance from 2 to 0 is -1.0"),
        (matrix(m11=1), {}, "^the distance from 1 to itself is 1, not 0: similarities go into from_scipy"),
        (matrix(m02=2.5), {}, r"^the distance from 0 to 2 is 2.5, back it is 2: .*\(D \+ D.T\) / 2"),
        (matrix(), {"k": 3}, "^k is 3 for 3 rows"),
        (matrix(), {"k": 0}, "^k is 0 for 3 rows"),
        (matrix(), {"radius": -1.0}, "^radius is -1.0"),
    ],
)
def test_what_is_no_distance_matrix_is_refused(d: Matrix, settings: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_distances(d, **settings)  # type: ignore[arg-type]


def test_edge_index_with_and_without_the_way_back() -> None:
    index, weight = [[0, 1, 2, 2], [1, 0, 1, 1]], [0.5, 0.25, 1, 2]
    directed = from_edge_index(index, 4, weight=weight)
    assert directed == Graph.from_edges([0, 1, 2], [1, 0, 1], 4, weight=[0.5, 0.25, 3])
    both = from_edge_index(index, 4, weight=weight, undirected=True)
    assert both == Graph.from_edges([0, 1, 1, 2], [1, 0, 2, 1], 4, weight=[0.5, 0.5, 3, 3])
    assert both.provenance == {"kind": "edge_index", "undirected": True, "merged_edges": 1}
    assert from_edge_index(index).num_nodes == 3
    assert from_edge_index(index, ids=tuple("abcde")).num_nodes == 5
    assert from_edge_index(torch.zeros(2, 0, dtype=torch.int64)).num_nodes == 0


def test_edge_index_of_another_shape_is_refused() -> None:
    with pytest.raises(InputError, match=r"edge_index has shape \(3, 2\): .* \(2, E\), transpose it"):
        from_edge_index([[0, 1], [1, 2], [2, 0]])
    with pytest.raises(
        InputError, match="edge 0 -> 3 ends at a missing node: nodes are 0 to 1, give num_nodes=4"
    ):
        from_edge_index([[0], [3]], 2)


def test_citation_reads_the_data_of_pytorch_geometric() -> None:
    from torch_geometric.data import Data

    index = torch.tensor([[0, 1], [1, 2]])
    data = Data(x=torch.zeros(5, 1), edge_index=index)
    kept = index.clone()
    graph = citation(data)
    assert graph == Graph.from_edges([0, 1, 1, 2], [1, 0, 2, 1], 5)
    assert graph.provenance == {"kind": "citation", "undirected": True}
    assert citation(data, undirected=False) == Graph.from_edges([0, 1], [1, 2], 5)
    assert torch.equal(data.edge_index, kept)
    assert from_pyg is citation
    assert registry.resolve("graphs", "citation") is citation

    weight = torch.tensor([0.5, 0.25])
    for name in ("edge_weight", "edge_attr"):
        weighted = citation(Data(edge_index=index, num_nodes=4, **{name: weight}))
        assert weighted == Graph.from_edges([0, 1, 1, 2], [1, 0, 2, 1], 4, weight=[0.5, 0.5, 0.25, 0.25])
    channels = Data(edge_index=index, num_nodes=4, edge_attr=torch.ones(2, 3))
    assert citation(channels).weight is None


def test_citation_takes_anything_with_an_edge_index() -> None:
    plain = SimpleNamespace(edge_index=np.array([[0], [1]]), num_nodes=3)
    assert citation(plain).num_nodes == 3
    assert citation(SimpleNamespace(edge_index=plain.edge_index, x=np.zeros((5, 1)))).num_nodes == 5
    assert citation(SimpleNamespace(edge_index=plain.edge_index)).num_nodes == 2
    with pytest.raises(InputError, match=r"^SimpleNamespace has no edge_index: "):
        citation(SimpleNamespace(x=1))
    with pytest.raises(InputError, match=r"^edge 0 -> 7 ends at a missing node"):
        citation(SimpleNamespace(edge_index=np.array([[0], [7]]), num_nodes=3))


def test_pyg_round_trip() -> None:
    graph = Graph.from_edges([0, 2], [1, 0], 4, length=[1, 2], weight=[0.5, 0.25], ids=tuple("abcd"))
    assert from_pyg(to_pyg(graph), undirected=False) == graph


def test_labels_join_rows_of_one_class() -> None:
    y = [0, 0, 1, 0, 1, -1, 2]
    graph = labels(y, k=15)
    expected = [[a == b and a >= 0 and i != j for j, b in enumerate(y)] for i, a in enumerate(y)]
    np.testing.assert_array_equal(mask_of(graph), np.array(expected))
    assert set(graph.weight.tolist()) == {1.0}


@pytest.mark.usefixtures("rng_untouched")
def test_labels_stay_sparse_and_repeat() -> None:
    y = torch.arange(200) % 2
    graph = labels(y, k=3, seed=1)
    assert is_symmetric(graph)
    assert graph.degree.tolist() == [6] * 200
    assert bool((y[graph.rows] == y[graph.col]).all())
    assert graph == labels(y, k=3, seed=1)
    assert graph != labels(y, k=3, seed=2)
    assert len(graph.summary()["degree"]) == 5
    assert graph.summary()["components"] == 2
