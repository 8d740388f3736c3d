"""Linear projections: principal coordinates by a randomised range finder."""

from __future__ import annotations

import torch
from torch import Tensor


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
