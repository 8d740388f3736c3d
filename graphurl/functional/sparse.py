"""Sparse CSR matrices: building them quietly, and row access as plain tensor code."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor


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


def take_rows(x: Tensor, rows: Tensor) -> Tensor:
    """Dense copies of some rows of a matrix, dense or sparse CSR."""
    if x.layout == torch.strided:
        return x[rows]
    place, entry = entries(x.crow_indices(), rows)
    dense = x.values().new_zeros(len(rows), x.shape[1])
    dense[place, x.col_indices()[entry]] = x.values()[entry]
    return dense


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
