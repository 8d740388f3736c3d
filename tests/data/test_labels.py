from __future__ import annotations

import numpy as np
import pytest
import torch

from graphurl.data.labels import class_labels
from graphurl.errors import InputError


@pytest.mark.parametrize(
    ("values", "y", "classes"),
    [
        ([2, 0, 5], [2, 0, 5], None),
        (np.array([1, -1, 0], dtype=np.int8), [1, -1, 0], None),
        ([1.0, float("nan"), 0.0], [1, -1, 0], None),
        (np.array([1, None, 0], dtype=object), [1, -1, 0], None),
        (torch.tensor([[1], [0], [1]]), [1, 0, 1], None),
        (["b", "a", "b"], [1, 0, 1], ("a", "b")),
        (np.array(["b", "", None], dtype=object), [0, -1, -1], ("b",)),
        ([True, False, True], [1, 0, 1], ("False", "True")),
        (np.array([b"y", b"x", b"y"]), [1, 0, 1], ("x", "y")),
    ],
)
def test_labels_become_indices(values: object, y: list[int], classes: tuple[str, ...] | None) -> None:
    found, names = class_labels(values, 3)
    assert found.dtype == torch.int64
    assert found.tolist() == y
    assert names == classes


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ([0, 1], "2 labels for 3 samples"),
        ([0.5, 1, 2], "0.5 at row 0 is no class"),
        ([0, -2, 1], "-2 at row 1 is no class"),
        ([0, float("inf"), 1], "inf at row 1"),
        (np.eye(3), "one label per sample"),
        (np.zeros(3, dtype=complex), "labels of type complex128"),
        (["", "nan", None], "no label is known"),
    ],
)
def test_wrong_labels_are_refused(values: object, text: str) -> None:
    with pytest.raises(InputError, match=text):
        class_labels(values, 3)
