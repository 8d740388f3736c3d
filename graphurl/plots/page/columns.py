"""What points can be coloured by: a column of the user's becomes numbers, or codes with names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError

#: Whole numbers with at most so many values are names of classes, with more they are amounts.
FEW = 20
#: Code of a row without a value.
NONE = 2**32 - 1


@dataclass(frozen=True)
class Column:
    """One thing known of every point.

    Attributes:
        name: What to call it.
        values: float32 with NaN where unknown; or uint32 codes of `names`, `NONE` where unknown.
        names: Names of the codes; None for numbers.
        note: What the numbers mean, in a line.
    """

    name: str
    values: np.ndarray
    names: tuple[str, ...] | None = None
    note: str = ""


def column_of(name: str, values: Any, count: int, note: str = "") -> Column:
    """Makes a column of anything that has one value a point.

    Text, booleans and whole numbers with few values are names; other numbers are amounts. Empty text, None and NaN are
    unknown.

    Args:
        name: What to call it.
        values: (N,): tensor, array or list.
        count: N.
        note: What the numbers mean.

    Raises:
        InputError: For another length, or values that are neither numbers nor text.
    """
    found = np.asarray(values.detach().cpu() if isinstance(values, torch.Tensor) else values)
    if found.shape != (count,):
        raise InputError(f"column {name!r} has shape {found.shape} for {count} points: give one value per point")
    if found.dtype.kind in "OUS":
        found = _numbers_or_text(found)
    if found.dtype.kind == "b" or found.dtype.kind in "OU":
        known = np.array([value is not None and str(value) != "" for value in found.tolist()], dtype=bool)
        return Column(name, *_coded(found.astype(str), known), note)
    if found.dtype.kind not in "iuf":
        raise InputError(f"column {name!r} holds {found.dtype}: give numbers or text")
    numbers = found.astype(np.float64)
    known = np.isfinite(numbers)
    whole = bool((numbers[known] == np.round(numbers[known])).all())
    if whole and len(np.unique(numbers[known])) <= FEW:
        order = np.where(known, numbers, 0).astype(np.int64)
        return Column(name, *_coded(order, known), note)
    return Column(name, np.where(known, numbers, np.nan).astype(np.float32), None, note)


def label_column(y: Any, classes: Sequence[str] | None, count: int) -> Column:
    """Makes the column of labels as every plot reads them: whole numbers with or without names, -1 unknown.

    Args:
        y: Whole numbers or text, (N,); fractions are amounts.
        classes: Names of the classes 0, 1, 2, …
        count: N.
    """
    values = np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    numeric = values.dtype.kind in "iu" or (
        values.dtype.kind == "f" and bool((values[np.isfinite(values)] % 1 == 0).all())
    )
    if not numeric or values.shape != (count,):
        return column_of("label", values, count)
    whole = np.where(np.isfinite(values.astype(float)), values, -1).astype(np.int64)
    known = whole >= 0
    if classes is not None and known.any() and int(whole.max()) < len(classes):
        # Colours follow the class number, so that pages of parts agree.
        codes = np.where(known, whole, NONE).astype(np.uint32)
        return Column("label", codes, tuple(map(str, classes)))
    return Column("label", *_coded(whole, known))


def _numbers_or_text(values: np.ndarray) -> np.ndarray:
    words = [item.decode("utf-8", "replace") if isinstance(item, bytes) else item for item in values.tolist()]
    try:
        return np.array([np.nan if word is None or word == "" else float(word) for word in words])
    except (TypeError, ValueError):
        return np.array(words, dtype=object)


def _coded(values: np.ndarray, known: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Codes in the order of the sorted values, and their names."""
    codes = np.full(len(values), NONE, dtype=np.uint32)
    found, codes[known] = np.unique(values[known], return_inverse=True)
    return codes, tuple(str(value) for value in found.tolist())
