"""Locally linear maps: a nonlinear map as linear ones side by side, each found in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from graphurl.functional.clustering import kmeans

#: Charts that place a row.
OVERLAP = 6
#: Penalty on slopes, as a share of the squared distance to the nearest centre, a column.
RIDGE = 0.5
#: Rows that count less for a chart take no part in it.
LEAST_WEIGHT = 1e-4
#: Times that the reach of the fit is narrowed.
_ROUNDS = 4
#: Distances held at a time.
_BLOCK = 2**23


def fitted_charts(x: Tensor, y: Tensor, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    r"""Linear maps y ≈ a_m + B_m^T (x - c_m) around centres that follow both the rows and their places.

    Clusters of (x, y) do not reach across a gap of the map, as those of x would (their centres are kept for x alone).
    Each chart is a weighted ridge regression of the rows that have it among their nearest, weights
    exp(-(d_m / d_1)^4). Rows that lie on the other side of a gap are let go step by step: iteratively reweighted least
    squares with the Cauchy weight 1 / (1 + e² / s²), s² halved from the mean square of the errors.

    Args:
        x: Rows, N × F.
        y: Their places, N × d.
        count: Number of charts; those that no row has among its nearest are left out.
        generator: Source of the start of the clusters.

    Returns:
        Centres c, M × F; places of the centres a, M × d; slopes B, M × F × d.
    """
    y_scaled = (y - y.mean(0)) * (x.var(0).sum() / y.var(0).sum().clamp_min(torch.finfo(y.dtype).tiny)).sqrt()
    joint = kmeans(torch.cat([x, y_scaled.nan_to_num()], dim=1), min(count, len(x)), generator=generator)
    centres = joint[:, : x.shape[1]].contiguous()
    d2, near = nearest_charts(x, centres)
    penalty = RIDGE * d2[:, 0].double().mean() / x.shape[1]
    weight = closeness(d2).flatten()
    counted = (weight > LEAST_WEIGHT).nonzero()[:, 0]
    chart, order = near.flatten()[counted].sort(stable=True)
    kept, sizes = torch.unique_consecutive(chart, return_counts=True)
    rows, weight = counted[order] // near.shape[1], weight[counted[order]]
    offsets, slopes = y.new_zeros(len(kept), y.shape[1]), y.new_zeros(len(kept), *x.shape[1:], y.shape[1])
    lengths = sizes.tolist()
    parts = zip(torch.split(rows, lengths), torch.split(weight, lengths), strict=True)
    for m, (own, w) in enumerate(parts):
        at = x[own] - centres[kept[m]]
        solution = _robust_ridge(torch.cat([torch.ones_like(at[:, :1]), at], dim=1), y[own], w[:, None], penalty)
        offsets[m], slopes[m] = solution[0], solution[1:]
    return centres[kept], offsets, slopes


def nearest_charts(x: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Squared distances to the nearest centres and which they are, N × min(6, M), nearest first."""
    few, middle = min(OVERLAP, len(centres)), centres.detach().mean(0)
    moved = centres - middle
    half = moved.square().sum(1) / 2
    distances, numbers = [], []
    for rows in torch.split(x, rows_at_once(centres)):
        # Which are nearest by a product, how near by differences: only these keep the digits of short distances.
        near = torch.nn.functional.linear(rows - middle, -moved, half).topk(few, largest=False).indices
        distances.append((rows[:, None] - centres[near]).square().sum(2))
        numbers.append(near)
    return torch.cat(distances), torch.cat(numbers)


def rows_at_once(centres: Tensor) -> int:
    """How many rows are compared with all centres at a time."""
    return max(1, _BLOCK // max(1, len(centres) + 2 * OVERLAP * centres.shape[1]))


def closeness(d2: Tensor) -> Tensor:
    """exp(-(d / d_1)^4) of sorted squared distances."""
    nearest = d2[:, :1].clamp_min(torch.finfo(d2.dtype).tiny)
    return torch.exp(-((d2 / nearest).nan_to_num(nan=1.0).clamp_max(1e3) ** 2))


def _robust_ridge(a: Tensor, y: Tensor, weight: Tensor, penalty: Tensor) -> Tensor:
    """Coefficients of columns, the first of which is not penalised."""
    q = weight
    free = torch.eye(a.shape[1], dtype=torch.float64, device=a.device) * penalty
    free[0, 0] = 0
    solution = a.new_zeros(a.shape[1], y.shape[1])
    for halving in range(_ROUNDS):
        gram = (a.T @ (a * q)).double()
        gram += q.sum() * free + 1e-9 * gram.trace() * torch.eye(len(gram), dtype=torch.float64, device=a.device)
        solution = torch.linalg.solve(gram, (a.T @ (q * y)).double()).to(a)
        error = (a @ solution - y).square().sum(1, keepdim=True)
        reach = 0.5**halving * (q * error).sum() / q.sum()
        q = weight / (1 + error / reach.clamp_min(torch.finfo(a.dtype).tiny))
    return solution
