"""Sparse CSR matrices: building them quietly, and row access as plain tensor code."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from graphurl.functional.mapped import row_blocks

#: Entries of a sparse matrix that are looked at at a time where that matrix may lie in a file.
EDGES_AT_ONCE = 2**20


def csr_matrix(crow: Tensor, col: Tensor, value: Tensor, shape: tuple[int, int]) -> Tensor:
    """A sparse CSR matrix without torch's notice, once a process, that this layout is in beta."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse (CSR|invariant)")
        return torch.sparse_csr_tensor(crow, col, value, shape, check_invariants=False)


def entries(crow: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Positions of all entries of some rows.

    Args:
        crow: Compressed row pointer.
        rows: Row numbers, in any order, repeats allowed.

    Returns:
        For each entry, the place of its row in `rows` and its position in the column array.
    """
    counts = crow[rows + 1] - crow[rows]
    place = torch.repeat_interleave(torch.arange(len(rows), device=crow.device), counts)
    offset = torch.arange(len(place), device=crow.device) - (counts.cumsum(0) - counts)[place]
    return place, crow[rows][place] + offset


def entry_blocks(crow: Tensor, size: int = EDGES_AT_ONCE) -> Iterator[tuple[Tensor, slice]]:
    """Entries some rows at a time, at most `size` or one row: the row of each, and where they lie in the columns."""
    start, end = 0, len(crow) - 1
    while start < end:
        last = int(torch.searchsorted(crow, crow[start] + size, right=True)) - 1
        stop = max(last, start + 1)
        rows = torch.arange(start, stop, device=crow.device).repeat_interleave(crow[start : stop + 1].diff())
        yield rows, slice(int(crow[start]), int(crow[stop]))
        start = stop


def find_entries(crow: Tensor, col: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """Positions of some entries, -1 where there is none: bisection in each row, whose columns ascend.

    Args:
        crow: Row starts.
        col: Columns.
        rows: Row of each entry that is looked for.
        cols: Its column.
    """
    low, end = crow[rows], crow[rows + 1]
    high = end
    while bool((low < high).any()):
        middle = (low + high) // 2
        below = (low < high) & (col[middle.clamp_max(max(len(col) - 1, 0))] < cols)
        low, high = torch.where(below, middle + 1, low), torch.where(below | (low >= high), high, middle)
    found = low.clamp_max(max(len(col) - 1, 0))
    return torch.where((low < end) & (col[found] == cols), low, -1) if len(col) else low.new_full(low.shape, -1)


def take_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Dense copies of some rows of a matrix, dense or sparse CSR."""
    if x.layout == torch.strided:
        return x[rows]
    place, entry = entries(x.crow_indices(), rows)
    dense = x.values().new_zeros(len(rows), x.shape[1])
    dense[place, x.col_indices()[entry]] = x.values()[entry]
    return dense


def some_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Copies of some rows of a matrix; of a sparse CSR one they stay sparse."""
    if x.layout == torch.strided:
        return x[rows]
    crow = x.crow_indices()
    _, entry = entries(crow, rows)
    counts = torch.cat([crow.new_zeros(1), (crow[rows + 1] - crow[rows]).cumsum(0)])
    return csr_matrix(counts, x.col_indices()[entry], x.values()[entry], (len(rows), x.shape[1]))


def stacked_rows(x: Tensor, y: Tensor) -> Tensor:
    """The rows of x, and those of y behind them in the layout of x: dense or sparse CSR."""
    if x.layout == torch.strided:
        return torch.cat([x, y.to_dense() if y.layout != torch.strided else y])
    y = y.to_sparse_csr() if y.layout == torch.strided else y
    crow = torch.cat([x.crow_indices(), y.crow_indices()[1:] + len(x.col_indices())])
    col, value = (torch.cat([part(x), part(y)]) for part in (Tensor.col_indices, Tensor.values))
    return csr_matrix(crow, col, value, (len(x) + len(y), x.shape[1]))


def indicator(col: Tensor, width: int) -> Tensor:
    """A sparse matrix with ones at the given columns of each row.

    Args:
        col: Column numbers, (R,) for one in each row or (R, m) for m, rising along a row.
        width: Number of columns.

    Returns:
        A CSR matrix R × width, float32.
    """
    many = col[:, None] if col.ndim == 1 else col
    rows, each = many.shape
    crow = torch.arange(rows + 1, device=col.device) * each
    value = torch.ones(rows * each, device=col.device)
    return csr_matrix(crow, many.reshape(-1), value, (rows, width))


def near_order(matrix: Tensor) -> Tensor:
    """An order of the nodes of a symmetric CSR matrix in which those with an entry stand close to each other.

    Reverse Cuthill-McKee (1969): what is read for one row lies in the cache when the next one needs it.
    """
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    return torch.from_numpy(reverse_cuthill_mckee(_scipy(matrix), symmetric_mode=True).astype("i8"))


def permuted(matrix: Tensor, order: Tensor) -> Tensor:
    """The CSR matrix with rows and columns in another order; columns ascend within a row."""
    n = len(order)
    moved = _scipy(matrix)[order.numpy()][:, order.numpy()]
    moved.sort_indices()
    parts = (moved.indptr, moved.indices, moved.data)
    crow, col, value = (torch.from_numpy(part) for part in parts)
    return csr_matrix(crow.long(), col.long(), value, (n, n))


def _scipy(matrix: Tensor) -> Any:
    from scipy.sparse import csr_array  # not at start-up: only large full batches need it

    parts = (matrix.values(), matrix.col_indices(), matrix.crow_indices())
    return csr_array(tuple(part.detach().numpy() for part in parts), shape=tuple(matrix.shape))


def equal_rows(x: Tensor, *, scaled: bool = False) -> Tensor | None:
    """A number for each row, the same for equal ones; None where no two are equal.

    Rows are told apart by a projection on a random direction in float64: of different rows two agree by a chance of
    about 1e-16, and then count as equal.

    Args:
        x: Rows, dense or sparse CSR.
        scaled: Rows count as equal, too, where one is a multiple of the other and no rounding has bent it.
    """
    direction = torch.rand(x.shape[1], generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(x.device)

    def key_of(rows: Tensor) -> Tensor:
        if scaled:  # quotients of exact multiples are the same to the last bit, which unit rows are not
            peak = rows.abs().amax(1, keepdim=True)
            rows = rows / peak.masked_fill(peak == 0, 1)
        return (rows * direction).sum(1)

    if x.layout == torch.strided:
        key = torch.cat([key_of(x[rows].double()) for rows in row_blocks(x)])
    else:
        starts, value = x.crow_indices(), x.values().double()
        if scaled:
            peak = torch.segment_reduce(value.abs(), "max", offsets=starts, axis=0, initial=0)
            value = value / torch.repeat_interleave(peak.masked_fill(peak == 0, 1), starts.diff())
        value = value * direction[x.col_indices()]
        key = torch.segment_reduce(value, "sum", offsets=starts, axis=0, initial=0)
    different, group = torch.unique(key, return_inverse=True)
    return None if len(different) == len(key) else group
