"""What colours a figure: classes with names, or a number for each row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError


def read_labels(
    y: Any, count: int, names: Sequence[str] | None
) -> tuple[np.ndarray | None, np.ndarray | None, list[str]]:
    """What labels of any kind are: classes, or a number for each row.

    Args:
        y: Whole numbers or names: classes, -1 unknown. Fractions: numbers. None: nothing.
        count: How many there have to be.
        names: Names of the classes 0, 1, 2, …

    Returns:
        The values; classes 0, 1, … and -1 where unknown, or None where they are numbers; names of the classes.

    Raises:
        InputError: If the number is wrong.
    """
    if y is None:
        return None, None, []
    values = _column(y, count)
    if values.dtype.kind == "f" and _has_fractions(values):
        return values, None, []
    return values, *_classes(values, names)


def _column(y: Any, count: int) -> np.ndarray:
    values = np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    if values.shape != (count,):
        raise InputError(f"y has shape {values.shape} for {count} points: give one value per point")
    return values


def _has_fractions(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return not np.array_equal(finite, np.round(finite))


def _classes(values: np.ndarray, names: Sequence[str] | None) -> tuple[np.ndarray, list[str]]:
    """Codes 0, 1, … of the classes that occur, -1 where unknown, and their names."""
    if values.dtype.kind in "OUS":
        found, codes = np.unique(values.astype(str), return_inverse=True)
        return codes, [str(name) for name in found]
    whole = np.where(np.isfinite(values.astype(float)), values, -1).astype(int)
    found, codes = np.unique(whole[whole >= 0], return_inverse=True)
    full = np.full(len(whole), -1)
    full[whole >= 0] = codes
    # Colours follow the class number when all classes have names, so that pictures of parts agree.
    if names is not None and len(found) and found[-1] < len(names):
        return np.where(whole >= 0, whole, -1), [str(name) for name in names]
    return full, [str(label) for label in found]
