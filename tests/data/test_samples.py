from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from graphurl.data.samples import Samples, check_finite, check_trainable, feature_matrix
from graphurl.data.stacks import Stack
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")


def test_counts_rows_and_classes() -> None:
    samples = Samples("s", torch.rand(4, 2), y=torch.tensor([0, 1, -1, 1]))
    assert len(samples) == 4
    assert samples.num_classes == 2


def test_graph_alone_is_enough() -> None:
    graph = Graph.from_edges(torch.tensor([0, 1]), torch.tensor([1, 0]), 3)
    assert len(Samples("g", graph=graph)) == 3


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({}, "neither features, pictures nor a graph"),
        ({"x": torch.zeros(0, 2)}, "no samples"),
        ({"x": torch.zeros(3)}, "must be"),
        ({"x": torch.zeros(3, 2, dtype=torch.float64)}, "float32"),
        ({"x": torch.zeros(3, 2), "y": torch.zeros(2, dtype=torch.int64)}, "the labels: 2 entries for 3"),
        ({"x": torch.zeros(3, 2), "y": torch.zeros(3)}, "int64"),
        ({"x": torch.zeros(3, 2), "ids": ("a",)}, "the ids: 1 entries for 3"),
        ({"x": torch.zeros(3, 2), "splits": {"train": torch.ones(4, dtype=torch.bool)}}, "split 'train': 4"),
        ({"x": torch.zeros(3, 2), "splits": {"train": torch.ones(3)}}, "bool"),
        ({"x": torch.zeros(3, 2), "shape": (1, 3)}, "does not fill the 2 columns"),
        ({"x": torch.zeros(3, 2), "feature_names": ("a",)}, "1 feature names for 2 columns"),
        ({"x": torch.zeros(3, 2), "graph": Graph.from_edges([0], [1], 2)}, "the graph: 2 entries for 3"),
    ],
)
def test_parts_that_do_not_fit_are_refused(parts: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text) as caught:
        Samples("s", **parts)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def pictures(n: int = 3) -> Stack:
    return Stack(torch.zeros(n, 1, 2, 4, dtype=torch.uint8))


def test_pictures_alone_are_enough() -> None:
    samples = Samples("p", images=pictures(), y=torch.tensor([0, 1, 0]))
    assert len(samples) == 3
    assert samples.shape == (1, 2, 4)
    assert Samples("p", images=pictures(), shape=(1, 2, 4)).shape == (1, 2, 4)
    assert len(check_trainable(samples)) == 3


def test_pictures_may_have_features_of_another_width() -> None:
    samples = Samples("p", torch.rand(3, 5), images=pictures(), feature_names=tuple("abcde"))
    assert samples.shape == (1, 2, 4)
    assert len(replace(samples, images=None, shape=None)) == 3


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        ({"x": torch.zeros(2, 8)}, "the pictures: 3 entries for 2"),
        ({"y": torch.zeros(2, dtype=torch.int64)}, "the labels: 2 entries for 3"),
        ({"ids": ("a",)}, "the ids: 1 entries for 3"),
        ({"graph": Graph.from_edges([0], [1], 2)}, "the graph: 2 entries for 3"),
        ({"shape": (1, 4, 2)}, r"image shape \(1, 4, 2\) for pictures \(1, 2, 4\)"),
        ({"feature_names": ("a",)}, "1 feature names for 0 columns"),
    ],
)
def test_parts_that_do_not_fit_the_pictures_are_refused(parts: dict[str, object], text: str) -> None:
    with pytest.raises(InputError, match=text):
        Samples("p", images=pictures(), **parts)  # type: ignore[arg-type]


def test_one_picture_cannot_be_trained_on() -> None:
    with pytest.raises(InputError, match="one sample"):
        check_trainable(Samples("p", images=pictures(1)))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_first_bad_value_is_named(value: float) -> None:
    x = torch.rand(5, 3)
    x[2, 1] = x[4, 0] = value
    with pytest.raises(InputError, match=r"2 value\(s\) are NaN or Inf.*row 2, column 1"):
        check_finite(x, "s")


def test_opposite_infinities_do_not_cancel() -> None:
    with pytest.raises(InputError, match=r"2 value\(s\)"):
        check_finite(torch.tensor([[np.inf, -np.inf]]), "s")


def test_first_bad_value_of_a_sparse_matrix_is_named() -> None:
    x = torch.zeros(4, 3)
    x[1, 2], x[3, 0] = 1.0, float("nan")
    with pytest.raises(InputError, match="row 3, column 0"):
        check_finite(x.to_sparse_csr(), "s")


def test_bad_value_in_a_row_after_an_empty_one() -> None:
    x = torch.zeros(4, 3)
    x[0, 0], x[2, 1] = 1.0, float("inf")
    with pytest.raises(InputError, match="row 2, column 1"):
        check_finite(x.to_sparse_csr(), "s")


@pytest.mark.parametrize(
    ("values", "text"),
    [
        (np.array([["a", "b"]]), "give real numbers"),
        (np.array([[1, None]], dtype=object), "give real numbers"),
        (np.zeros((2, 2), dtype=complex), "give real numbers"),
        (torch.zeros(2, 2, dtype=torch.complex64), "give real numbers"),
        (np.zeros((2, 2), dtype="datetime64[s]"), "give real numbers"),
        (np.zeros(3), r"reshape\(-1, 1\)"),
        (np.zeros((2, 3, 4)), "3 dimensions"),
        (torch.zeros(2, 3, 4), "3 dimensions"),
        (np.zeros((0, 3)), "empty"),
        (np.zeros((3, 0)), "empty"),
        (np.array([[1e300]]), "NaN or Inf"),
    ],
)
def test_wrong_features_are_refused(values: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        feature_matrix(values, "s")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "uint8", "int64", "bool"])
def test_numbers_become_float32(dtype: str) -> None:
    values = np.array([[0, 1], [1, 0]]).astype(dtype)
    x = feature_matrix(values)
    assert x.dtype == torch.float32
    assert x.tolist() == [[0.0, 1.0], [1.0, 0.0]]


def test_input_is_unchanged_and_read_only_is_copied() -> None:
    values = np.arange(6, dtype=np.float32).reshape(3, 2)
    values.flags.writeable = False
    x = feature_matrix(values)
    x[0, 0] = 9
    assert values[0, 0] == 0
    fortran = np.asfortranarray(np.arange(6.0).reshape(3, 2))
    assert feature_matrix(fortran).tolist() == fortran.tolist()


def test_one_sample_and_constant_features_cannot_be_trained_on() -> None:
    with pytest.raises(InputError, match="one sample"):
        check_trainable(Samples("s", torch.rand(1, 3)))
    with pytest.raises(InputError, match="all 3 features are constant"):
        check_trainable(Samples("s", torch.ones(5, 3)))
    with pytest.raises(InputError, match="all 3 features are constant"):
        check_trainable(Samples("s", torch.tensor([[1.0, 0, 2]]).repeat(4, 1).to_sparse_csr()))


def test_some_constant_columns_are_fine() -> None:
    x = torch.ones(4, 3)
    x[2, 1] = 2
    assert check_trainable(Samples("s", x)).x is x
    check_trainable(Samples("s", x.to_sparse_csr()))
    check_trainable(Samples("s", torch.eye(3).to_sparse_csr()))


def test_constant_features_with_a_graph_are_fine() -> None:
    graph = Graph.from_edges([0, 1], [1, 0], 3)
    check_trainable(Samples("s", torch.ones(3, 1), graph=graph))
