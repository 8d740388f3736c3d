"""Where are neighbours kept? Trustworthiness and continuity of every single row, for a map to be coloured by."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, as_space, check_finite, dense, subset_rows
from graphurl.evaluation.neighborhood import metric_name, neighborhood, score_rows
from graphurl.functional.distance import Metric, edge_squared_distances, rows_in_budget, squared_distances
from graphurl.functional.neighbors import knn

#: Rows up to which all ranks are counted, and rows on which they are estimated beyond.
EXACT_UP_TO, SAMPLE = 5000, 2000


def local_neighborhood(
    x: Any,
    z: Any,
    k: int = 10,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    exact_up_to: int = EXACT_UP_TO,
    sample: int = SAMPLE,
    seed: int = 0,
) -> dict[str, Any]:
    """What each row contributes to `trustworthiness` and `continuity`, whose mean over the rows these are.

    T_i(k) = 1 - 2 / (k (2N - 3k - 1)) Σ_{j in N_k^z(i)} max(0, r_x(i, j) - k), and with the spaces exchanged for
    continuity; it is at most 1 and can be below 0. Up to `exact_up_to` rows all ranks are counted. Beyond, a rank is
    estimated from the rows s of a random sample S, r_x(i, j) ≈ 1 + (N - 1) |{s: d(i, s) < d(i, j)}| / |S|, with the
    neighbours of a search among all rows: then differences of a few ranks, below N / |S|, are noise.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        k: Number of neighbours, below N / 2.
        metric: Distance in x.
        metric_z: Distance in z.
        exact_up_to: Most rows whose ranks are all counted.
        sample: Rows that ranks are estimated on.
        seed: Draws the sample.

    Returns:
        trustworthiness and continuity, (N,) float64 each, and the protocol in words.

    Raises:
        InputError: Rows that do not match or are not finite, or k too large.
    """
    if len(z) <= exact_up_to:
        found = neighborhood(x, z, k, metric, metric_z=metric_z, subset=None)
        values = {name: found["outcomes"][name] for name in ("trustworthiness", "continuity")}
        return {**values, "protocol": found["protocol"]}
    first, second = as_space(x), as_rows(z)
    count = len(second)
    if first.shape[0] != count:
        raise InputError(f"x has {first.shape[0]} rows and z {count}: both need one row per sample")
    if not 1 <= k < count / 2:
        raise InputError(f"k={k} neighbours of {count} rows: k has to be at least 1 and below half the rows")
    spaces = []
    for name, space in (("x", first), ("z", second)):
        check_finite(space, name)
        spaces.append(torch.from_numpy(np.array(dense(space))))
    drawn = torch.from_numpy(subset_rows(count, sample, seed))
    (a, metric_a), (b, metric_b) = zip(spaces, (metric, metric_z), strict=True)
    near_a, near_b = (
        knn(space, k, metric=kind, seed=seed).indices for space, kind in ((a, metric_a), (b, metric_b))
    )
    names = f"k={k}, {metric_name(metric)} in x, {metric_name(metric_z)} in z"
    return {
        "trustworthiness": score_rows(_estimated_ranks(a, near_b, drawn, metric_a), k).numpy(),
        "continuity": score_rows(_estimated_ranks(b, near_a, drawn, metric_b), k).numpy(),
        "protocol": f"{names}, ranks estimated on {len(drawn):,} of {count:,} rows, seed {seed}",
    }


def _estimated_ranks(space: Tensor, near: Tensor, drawn: Tensor, metric: Metric) -> Tensor:
    """Ranks, from 1, of some columns in every row, (N, k) float64: nearer rows of the sample, scaled up."""
    count, k = near.shape
    searched = space[drawn]
    place = torch.full((count,), -1)
    place[drawn] = torch.arange(len(drawn))
    parts = []
    for rows in torch.split(torch.arange(count), rows_in_budget(len(drawn), 4 * space.element_size())):
        to_sample = squared_distances(space[rows], searched, metric=metric)
        to_near = edge_squared_distances(space, None, rows.repeat_interleave(k), near[rows].ravel(), metric)
        to_near = to_near.view(-1, k).to(to_sample)
        # A neighbour of the sample is as far as it is there, to the last digit: else it would be nearer than itself.
        there = place[near[rows]]
        to_near = torch.where(there >= 0, to_sample.gather(1, there.clamp(min=0)), to_near)
        own = rows[:, None] == drawn
        # A row is no neighbour of its own; what is as far as the neighbour is not nearer.
        ordered = to_sample.masked_fill(own, torch.inf).sort(dim=1).values
        nearer = torch.searchsorted(ordered, to_near.contiguous())
        parts.append(1 + nearer.double() * ((count - 1) / (len(drawn) - own.sum(1, keepdim=True)).clamp(min=1)))
    return torch.cat(parts)
