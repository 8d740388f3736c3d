"""Edge lists: merging duplicates, CSR, symmetric and normalised weights."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown

REDUCTIONS = ("sum", "min", "max")
MODES = ("max", "mean", "tconorm", "none")


class Csr(NamedTuple):
    """Compressed rows, and where each of their edges lay in the list they were made from."""

    crow: Tensor
    col: Tensor
    order: Tensor


def coalesce(
    rows: Tensor, cols: Tensor, values: Tensor, n: int, reduce: str = "sum"
) -> tuple[Tensor, Tensor, Tensor]:
    """Sorts edges by row and column and merges those that occur more than once.

    One sort of one int64 key; where nothing repeats, nothing else is computed.

    Args:
        rows: Source of every edge, (E,).
        cols: Target of every edge, (E,).
        values: A value per edge, (E,).
        n: Number of nodes.
        reduce: What merged edges get: ``sum``, ``min`` or ``max`` of their values.

    Returns:
        Rows, columns and values, sorted and unique.
    """
    if reduce not in REDUCTIONS:
        raise unknown("reduction", reduce, REDUCTIONS)
    key, order = _sorted_key(rows, cols, n)
    values = values[order]
    first = _starts(key)
    if not bool(first.all()):
        group = first.cumsum(0) - 1
        key = key[first]
        values = _reduce(values, group, len(key), reduce)
    return _row(key, n), key % n if n else key, values


def to_csr(rows: Tensor, cols: Tensor, n: int) -> Csr:
    """Sorts edges by row and column into compressed rows; duplicates are kept.

    Args:
        rows: Source of every edge, (E,).
        cols: Target of every edge, (E,).
        n: Number of nodes.

    Returns:
        ``crow`` (n + 1,), ``col`` (E,) and ``order`` (E,): ``values[order]`` are the values of the sorted
        edges.
    """
    _, order = _sorted_key(rows, cols, n)
    counts = torch.bincount(rows, minlength=n)
    crow = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    return Csr(crow, cols[order], order)


def symmetrise(
    rows: Tensor, cols: Tensor, values: Tensor, n: int, mode: str = "max"
) -> tuple[Tensor, Tensor, Tensor]:
    """Makes weights symmetric. An edge that exists one way only counts as 0 the other way.

    With a = p(i, j) and b = p(j, i): ``max`` max(a, b); ``mean`` (a + b) / 2; ``tconorm`` a + b - ab, the
    probability that at least one of two independent edges exists (as in UMAP); ``none`` only sorts.

    Args:
        rows: Source of every edge, (E,). Edges that repeat are merged first, by their largest value.
        cols: Target of every edge, (E,).
        values: Weights, at least 0, and at most 1 for ``tconorm``.
        n: Number of nodes.
        mode: One of ``MODES``.

    Returns:
        Rows, columns and values, sorted and unique; symmetric unless ``mode`` is ``none``.
    """
    if mode not in MODES:
        raise unknown("symmetrisation", mode, MODES)
    rows, cols, values = coalesce(rows, cols, values, n, "max")
    if mode == "none" or not len(values):
        return rows, cols, values
    if mode == "tconorm" and not bool((values.min() >= 0) & (values.max() <= 1)):
        raise InputError(
            f"the t-conorm needs weights in [0, 1], not {float(values.min()):g} to {float(values.max()):g}: "
            "normalise them, or symmetrise with 'max' or 'mean'"
        )
    # Forward edges first and a stable sort: of two equal keys the second is the way back.
    key, order = torch.sort(torch.cat([rows * n + cols, cols * n + rows]), stable=True)
    del rows, cols
    both = values[order.remainder_(len(values))]
    del order
    first = _starts(key)
    a = both[first]
    back = first.cumsum(0)[~first] - 1
    b = torch.zeros_like(a).index_copy(0, back, both[~first])
    key = key[first]
    return _row(key, n), key % n, _combine(a, b, mode)


def row_normalise(crow: Tensor, values: Tensor) -> Tensor:
    """Divides the weights of every row by their sum: conditional probabilities P(j | i).

    Args:
        crow: Row starts, (N + 1,).
        values: Weights of the edges, (E,).

    Returns:
        Weights that sum to 1 in every row; a row of zeros stays.
    """
    rows = torch.repeat_interleave(crow.diff())
    total = values.new_zeros(len(crow) - 1).index_add(0, rows, values)
    return values / torch.where(total > 0, total, torch.ones_like(total))[rows]


def joint_normalise(values: Tensor) -> Tensor:
    """Divides all weights by their sum: joint probabilities P(i, j).

    On row-normalised weights symmetrised by ``mean`` it gives the joint of t-SNE, (P + P^T) / 2n.

    Args:
        values: Weights of the edges, (E,).

    Returns:
        Weights that sum to 1; zeros stay.
    """
    total = values.sum(dtype=torch.float64)
    return values / torch.where(total > 0, total, torch.ones_like(total)).to(values.dtype)


def _combine(a: Tensor, b: Tensor, mode: str) -> Tensor:
    if mode == "max":
        return torch.maximum(a, b)
    if mode == "mean":
        return (a + b) / 2
    return a + b - a * b


def _sorted_key(rows: Tensor, cols: Tensor, n: int) -> tuple[Tensor, Tensor]:
    if rows.shape != cols.shape:
        raise InputError(f"{len(rows)} rows and {len(cols)} columns are no edges: give one of each per edge")
    if len(rows):
        low = min(int(rows.min()), int(cols.min()))
        high = max(int(rows.max()), int(cols.max()))
        if low < 0 or high >= n:
            wrong = low if low < 0 else high
            raise InputError(f"an edge names node {wrong}, but there are {n} nodes: use 0 to {n - 1}")
    key = rows.long() * n + cols.long()
    sorted_key, order = torch.sort(key, stable=True)
    return sorted_key, order


def _starts(key: Tensor) -> Tensor:
    first = torch.ones(len(key), dtype=torch.bool, device=key.device)
    torch.ne(key[1:], key[:-1], out=first[1:])
    return first


def _row(key: Tensor, n: int) -> Tensor:
    return key.div(max(n, 1), rounding_mode="floor")


def _reduce(values: Tensor, group: Tensor, groups: int, reduce: str) -> Tensor:
    if reduce == "sum":
        return values.new_zeros(groups).index_add(0, group, values)
    return values.new_zeros(groups).scatter_reduce(0, group, values, "a" + reduce, include_self=False)
