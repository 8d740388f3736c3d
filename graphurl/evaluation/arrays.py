"""What a metric is given becomes a finite float matrix, whole-number labels, and disjoint masks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.functional.mapped import row_blocks

UNKNOWN = -1


def as_rows(z: Any, name: str = "z") -> np.ndarray:
    """Turns a tensor, array, frame or list into a dense (N, d) float matrix.

    Args:
        z: Numbers, (N, d) or (N,); a tensor is detached and leaves its device.
        name: How a message calls it.

    Returns:
        float64 if the input was, else float32. The input's memory may be shared: do not write.

    Raises:
        InputError: If it is not a matrix of numbers.
    """
    if isinstance(z, torch.Tensor):
        z = z.detach().cpu()
        z = z.numpy() if z.dtype == torch.float64 else z.float().numpy()
    try:
        rows = np.asarray(z)
        if rows.dtype != np.float64:
            rows = rows.astype(np.float32 if rows.dtype.kind == "f" else np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not a matrix of numbers ({error}): give one row per sample") from error
    rows = rows[:, None] if rows.ndim == 1 else rows.reshape(len(rows), -1) if rows.ndim > 2 else rows
    if rows.ndim != 2 or rows.shape[1] == 0:
        raise InputError(f"{name} has shape {rows.shape}: give a matrix with one row per sample")
    return rows


def as_space(x: Any, name: str = "x") -> Any:
    """Turns the original space into something whose rows can be taken: sparse stays sparse.

    Args:
        x: As in `as_rows`, or a torch sparse tensor or scipy sparse matrix.
        name: How a message calls it.

    Returns:
        A float matrix, or a scipy CSR matrix.
    """
    if isinstance(x, torch.Tensor) and x.layout != torch.strided:
        from scipy.sparse import csr_array

        x = x.detach().cpu().to_sparse_csr()
        parts = (x.values().double().numpy(), x.col_indices().numpy(), x.crow_indices().numpy())
        return csr_array(parts, shape=tuple(x.shape))
    if hasattr(x, "tocsr"):
        return x.tocsr()
    return as_rows(x, name)


def dense(x: Any) -> np.ndarray:
    """Returns the rows of `as_space` as a dense matrix.

    Args:
        x: A dense or scipy sparse matrix.
    """
    rows: np.ndarray = x.toarray() if hasattr(x, "toarray") else x
    return rows


def finite_rows(x: Any) -> np.ndarray:
    """Marks the rows without NaN and infinity.

    Args:
        x: A dense or scipy sparse matrix.

    Returns:
        A boolean mask, (N,).
    """
    if not hasattr(x, "toarray"):
        return np.concatenate([np.isfinite(x[rows]).all(axis=1) for rows in row_blocks(x)])
    bad = np.repeat(np.arange(x.shape[0]), np.diff(x.indptr))[~np.isfinite(x.data)]
    mask = np.ones(x.shape[0], dtype=bool)
    mask[bad] = False
    return mask


def digest(x: Any) -> str:
    """The sha256 of rows or labels: of their shape, type and numbers.

    Args:
        x: An array, or a scipy sparse matrix.
    """
    found = hashlib.sha256(f"{tuple(x.shape)} {x.dtype}".encode())
    if hasattr(x, "toarray"):
        blocks = [x.indptr, x.indices, x.data]
    elif x.dtype.kind in "OUS":
        blocks = [np.frombuffer("\0".join(map(str, x.tolist())).encode(), dtype=np.uint8)]
    else:
        blocks = [x[rows] for rows in row_blocks(x)] if x.ndim > 1 else [x]
    for block in blocks:
        found.update(np.ascontiguousarray(block).data)
    return found.hexdigest()


def check_finite(x: Any, name: str) -> None:
    """Refuses rows with NaN or infinity.

    Args:
        x: A dense or scipy sparse matrix.
        name: How the message calls it.

    Raises:
        InputError: With the number of such rows.
    """
    bad = int((~finite_rows(x)).sum())
    if bad:
        raise InputError(f"{bad} rows of {name} are not finite: drop them, or call evaluate(), which does")


def as_column(y: Any, rows: int) -> np.ndarray:
    """Turns labels of any kind into an array of the right length.

    Args:
        y: Labels, (N,) or (N, 1).
        rows: How many there have to be.

    Returns:
        The values, (N,).

    Raises:
        InputError: If the number is wrong.
    """
    values = np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    values = values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
    if values.shape != (rows,):
        raise InputError(f"y has shape {values.shape} for {rows} rows of z: give one label per row")
    return values


def as_labels(y: Any, rows: int) -> np.ndarray:
    """Turns labels into int64 classes, -1 where unknown.

    Args:
        y: Whole numbers (NaN and negative ones are unknown), or names (None is unknown).
        rows: How many there have to be.

    Returns:
        Labels, (N,).

    Raises:
        InputError: If the number is wrong, or they are not classes.
    """
    values = as_column(y, rows)
    if values.dtype.kind in "OUS":
        known = np.array([value is not None and value == value for value in values.tolist()], dtype=bool)
        codes = np.full(rows, UNKNOWN, dtype=np.int64)
        codes[known] = np.unique(values[known].astype(str), return_inverse=True)[1]
        return codes
    if values.dtype.kind == "f":
        known = np.isfinite(values)
        if not np.array_equal(values[known], np.round(values[known])):
            raise InputError("y has fractions: labels are whole numbers or names; bin a continuous value")
        values = np.where(known, values, UNKNOWN)
    if values.dtype.kind not in "iufb":
        raise InputError(f"y has type {values.dtype}: labels are whole numbers or names")
    codes = values.astype(np.int64)
    return np.where(codes < 0, UNKNOWN, codes)


def as_splits(splits: Mapping[str, Any], rows: int) -> dict[str, np.ndarray]:
    """Turns splits into disjoint boolean masks "train", "test" and, where given, "val".

    Args:
        splits: Masks (N,) or row numbers by name; other names are ignored.
        rows: Number of rows.

    Returns:
        Masks by name.

    Raises:
        InputError: If train or test is missing, or a row is in two of them.
    """
    masks = split_masks({name: splits[name] for name in ("train", "val", "test") if name in splits}, rows)
    missing = [name for name in ("train", "test") if name not in masks or not masks[name].any()]
    if missing:
        raise InputError(f"splits have no {missing[0]} rows: a probe needs train and test, better val too")
    twice = int((np.sum(list(masks.values()), axis=0) > 1).sum())
    if twice:
        raise InputError(f"{twice} rows are in two splits: train, val and test must not overlap")
    return masks


def split_masks(splits: Mapping[str, Any], rows: int) -> dict[str, np.ndarray]:
    """Turns splits into boolean masks, whatever their names, without judging them.

    Args:
        splits: Masks (N,) or row numbers by name.
        rows: Number of rows.

    Returns:
        Masks by name.
    """
    return {name: _as_mask(part, name, rows) for name, part in splits.items()}


def _as_mask(rows_of: Any, name: str, rows: int) -> np.ndarray:
    values = np.asarray(rows_of.detach().cpu() if isinstance(rows_of, torch.Tensor) else rows_of)
    if values.dtype == bool and values.shape == (rows,):
        return values
    mask = np.zeros(rows, dtype=bool)
    in_range = values.ndim == 1 and values.dtype.kind in "iu" and (values.size == 0 or values.min() >= 0)
    if not in_range or (values.size and values.max() >= rows):
        raise InputError(f"split {name!r} does not fit {rows} rows: give a boolean mask (N,) or row numbers")
    mask[values] = True
    return mask


def subset_rows(rows: int, size: int | None, seed: int) -> np.ndarray:
    """Draws the fixed rows on which a metric over all pairs is taken.

    Args:
        rows: How many there are.
        size: How many are wanted; None for all.
        seed: The same seed draws the same rows, whatever is measured.

    Returns:
        Sorted row numbers; all of them when there are no more than `size`.
    """
    if size is None or rows <= size:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, size, replace=False))
