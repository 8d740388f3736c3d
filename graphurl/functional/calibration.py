"""Bandwidths: how far "near" reaches from every row."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.kernel import log_t_kernel

# Bandwidths are sought between these multiples of the row's largest gap. The logarithm of the bracket is 41
# wide; 45 halvings reduce it below what changes sigma in float64 by more than a few roundings.
_BELOW, _ABOVE, _EXACT = 1e-12, 1e6, 1e-12
# Steps at most, should interpolation mislead some row again and again.
_MOST = 120


def nearest_distance(distances: Tensor) -> Tensor:
    """Distance of every row to its nearest neighbour, mu_i = min_j d(i, j).

    Args:
        distances: Distances to the neighbours, (N, k); entries that are not finite are padding.

    Returns:
        One distance per row, (N,); 0 for a row without neighbours.
    """
    if not distances.shape[1]:
        return distances.new_zeros(len(distances))
    nearest = torch.where(distances.isfinite(), distances, math.inf).amin(1)
    return torch.where(nearest.isfinite(), nearest, 0)


def nearest_distance_csr(crow: Tensor, length: Tensor) -> Tensor:
    """As ``nearest_distance``, for rows of different size.

    Args:
        crow: Row starts, (N + 1,).
        length: Distances along the edges, (E,).

    Returns:
        One distance per row, (N,); 0 for a row without neighbours.
    """
    return nearest_distance_rows(_expand(crow), length, len(crow) - 1)


def nearest_distance_rows(rows: Tensor, length: Tensor, n: int) -> Tensor:
    """As ``nearest_distance``, for an edge list in any order.

    Args:
        rows: Source of every edge, (E,).
        length: Distances along the edges, (E,).
        n: Number of rows.

    Returns:
        One distance per row, (N,); 0 for a row without neighbours.
    """
    nearest = length.new_full((n,), math.inf).scatter_reduce(0, rows, length, "amin")
    return torch.where(nearest.isfinite(), nearest, 0)


def log2k_sigma(
    distances: Tensor, mu: Tensor, *, nu: float = math.inf, target: float | None = None
) -> Tensor:
    r"""Bandwidth at which the neighbours of a row share a fixed total similarity (UMAP; GenURL, sigma_i).

    Solves by bisection in log sigma, all rows at once,

    $$\sum_j \kappa\big((d_{ij} - \mu_i)_+ / \sigma_i, \nu\big) = \log_2 k_i$$

    with the normalised kernel, and k_i the number of neighbours of row i. Rows without a solution (fewer than
    3 neighbours, all equally far, or so many at mu that the target is passed) get the mean of their positive
    gaps d - mu; rows without such a gap get the median of the solved rows; and where no row is solved, the
    mean distance, or 1. So the result is always finite and positive.

    Args:
        distances: Distances to the neighbours, (N, k), itself left out; entries that are not finite are
            padding.
        mu: The distance that still counts as 0, (N,).
        nu: Degrees of freedom of the kernel.
        target: Total similarity instead of log2 k_i.

    Returns:
        sigma, (N,).
    """
    rows, length = _finite_entries(distances)
    return _log2k(rows, length, mu, nu, target).to(distances.dtype)


def log2k_sigma_csr(
    crow: Tensor, length: Tensor, mu: Tensor, nu: float = math.inf, target: float | None = None
) -> Tensor:
    """As ``log2k_sigma``, for rows of different size.

    Args:
        crow: Row starts, (N + 1,).
        length: Distances along the edges, (E,), itself left out.
        mu: The distance that still counts as 0, (N,).
        nu: Degrees of freedom of the kernel.
        target: Total similarity instead of log2 k_i.

    Returns:
        sigma, (N,).
    """
    rows = _expand(crow)
    keep = length.isfinite()
    return _log2k(rows[keep], length[keep], mu, nu, target).to(length.dtype)


def perplexity_sigma(distances: Tensor, perplexity: float) -> Tensor:
    r"""Bandwidth at which the conditional distribution of a row has a given perplexity (SNE).

    $$P_{j|i} \propto e^{-d_{ij}^2 / 2\sigma_i^2}, \qquad -\sum_j P_{j|i} \log P_{j|i} = \log \mathrm{perp}$$

    Rows without a solution (no more neighbours than the perplexity, or that many ties for the nearest) follow
    the rule of ``log2k_sigma``, with the gap to the nearest neighbour.

    Args:
        distances: Distances, (N, k); entries that are not finite are left out (padding, the row itself).
        perplexity: Effective number of neighbours, in [1, k).

    Returns:
        sigma, (N,).
    """
    rows, length = _finite_entries(distances)
    return _perplexity(rows, length, len(distances), perplexity).to(distances.dtype)


def perplexity_sigma_csr(crow: Tensor, length: Tensor, perplexity: float) -> Tensor:
    """As ``perplexity_sigma``, for rows of different size.

    Args:
        crow: Row starts, (N + 1,).
        length: Distances along the edges, (E,), itself left out.
        perplexity: Effective number of neighbours.

    Returns:
        sigma, (N,).
    """
    rows = _expand(crow)
    keep = length.isfinite()
    return _perplexity(rows[keep], length[keep], len(crow) - 1, perplexity).to(length.dtype)


def population(distances: Tensor) -> tuple[float, float]:
    """Mean and standard deviation of all finite distances.

    They stand in for mu and sigma where the data are too large to calibrate every row.

    Args:
        distances: Distances, any shape.

    Returns:
        The mean, and the standard deviation over the population. Without spread the deviation is given as 1,
        and without any finite distance the mean as 0, so that (d - mean) / deviation stays defined.
    """
    finite = distances[distances.isfinite()].double()
    if not finite.numel():
        return 0.0, 1.0
    deviation = float(finite.std(correction=0))
    return float(finite.mean()), deviation if deviation > 0 else 1.0


def _log2k(rows: Tensor, length: Tensor, mu: Tensor, nu: float, target: float | None) -> Tensor:
    if target is not None and not target > 0:
        raise InputError(f"target must be above 0, not {target}: give a number of neighbours, like 3.9")
    n = len(mu)
    counts = torch.bincount(rows, minlength=n)
    wanted = counts.double().clamp(min=1).log2() if target is None else mu.new_full((n,), target).double()
    gap = (length - mu.to(length)[rows]).clamp(min=0)
    scale = _largest(gap, rows, n)
    unit = gap / scale[rows]

    def total(sigma: Tensor) -> Tensor:
        kappa = log_t_kernel((unit / sigma.to(unit)[rows]).square(), nu).exp()
        return _row_sum(kappa, rows, n)

    sigma, solved = _solve(total, wanted)
    return _fill(sigma * scale, solved, gap, rows, length)


def _perplexity(rows: Tensor, length: Tensor, n: int, perplexity: float) -> Tensor:
    most = int(torch.bincount(rows, minlength=1).max()) if len(rows) else 0
    if not perplexity >= 1 or (most and perplexity >= most):
        raise InputError(
            f"perplexity must be at least 1 and below the {most} neighbours of a row, not {perplexity}: "
            "lower it, or use more neighbours"
        )
    nearest = nearest_distance_rows(rows, length, n)[rows]
    # d^2 - min d^2 as a product keeps the digits of a small gap between large distances.
    gap = ((length - nearest) * (length + nearest)).sqrt()
    scale = _largest(gap, rows, n)
    energy = (gap / scale[rows]).square()

    def entropy(sigma: Tensor) -> Tensor:
        precision = 0.5 / sigma.to(energy).square()
        mass = (-energy * precision[rows]).exp()
        z = _row_sum(mass, rows, n).clamp(min=1)
        return z.log() + precision * _row_sum(energy * mass, rows, n) / z

    wanted = torch.full((n,), math.log(perplexity), dtype=torch.float64, device=length.device)
    sigma, solved = _solve(entropy, wanted)
    return _fill(sigma * scale, solved, length - nearest, rows, length)


def _solve(increasing: Callable[[Tensor], Tensor], wanted: Tensor) -> tuple[Tensor, Tensor]:
    """Finds log sigma for all rows at once; also tells which rows have a solution inside the bracket.

    Inverse quadratic interpolation where three points allow it, else the middle of the bracket (Chandrupatla 1997): a
    third of the steps of bisection. (a, b) is the bracket, a the newest point, c the one before.
    """

    def off(at: Tensor) -> tuple[Tensor, Tensor]:
        found = increasing(at.exp())
        gap = found.double() - wanted
        # What hits the mark as exactly as it is known needs no digits more.
        return gap, gap.abs() <= torch.finfo(found.dtype).eps * wanted.abs()

    a, b = torch.full_like(wanted, math.log(_BELOW)), torch.full_like(wanted, math.log(_ABOVE))
    (at_a, _), (at_b, _) = off(a), off(b)
    solved = (at_a < 0) & (at_b > 0)
    share, done = torch.full_like(wanted, 0.5), ~solved
    for _ in range(_MOST):
        if bool(done.all()):
            break
        new = torch.where(done, a, a + share * (b - a))
        value, hit = off(new)
        same = (value > 0) == (at_a > 0)
        c, at_c = torch.where(same, a, b), torch.where(same, at_a, at_b)
        b, at_b = torch.where(same, b, a), torch.where(same, at_b, at_a)
        a, at_a = new, value
        least = _EXACT / (b - a).abs()
        done = done | hit | (least > 0.5)
        place, level = (a - b) / (c - b), (at_a - at_b) / (at_c - at_b)
        bent = at_a / (at_b - at_a) * at_c / (at_b - at_c)
        bent += (c - a) / (b - a) * at_a / (at_c - at_a) * at_b / (at_c - at_b)
        smooth = (level.square() < place) & ((1 - level).square() < 1 - place)
        share = torch.where(smooth, bent, 0.5).clamp(least, 1 - least)
    return a.exp(), solved


def _fill(sigma: Tensor, solved: Tensor, gap: Tensor, rows: Tensor, length: Tensor) -> Tensor:
    """Gives rows without a solution their mean positive gap, or what the other rows have."""
    n = len(sigma)
    gaps = _row_sum((gap > 0).double(), rows, n)
    own = _row_sum(gap.double(), rows, n) / gaps.clamp(min=1)
    overall = float(length.double().mean()) if len(length) else 0.0
    other = float(sigma[solved].median()) if bool(solved.any()) else (overall or 1.0)
    return torch.where(solved, sigma, torch.where(own > 0, own, other))


def _largest(gap: Tensor, rows: Tensor, n: int) -> Tensor:
    largest = gap.new_zeros(n).scatter_reduce(0, rows, gap, "amax")
    return torch.where(largest > 0, largest, 1)


def _row_sum(values: Tensor, rows: Tensor, n: int) -> Tensor:
    return values.new_zeros(n).scatter_add(0, rows, values)


def _finite_entries(distances: Tensor) -> tuple[Tensor, Tensor]:
    keep = distances.isfinite()
    return keep.nonzero()[:, 0], distances[keep]


def _expand(crow: Tensor) -> Tensor:
    return torch.repeat_interleave(crow.diff())
