"""Is the order of all rows by distance kept, from the nearest to the farthest? Two numbers and a curve."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.intervals import Outcomes
from graphurl.evaluation.neighborhood import metric_name, part_words, same_rows
from graphurl.functional.distance import Metric, chunked_squared_distances, rows_in_budget

# Sizes of neighbourhoods at which the curve is kept: about evenly on a logarithmic scale.
_POINTS = 40


def ranking(
    x: Any,
    z: Any,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    subset: int | None = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Rank correlation of all distances from a row, and the curve of shared neighbours (LCMC) over k.

    Every row ranks all others in x and in z, r and s.

    * rank_correlation: mean over rows of Spearman's ρ = 1 - 6 Σ_j (r_j - s_j)² / (n (n² - 1)), n = N - 1. It weighs
      all pairs alike, so it is about the arrangement at large: a map with wrong neighbours can score well, and one
      that keeps all neighbours but moves clusters scores low. 0 for a random map.
    * lcmc: the largest over k of LCMC(k) = Q(k) - k / (N - 1) (Chen & Buja, 2009), Q(k) the share of the k nearest
      in x that are among the k nearest in z. The curve and the k of its maximum say at which scale neighbours are kept;
      k is a number of rows of the subset, so scales of different subsets do not compare. 0 for a random map.

    Exact up to `subset` rows, in chunks; equal distances rank by row number.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        metric: Distance in x.
        metric_z: Distance in z.
        subset: With more rows, those of a fixed subset, as in `trustworthiness`; None for all.
        seed: Draws the subset.

    Returns:
        rank_correlation, lcmc, lcmc_k (where it is largest), curve (k → LCMC(k)) and protocol.

    Raises:
        InputError: Rows that do not match or are not finite, or fewer than four.
    """
    first, second = same_rows(x, z, subset, seed)
    n = len(first) - 1
    if n < 3:
        raise InputError(f"{n + 1} rows: ranks of all others need at least four")
    shared = np.zeros(n + 1, dtype=np.int64)
    correlations = []
    size = rows_in_budget(n + 1, 4 * 8)
    blocks_x = chunked_squared_distances(first, first, metric, size)
    blocks_z = chunked_squared_distances(second, second, metric_z, size)
    with torch.no_grad():
        for (start, d_x), (_, d_z) in zip(blocks_x, blocks_z, strict=True):
            r, s = _ranks(d_x, start), _ranks(d_z, start)
            # A row is its own farthest in both, which adds 0 to the differences and a count behind the curve.
            correlations.append(1 - 6 * (r - s).double().square().sum(1) / (n * (n * n - 1.0)))
            shared += np.bincount(torch.maximum(r, s).ravel().numpy(), minlength=n + 1)
    # Two rows share a neighbour at k where the larger of its two ranks is at most k.
    k = np.arange(1, n)
    curve = np.cumsum(shared)[: n - 1] / (k * len(first)) - k / n
    best = int(curve.argmax())
    points = np.unique(np.geomspace(1, n - 1, _POINTS).round().astype(int))
    rho = torch.cat(correlations)
    names = f"{metric_name(metric)} in x, {metric_name(metric_z)} in z"
    return {
        "rank_correlation": float(rho.mean()),
        "lcmc": float(curve[best]),
        "lcmc_k": int(k[best]),
        "curve": {str(point): float(curve[point - 1]) for point in points},
        "outcomes": Outcomes({"rank_correlation": rho.numpy()}),
        "protocol": f"{names}, {part_words(len(first), len(z), seed)}",
    }


def _ranks(block: torch.Tensor, start: int) -> torch.Tensor:
    """Rank, from 0, of every column within its row; the row itself comes last."""
    block = block.clone()
    block.diagonal(start).fill_(torch.inf)
    order = block.sort(dim=1, stable=True).indices
    places = torch.arange(order.shape[1]).expand_as(order)
    return torch.empty_like(order).scatter_(1, order, places)

