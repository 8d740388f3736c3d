from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from graphurl.errors import InputError
from graphurl.plots.page.columns import FEW, NONE, column_of, label_column


@pytest.mark.parametrize(
    ("values", "names", "codes"),
    [
        (["b", "a", "", "b"], ("a", "b"), [1, 0, NONE, 1]),
        (["b", None, "a", "b"], ("a", "b"), [1, NONE, 0, 1]),
        (["10", "9", "9", "x"], ("10", "9", "x"), [0, 1, 1, 2]),
        ([True, False, True, True], ("False", "True"), [1, 0, 1, 1]),
        ([10, 9, -1, 9], ("-1", "9", "10"), [2, 1, 0, 1]),
        ([2.0, np.nan, 1.0, 2.0], ("1", "2"), [1, NONE, 0, 1]),
        (["2", "", "1", "10"], ("1", "2", "10"), [1, NONE, 0, 2]),
    ],
)
def test_names_are_coded_in_their_order(values: list[Any], names: tuple[str, ...], codes: list[int]) -> None:
    made = column_of("c", np.array(values, dtype=object if None in values else None), 4)
    assert (made.names, made.values.tolist(), made.values.dtype) == (names, codes, np.uint32)


def test_amounts_stay_numbers() -> None:
    made = column_of("c", torch.tensor([0.5, 1, torch.inf, torch.nan]), 4, "meant so")
    assert (made.names, made.note, made.values.dtype) == (None, "meant so", np.float32)
    np.testing.assert_array_equal(made.values, np.array([0.5, 1, np.nan, np.nan], dtype=np.float32))
    assert column_of("c", np.arange(FEW), FEW).names is not None
    assert column_of("c", np.arange(FEW + 1), FEW + 1).names is None


def test_labels_keep_the_number_of_their_class() -> None:
    made = label_column(torch.tensor([2, -1, 2]), ("a", "b", "c"), 3)
    assert (made.names, made.values.tolist()) == (("a", "b", "c"), [2, NONE, 2])
    made = label_column(np.array([2.0, np.nan, 7.0]), ("a", "b", "c"), 3)
    assert (made.names, made.values.tolist()) == (("2", "7"), [0, NONE, 1])
    assert label_column(np.array([0.5, 1.0]), None, 2).names is None
    assert label_column(["x", "y"], None, 2).names == ("x", "y")


def test_what_is_no_column_is_refused() -> None:
    with pytest.raises(InputError, match=r"column 'c' has shape \(3,\) for 4 points: give one value per point"):
        column_of("c", [1, 2, 3], 4)
    with pytest.raises(InputError, match="label' has shape"):
        label_column([1, 2, 3], None, 4)
    with pytest.raises(InputError, match="holds complex128: give numbers or text"):
        column_of("c", np.zeros(4, dtype=complex), 4)
