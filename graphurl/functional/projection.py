"""Linear projections: principal coordinates and leading directions by a randomised range finder."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable

import torch
from torch import Tensor

from graphurl.functional.mapped import row_blocks

# Directions beyond those wanted, and power iterations, of a range finder: the spectrum of smoothed features decays.
_OVERSAMPLED, _POWERS = 32, 6
# Columns from which a product with itself is taken in so many groups, and only on one side of the diagonal.
_GROUPED_FROM, _GROUPS = 256, 4
# What all directions of a symmetric matrix cost in float64, in multiplications a cubed column.
_EIGEN = 12


def principal_rows(x: Tensor, dim: int, scale: float, generator: torch.Generator) -> Tensor:
    """The leading principal coordinates of x, the first with standard deviation `scale`.

    Args:
        x: Feature rows.
        dim: Number of coordinates; those beyond the rank of x are small noise.
        scale: Standard deviation of the first coordinate.
        generator: Source of the noise and of the randomised range finder.

    Returns:
        A matrix with `dim` columns.
    """
    mean = x.mean(dim=0, keepdim=True)
    width = min(dim, *x.shape)
    probe = torch.randn(x.shape[1], min(x.shape[1], width + 8), generator=generator).to(x)

    def onto(directions: Tensor) -> Tensor:
        """(X - mean) B."""
        return torch.cat([(x[b] - mean) @ directions for b in row_blocks(x)])

    def back(coordinates: Tensor) -> Tensor:
        """(X - mean)ᵀ C."""
        return functools.reduce(operator.add, ((x[b] - mean).T @ coordinates[b] for b in row_blocks(x)))

    basis = torch.linalg.qr(onto(probe)).Q
    for _ in range(3):
        basis = torch.linalg.qr(onto(back(basis))).Q
    u, s, _ = torch.linalg.svd(back(basis).T, full_matrices=False)
    rows: Tensor = (basis @ u[:, :width]) * s[:width]
    signs = rows.gather(0, rows.abs().argmax(dim=0, keepdim=True)).sign()
    rows = rows * torch.where(signs == 0, torch.ones_like(signs), signs)
    deviation = rows[:, 0].norm() / max(1, len(rows) - 1) ** 0.5
    rows = rows * (scale / deviation.clamp_min(torch.finfo(rows.dtype).tiny))
    if width < dim:
        noise = torch.randn(len(rows), dim - width, generator=generator).to(rows) * scale * 1e-2
        rows = torch.cat([rows, noise], dim=1)
    return rows


def leading_directions(
    x: Tensor, count: int, generator: torch.Generator, each: Callable[[Tensor], Tensor] | None = None
) -> Tensor:
    """The leading right singular vectors of x, not centred, with settled signs (the largest entry is positive).

    Exact from the Gram matrix where a quarter of all or more are wanted, or where that is faster; else a range finder
    with power iterations (Halko, Martinsson and Tropp 2011), which takes time in proportion to `count`.

    Args:
        x: Rows.
        count: Number of vectors; fewer come back where x has fewer columns.
        generator: Source of the range finder's probe.
        each: What is done to rows first, a block at a time, so that the result need not be held as a whole.

    Returns:
        Unit rows, the leading first.
    """
    columns = x.shape[1]
    count = min(count, columns)

    def total(part: Callable[[Tensor], Tensor]) -> Tensor:
        """Σ over blocks of rows."""
        return functools.reduce(operator.add, (part(each(x[b]) if each else x[b]) for b in row_blocks(x)))

    width = min(columns, count + _OVERSAMPLED)
    # Multiplications: of the Gram matrix and its directions, and of the passes of a range finder.
    if 4 * count >= columns or len(x) * columns + _EIGEN * columns**2 < 2 * (_POWERS + 1) * len(x) * width:
        values, vectors = torch.linalg.eigh(total(lambda rows: _gram(rows).double()))
        top = vectors[:, values.argsort(descending=True)[:count]].T
    else:
        basis = torch.linalg.qr(torch.randn(columns, width, generator=generator).to(x)).Q
        for _ in range(_POWERS):
            basis = torch.linalg.qr(_turned(total, basis)).Q
        # Ritz vectors: within the found range, the directions of x.
        values, vectors = torch.linalg.eigh(total(lambda rows: _gram((rows @ basis).double())))
        top = (basis.double() @ vectors[:, values.argsort(descending=True)[:count]]).T
    signs = top.gather(1, top.abs().argmax(dim=1, keepdim=True)).sign()
    settled: Tensor = (top * signs).to(x.dtype)
    return settled


def _gram(rows: Tensor) -> Tensor:
    """XᵀX. Of many columns a group at a time with itself and those after it: the rest is known by symmetry."""
    columns = rows.shape[1]
    if columns < _GROUPED_FROM:
        return rows.T @ rows
    found = rows.new_empty(columns, columns)
    size = -(-columns // _GROUPS)
    for start in range(0, columns, size):
        found[start : start + size, start:] = rows[:, start : start + size].T @ rows[:, start:]
    return found.triu() + found.triu(1).T


def _turned(total: Callable[[Callable[[Tensor], Tensor]], Tensor], basis: Tensor) -> Tensor:
    """XᵀX B, a sum over blocks of rows."""
    return total(lambda rows: rows.T @ (rows @ basis))
