"""Labels as users write them (numbers, text, missing) to class indices."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphurl.data.samples import UNKNOWN
from graphurl.errors import InputError

_MISSING = {"", "nan", "none", "na", "<na>", "null"}


def class_labels(values: object, n: int, name: str = "labels") -> tuple[Tensor, tuple[str, ...] | None]:
    """Turns labels of any usual kind into class indices.

    Whole numbers >= -1 are kept as they are (-1 means unknown); text becomes indices into the sorted names.

    Args:
        values: One label per sample: integers, whole floats (NaN = unknown), booleans or text.
        n: Number of samples.
        name: What to call them in errors.

    Returns:
        y (N,) int64, and the class names where the labels were text or booleans.

    Raises:
        InputError: For another length, several columns, or numbers that are no classes.
    """
    array = _as_array(values)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise InputError(f"{name}: shape {array.shape}: give one label per sample, not one column per class")
    if len(array) != n:
        raise InputError(f"{name}: {len(array)} labels for {n} samples: give one per row, in the same order")
    if array.dtype.kind in "iuf":
        return _whole_numbers(array, name), None
    if array.dtype.kind in "OUSTb":
        return _text(array, name)
    raise InputError(f"{name}: labels of type {array.dtype}: give whole numbers or text")


def _as_array(values: object) -> npt.NDArray[np.generic]:
    if isinstance(values, Tensor):
        return np.asarray(values.detach().cpu().numpy())
    array = np.asarray(values)
    if array.dtype.kind == "O":  # mixed numbers and None from data frames: try numbers first
        try:
            return np.asarray([np.nan if item is None else item for item in array.tolist()], dtype=np.float64)
        except (TypeError, ValueError):
            return array
    return array


def _whole_numbers(array: npt.NDArray[np.generic], name: str) -> Tensor:
    number = np.asarray(array, dtype=np.float64)
    known = ~np.isnan(number)
    wrong = known & ((number != np.floor(number)) | np.isinf(number) | (number < UNKNOWN))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        raise InputError(
            f"{name}: {number[row]:g} at row {row} is no class: give text or whole numbers, -1 for unknown"
        )
    return torch.from_numpy(np.where(known, number, UNKNOWN).astype(np.int64))


def _text(array: npt.NDArray[np.generic], name: str) -> tuple[Tensor, tuple[str, ...]]:
    words = [item.decode() if isinstance(item, bytes) else str(item) for item in array.tolist()]
    missing = np.array([word.strip().lower() in _MISSING for word in words])
    if missing.all():
        raise InputError(f"{name}: no label is known: leave the labels away")
    classes = tuple(sorted({word for word, gone in zip(words, missing, strict=True) if not gone}))
    index = {word: position for position, word in enumerate(classes)}
    y = [UNKNOWN if gone else index[word] for word, gone in zip(words, missing, strict=True)]
    return torch.tensor(y, dtype=torch.int64), classes
