from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_labels, as_rows, as_space, dense, finite_rows, split_masks
from graphurl.functional import mapped


def test_rows_of_every_kind() -> None:
    expected = np.array([[1.0, 2], [3, 4]])
    kinds = [
        expected,
        expected.astype(np.float16),
        expected.astype(int),
        expected.tolist(),
        pd.DataFrame(expected),
        torch.tensor(expected).bfloat16().requires_grad_(),
    ]
    for kind in kinds:
        assert np.array_equal(as_rows(kind), expected)
    assert as_rows(np.ones(3)).shape == (3, 1)
    assert as_rows(np.ones((3, 2, 2))).shape == (3, 4)


@pytest.mark.parametrize("wrong", [[["a"]], 3.0, np.ones((3, 0))])
def test_what_is_no_matrix(wrong: object) -> None:
    with pytest.raises(InputError, match="z "):
        as_rows(wrong)


def test_sparse_rows_with_holes(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.tensor([[0.0, 1], [torch.nan, 0], [0, 0], [2, torch.inf]])
    for layout in (x.to_sparse_csr(), x.to_sparse()):
        space = as_space(layout)
        assert np.array_equal(dense(space), x.numpy(), equal_nan=True)
        assert finite_rows(space).tolist() == [True, False, True, False]
    monkeypatch.setattr(mapped, "BLOCK_NUMBERS", 3)
    assert finite_rows(x.numpy()).tolist() == [True, False, True, False]


def test_labels_of_every_kind() -> None:
    assert as_labels([2, -5, 0], 3).tolist() == [2, -1, 0]
    assert as_labels([2.0, np.nan, 0.0], 3).tolist() == [2, -1, 0]
    assert as_labels(np.array([True, False]), 2).tolist() == [1, 0]
    assert as_labels(["b", "a", "b"], 3).tolist() == [1, 0, 1]
    assert as_labels(np.array(["b", None, "a"], dtype=object), 3).tolist() == [1, -1, 0]
    assert as_labels(torch.tensor([[1], [0]]), 2).tolist() == [1, 0]
    with pytest.raises(InputError, match="complex"):
        as_labels(np.array([1j]), 1)


def test_masks() -> None:
    found = split_masks({"train": torch.tensor([True, False, True]), "extra": [1]}, 3)
    assert found["train"].tolist() == [True, False, True]
    assert found["extra"].tolist() == [False, True, False]


def test_float32_rows_of_a_large_table_are_not_copied() -> None:
    rows = torch.rand(4, 3)
    assert np.shares_memory(as_space(rows), rows.numpy())
    assert np.shares_memory(as_rows(rows), rows.numpy())
