"""How an embedding fills its space: effective rank, spread of directions, and the verdict "collapsed"."""

from __future__ import annotations

import math
from typing import TypedDict

import torch
from torch import Tensor

from graphurl.functional.distance import unit_rows

# Most rows are alike when this part of them is nearer to the middle than that share of the spread.
_MOST = 0.9
_ALIKE = 1e-3
# Rounding: a spread below this share of the rows' length is not a spread.
_ROUNDING = 1e-6
# Directions have collapsed below this deviation of unit rows: a mean cosine above 0.986. In its first epochs no
# healthy method on pictures was seen below 0.26, and one that falls together was at 0.1 after the first (lab book).
_ONE_WAY = 0.12
# A rank is collapsed below 1 + 0.02 (d - 1): 1.02 of 2 (a line), 3.5 of 128.
_RANK_SHARE = 0.02


class Verdict(TypedDict):
    """What `collapse` found."""

    effective_rank: float
    std: float
    dim: int
    collapsed: bool
    reason: str


def effective_rank(z: Tensor, *, centred: bool = True) -> Tensor:
    """The number of directions in use: exp of the entropy of the singular values (Roy & Vetterli, 2007).

    erank(Z) = exp(-sum_k p_k log p_k), p_k = s_k / sum_l s_l, where s_k are the singular values of Z. It is
    d for an isotropic cloud, 1 for a line, and 0 when all rows are equal. It can show that dimensions are
    unused, not whether the used ones carry meaning.

    Args:
        z: Embeddings, (N, d).
        centred: Take the mean out first; without it the mean counts as a direction (as in RankMe).

    Returns:
        A float64 scalar.
    """
    z = z.double()
    scale = z.abs().amax() if z.numel() else z.new_zeros(())
    if scale == 0:
        return z.new_zeros(())
    z = z / scale
    if centred:
        z = z - z.mean(0)
    gram = z.T @ z if z.shape[1] <= z.shape[0] else z @ z.T
    # Eigenvalues below rounding would enter through their root as if they were a spread of 1e-8.
    power = torch.linalg.eigvalsh(gram)
    power = torch.where(power > power.new_tensor(1e-13) * max(len(z), 1), power, 0)
    if power.sum() == 0:
        return z.new_zeros(())
    p = power.sqrt() / power.sqrt().sum()
    return torch.exp(-torch.xlogy(p, p).sum())


def mean_cosine(z: Tensor) -> Tensor:
    """The mean cosine of two different rows, (|sum_i u_i|^2 - sum_i |u_i|^2) / (N (N - 1)), in O(N d).

    1 when all rows point the same way, about 0 when they fill the sphere. It depends on the origin: rows
    that are compared by Euclidean distance may have a mean cosine near 1 and be perfectly spread.

    Args:
        z: Embeddings, (N, d), N >= 2.

    Returns:
        A float64 scalar.
    """
    u = unit_rows(z.double())
    n = len(u)
    total: Tensor = u.sum(0).square().sum() - u.square().sum()
    return total / max(n * (n - 1), 1)


def std_of_normalised(z: Tensor) -> Tensor:
    """The mean over dimensions of the standard deviation of unit rows, times sqrt(d).

    0 when all rows point the same way, 1 when they fill the sphere evenly. Like every mean over dimensions
    it does not see that dimensions repeat each other; `effective_rank` does. It depends on the origin.

    Args:
        z: Embeddings, (N, d).

    Returns:
        A float64 scalar.
    """
    u = unit_rows(z.double())
    deviation: Tensor = u.std(0, correction=0).mean()
    return deviation * math.sqrt(u.shape[1])


def uniformity(z: Tensor, t: float = 2.0) -> Tensor:
    """Log of the mean Gaussian potential, log mean_{i<j} exp(-t |u_i - u_j|^2) (Wang & Isola, 2020).

    Of unit rows: 0 when all point the same way; the lower, the more even the sphere is filled (towards -2 t
    in high dimension). Needs all pairs: give at most a few thousand rows.

    Args:
        z: Embeddings, (N, d), N >= 2.
        t: Sharpness of the potential.

    Returns:
        A float64 scalar.
    """
    u = unit_rows(z.double())
    return torch.logsumexp(-t * torch.pdist(u).square(), 0) - torch.log(
        u.new_tensor(len(u) * (len(u) - 1) / 2)
    )


