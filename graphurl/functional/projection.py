"""Linear projections: principal coordinates and leading directions by a randomised range finder."""

from __future__ import annotations

import torch
from torch import Tensor

# Directions beyond those wanted, and power iterations, of a range finder: the spectrum of smoothed features decays.
_OVERSAMPLED, _POWERS = 32, 6


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
    centred = x - x.mean(dim=0, keepdim=True)
    width = min(dim, *centred.shape)
    probe = torch.randn(centred.shape[1], min(centred.shape[1], width + 8), generator=generator).to(centred)
    basis = torch.linalg.qr(centred @ probe).Q
    for _ in range(3):
        basis = torch.linalg.qr(centred @ (centred.T @ basis)).Q
    u, s, _ = torch.linalg.svd(basis.T @ centred, full_matrices=False)
    rows: Tensor = (basis @ u[:, :width]) * s[:width]
    signs = rows.gather(0, rows.abs().argmax(dim=0, keepdim=True)).sign()
    rows = rows * torch.where(signs == 0, torch.ones_like(signs), signs)
    deviation = rows[:, 0].norm() / max(1, len(rows) - 1) ** 0.5
    rows = rows * (scale / deviation.clamp_min(torch.finfo(rows.dtype).tiny))
    if width < dim:
        noise = torch.randn(len(rows), dim - width, generator=generator).to(rows) * scale * 1e-2
        rows = torch.cat([rows, noise], dim=1)
    return rows


def leading_directions(x: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """The leading right singular vectors of x, not centred, with settled signs (the largest entry is positive).

    Exact from the Gram matrix where a quarter of all or more are wanted; else a range finder with power iterations
    (Halko, Martinsson and Tropp 2011), which takes time in proportion to `count`.

    Args:
        x: Rows.
        count: Number of vectors; fewer come back where x has fewer columns.
        generator: Source of the range finder's probe.

    Returns:
        Unit rows, the leading first.
    """
    columns = x.shape[1]
    count = min(count, columns)
    if 4 * count >= columns:
        values, vectors = torch.linalg.eigh((x.T @ x).double())
        top = vectors[:, values.argsort(descending=True)[:count]].T
    else:
        width = min(columns, count + _OVERSAMPLED)
        basis = torch.linalg.qr(torch.randn(columns, width, generator=generator).to(x)).Q
        for _ in range(_POWERS):
            basis = torch.linalg.qr(x.T @ (x @ basis)).Q
        # Ritz vectors: within the found range, the directions of x.
        values, vectors = torch.linalg.eigh((x @ basis).double().T @ (x @ basis).double())
        top = (basis.double() @ vectors[:, values.argsort(descending=True)[:count]]).T
    signs = top.gather(1, top.abs().argmax(dim=1, keepdim=True)).sign()
    settled: Tensor = (top * signs).to(x.dtype)
    return settled
