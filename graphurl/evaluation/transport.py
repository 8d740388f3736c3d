"""Are two clouds of different dimension the same shape? Cai–Lim projection distance and Gromov–Wasserstein."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.neighborhood import metric_name, part_words, same_rows
from graphurl.functional.distance import Metric, squared_distances


def cai_lim(x: Any, z: Any, *, rescale: bool = True, subset: int | None = 2000, seed: int = 0) -> dict[str, Any]:
    """Cai–Lim projection distance of the covariances of x and z, relative to the spread of x (Cai & Lim, 2022).

    The distance of distributions in spaces of different dimension is the smallest 2-Wasserstein distance after an
    orthogonal projection V and a shift of the larger space: inf_V W₂(V x, z). Between Gaussians it has a closed form:
    the variances of V x are any μ that interlace those of x, λ_i ≥ μ_i ≥ λ_{i+n-m}, so each standard deviation a_i of
    z costs its distance to [√λ_{i+n-m}, √λ_i]. The number is √Σ_i cost_i² over √Σ_{i≤m} λ_i, m the dimension of z.

    0: z has the spread of some flat shadow of x, as principal components do. It sees variances only, and for any clouds
    it is a lower bound of the true distance: a map that shuffles the rows has the same value, and one that unrolls a
    curved sheet is no shadow and is not 0. Read it beside a metric of neighbours.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d); where d > F the roles are exchanged.
        rescale: Bring z to the spread of the first m principal components of x first, as the unit of an embedding is
            usually arbitrary; without it the number depends on that unit.
        subset: With more rows, those of a fixed subset; None for all.
        seed: Draws the subset.

    Returns:
        cai_lim and protocol.

    Raises:
        InputError: Rows that do not match or are not finite, or all rows of a space alike.
    """
    first, second = same_rows(x, z, subset, seed)
    large, small = (first, second) if first.shape[1] >= second.shape[1] else (second, first)
    n, m = large.shape[1], small.shape[1]
    wide, narrow = _deviations(large, n), _deviations(small, m)
    top = np.sqrt(np.square(wide[:m]).sum())
    length = np.sqrt(np.square(narrow).sum())
    if top == 0 or length == 0:
        raise InputError("all rows of a space are alike: there is no shape to compare")
    scaled = narrow * (top / length) if rescale else narrow
    cost = scaled - np.clip(scaled, wide[n - m :], wide[:m])
    unit = "z scaled to x" if rescale else "z as given"
    return {
        "cai_lim": float(np.sqrt(np.square(cost).sum()) / top),
        "protocol": f"covariances, {n} to {m} dimensions, {unit}, {part_words(len(first), len(z), seed)}",
    }


def gromov_wasserstein(
    x: Any,
    z: Any,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    subset: int | None = 500,
    seed: int = 0,
) -> dict[str, Any]:
    """Gromov–Wasserstein distance between the distances of x and those of z, each over its mean (Mémoli, 2011).

    min_T Σ_{ijkl} (d_x(i, j) - d_z(k, l))² T_ik T_jl over couplings T of the rows, by conditional gradient from the
    coupling that leaves every row where it is. 0 where the two clouds have the same distances, whichever row is
    which; `kept` in the result is the share of mass that T leaves in place, which says whether rows stayed who they
    are. The problem is not convex: the number is an upper bound, at most that of the rows in place. Needs the package
    POT.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        metric: Distance in x.
        metric_z: Distance in z.
        subset: With more rows, those of a fixed subset: the cost grows with N³. None for all.
        seed: Draws the subset.

    Returns:
        gromov_wasserstein, in_place (the number without moving any row), kept and protocol.

    Raises:
        InputError: Without POT; rows that do not match or are not finite, or all alike.
    """
    try:
        from ot.gromov import gromov_wasserstein as solve
    except ImportError as error:
        raise InputError("Gromov-Wasserstein needs the package POT: pip install 'graphurl[transport]'") from error
    first, second = same_rows(x, z, subset, seed)
    d_x, d_z = (
        squared_distances(rows, None, kind).clamp(min=0).sqrt().numpy()
        for rows, kind in ((first, metric), (second, metric_z))
    )
    if d_x.max() == 0 or d_z.max() == 0:
        raise InputError("all rows of a space are alike: there is no shape to compare")
    d_x, d_z, n = d_x / d_x.mean(), d_z / d_z.mean(), len(d_x)
    even, start = np.full(n, 1 / n), np.eye(n) / n
    plan, log = solve(d_x, d_z, even, even, "square_loss", G0=start, log=True)
    in_place = float(np.square(d_x - d_z).mean())
    return {
        "gromov_wasserstein": max(0.0, min(float(log["gw_dist"]), in_place)),
        "in_place": in_place,
        "kept": float(np.trace(plan)),
        "protocol": f"square loss, {metric_name(metric)} in x, {metric_name(metric_z)} in z, over their mean, "
        f"{part_words(n, len(z), seed)}",
    }


def _deviations(rows: torch.Tensor, columns: int) -> np.ndarray:
    """Standard deviations along the principal axes, largest first, one a column."""
    centred = rows - rows.mean(0)
    found = np.zeros(columns)
    values = torch.linalg.svdvals(centred).numpy() / np.sqrt(len(rows))
    found[: len(values)] = values
    return found