def nlad(z: Tensor, y: Tensor) -> Tensor:
    """Negative log absolute determinant of the cosine matrix of class means: -log |det M|.

    0 when the class means are orthogonal to each other, infinite when two of them point the same way. It says
    how far apart the means are, not how tight the classes are; more classes than dimensions always give
    infinity.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, (N,), -1 where unknown.

    Returns:
        A float64 scalar.
    """
    z = z.double()
    means = torch.stack([z[y == label].mean(0) for label in torch.unique(y[y >= 0])])
    u = unit_rows(means)
    # log |det u u^T| = 2 sum log s_k(u): the singular values keep the digits that the product loses.
    s = torch.linalg.svdvals(u)
    if len(s) < len(u) or bool(s[-1] <= 1e-12):
        return z.new_tensor(torch.inf)
    volume: Tensor = s.log().sum()
    return -2 * volume


def collapse(z: Tensor, *, max_rows: int = 2000, directions: bool = False) -> Verdict:
    """Judges whether an embedding has collapsed, cheaply enough for every epoch.

    Collapsed means one of: numbers that are not finite; all (or most) rows at one point, relative to the
    scale of the rows; a rank far below the dimension, effective rank < 1 + 0.02 (d - 1). The test does not
    depend on the scale. Rows that are compared by their directions alone have also collapsed when these are alike,
    however their lengths differ. An embedding that is spread but meaningless passes.

    Args:
        z: Embeddings, (N, d). Neither the tensor nor its graph is touched.
        max_rows: Rows looked at, evenly spaced, so that no random state is needed.
        directions: Rows are compared by cosine.

    Returns:
        Effective rank, std (of unit rows, see `std_of_normalised`), the dimension, the verdict and its
        reason in words (empty when there is no collapse).
    """
    with torch.no_grad():
        if len(z) > max_rows:
            z = z[torch.linspace(0, len(z) - 1, max_rows, device=z.device).long()]
        z = z.detach().double()
        dim = z.shape[1]
        if not bool(torch.isfinite(z).all()):
            bad = int((~torch.isfinite(z).all(1)).sum())
            reason = f"{bad} of {len(z)} rows are not finite"
            return Verdict(effective_rank=0.0, std=0.0, dim=dim, collapsed=True, reason=reason)
        rank, std = float(effective_rank(z)), float(std_of_normalised(z)) if len(z) else 0.0
        one_way = f"all rows point the same way (deviation {std:.3f} of unit rows, below {_ONE_WAY})"
        reason = _alike(z) or (one_way if directions and std < _ONE_WAY and len(z) > 1 else "")
        reason = reason or _flat(rank, len(z), dim)
        return Verdict(effective_rank=rank, std=std, dim=dim, collapsed=bool(reason), reason=reason)


def _alike(z: Tensor) -> str:
    if len(z) < 2:
        return ""
    z = z / z.abs().amax().clamp_min(1e-300)
    spread = (z - z.mean(0)).square().sum(1).mean().sqrt()
    length = z.square().sum(1).mean().sqrt()
    if bool(spread <= _ROUNDING * length):
        return f"all rows are alike (spread {float(spread / length.clamp_min(1e-300)):.1e} of their length)"
    # From the median, not the mean: a single far row would move the mean away from the heap.
    typical = (z - z.median(0).values).square().sum(1).sqrt().quantile(_MOST)
    if bool(typical <= _ALIKE * spread):
        return f"{_MOST:.0%} of the rows are alike (within {float(typical / spread):.1e} of the spread)"
    return ""


def _flat(rank: float, rows: int, dim: int) -> str:
    possible = min(dim, rows - 1)
    least = 1 + _RANK_SHARE * (possible - 1)
    if possible < 2 or rank >= least:
        return ""
    return f"effective rank {rank:.2f} of {dim} dimensions, below {least:.2f}"
