from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse
import torch

from graphurl.data import Samples, as_samples
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")

X = np.array([[0.0, 1, 0], [2, 0, 3], [0, 0, 0], [4, 0, 0]])


def dense(samples: Samples) -> list[list[float]]:
    assert samples.x is not None
    return samples.x.to_dense().tolist()


def sources() -> dict[str, Any]:
    return {
        "numpy": X.copy(),
        "lists": X.tolist(),
        "fortran": np.asfortranarray(X),
        "tensor": torch.from_numpy(X),
        "grad": torch.tensor(X, requires_grad=True),
        "coo": torch.from_numpy(X).to_sparse(),
        "csr": torch.from_numpy(X).to_sparse_csr(),
        "csc": torch.from_numpy(X).to_sparse_csc(),
        "scipy csr": scipy.sparse.csr_matrix(X),
        "scipy coo": scipy.sparse.coo_matrix(X),
        "scipy array": scipy.sparse.csc_array(X),
    }


KINDS = [
    "numpy",
    "lists",
    "fortran",
    "tensor",
    "grad",
    "coo",
    "csr",
    "csc",
    "scipy csr",
    "scipy coo",
    "scipy array",
]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_matrix(kind: str, rng_untouched: None) -> None:
    samples = as_samples(sources()[kind])
    assert dense(samples) == X.tolist()
    assert samples.x is not None
    assert samples.x.dtype == torch.float32
    assert not samples.x.requires_grad
    sparse = kind in ("coo", "csr", "csc") or kind.startswith("scipy")
    assert samples.x.layout == (torch.sparse_csr if sparse else torch.strided)


def test_nothing_is_changed() -> None:
    matrix = scipy.sparse.csr_matrix((np.ones(3), [2, 0, 0], [0, 3, 3]), shape=(2, 3))
    before = matrix.indices.copy(), matrix.data.copy()
    samples = as_samples(matrix)
    assert dense(samples) == [[2, 0, 1], [0, 0, 0]]
    assert np.array_equal(matrix.indices, before[0])
    assert np.array_equal(matrix.data, before[1])


def test_samples_pass_through() -> None:
    samples = Samples("s", torch.rand(3, 2))
    assert as_samples(samples) is samples


def test_labels_and_ids_of_the_caller() -> None:
    samples = as_samples(X, y=["b", "a", "b", "a"], ids=np.arange(4))
    assert samples.y is not None
    assert samples.y.tolist() == [1, 0, 1, 0]
    assert samples.ids == ("0", "1", "2", "3")
    with pytest.raises(InputError, match="data labels: 2 labels for 4 samples"):
        as_samples(X, y=[0, 1])
    with pytest.raises(InputError, match="the ids: 1 entries for 4"):
        as_samples(X, ids=["a"])


def test_pandas() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"a": [1, 2, 3], "b": [True, False, True], "label": ["x", "y", "x"]})
    samples = as_samples(frame)
    assert dense(samples) == [[1, 1], [2, 0], [3, 1]]
    assert samples.feature_names == ("a", "b")
    assert samples.classes == ("x", "y")
    assert samples.ids is None
    assert as_samples(frame.set_index(pandas.Index(["u", "v", "w"]))).ids == ("u", "v", "w")
    frame.loc[1, "a"] = None
    with pytest.raises(InputError, match=r"NaN or Inf.*row 1, column 0"):
        as_samples(frame)
    with pytest.raises(InputError, match="column 'c' holds"):
        as_samples(frame.assign(a=1, c="text"))


class LikePolars:
    """What polars offers and pandas does not: columns as a list, no index."""

    columns = ("a", "b")

    def __getitem__(self, name: str) -> LikePolars:
        return self

    def to_numpy(self) -> Any:
        return np.array([1.0, 2.0])


def test_polars_look_alike() -> None:
    assert dense(as_samples(LikePolars())) == [[1, 1], [2, 2]]


def test_pyg() -> None:
    data_module = pytest.importorskip("torch_geometric.data")
    mask = torch.tensor([[True, False], [False, True], [False, False]])
    data = data_module.Data(
        x=torch.rand(3, 2),
        edge_index=torch.tensor([[0], [1]]),
        y=torch.tensor([0, 1, -1]),
        train_mask=mask,
        test_mask=torch.tensor([False, False, True]),
    )
    samples = as_samples(data, split=1)
    assert samples.graph is not None
    assert samples.graph.rows.tolist() == [0, 1]
    assert samples.graph.num_nodes == 3
    assert samples.splits["train"].tolist() == [False, True, False]
    assert samples.splits["test"].tolist() == [False, False, True]
    assert "val" not in samples.splits
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1, -1]
    edges_only = data_module.Data(edge_index=torch.tensor([[0, 1], [1, 0]]), num_nodes=4)
    assert len(as_samples(edges_only)) == 4
    with pytest.raises(InputError, match="neither x nor edge_index"):
        as_samples(data_module.Data(y=torch.tensor([0])))


def test_graphs() -> None:
    graph = Graph.from_edges([0, 1], [1, 0], 2, ids=["a", "b"])
    assert as_samples(graph).graph is graph
    assert as_samples(graph).ids == ("a", "b")
    networkx = pytest.importorskip("networkx")
    samples = as_samples(networkx.path_graph(["p", "q", "r"]))
    assert samples.ids == ("p", "q", "r")
    assert samples.graph is not None
    assert samples.graph.num_edges == 4


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (None, "cannot read data of type NoneType"),
        ({"x": [1]}, "cannot read data of type dict"),
        (3.0, "0 dimensions"),
        ([[1, 2], [3]], "rows of equal length"),
        ([["a"], ["b"]], "give real numbers"),
        (np.zeros((2, 2), dtype=complex), "give real numbers"),
        (np.zeros((2, 2, 2)), "3 dimensions"),
        (np.array([[1.0], [np.nan]]), "row 1, column 0"),
        (np.zeros((0, 4)), "empty"),
        (np.zeros((1, 4)), "one sample"),
        (np.ones((5, 4)), "all 4 features are constant"),
        (scipy.sparse.csr_matrix((3, 3)), "all 3 features are constant"),
        (scipy.sparse.csr_matrix((0, 3)), "empty"),
        (scipy.sparse.csr_matrix(np.array([[1.0], [np.inf]])), "row 1, column 0"),
        (scipy.sparse.csr_matrix(np.eye(2, dtype=complex)), "give real numbers"),
        (torch.zeros(2, 2, dtype=torch.complex64).to_sparse(), "give real values"),
        ("corra", "unknown data set 'corra': did you mean 'cora'"),
        ("missing.npy", "no such file or folder"),
    ],
)
def test_bad_input(source: object, text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        as_samples(source)
    assert "\n" not in str(caught.value)


def test_rows_to_transform_may_be_one_or_constant() -> None:
    assert len(as_samples(np.ones((1, 4)), trainable=False)) == 1
