"""Are a few rows the neighbours of all? Hubness."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, check_finite, subset_rows
from graphurl.functional.distance import Metric
from graphurl.functional.neighbors import knn


def hubness(
    z: Any, k: int = 10, metric: Metric = "euclidean", *, subset: int | None = 10_000, seed: int = 0
) -> dict[str, Any]:
    """Skewness of how often a row is among the k nearest of others (Radovanović et al., 2010).

    N_k(i) counts the rows that have i among their k nearest, k on average; the skewness is the mean of
    ((N_k - k) / σ)³. 0 where all are asked alike, large where a few hubs answer most queries and many rows none (the
    share of those is in the result), which harms retrieval and votes. It grows with the intrinsic dimension and with
    N, so compare at the same number of rows; low hubness does not make neighbours right.

    Args:
        z: Embeddings, (N, d).
        k: Number of neighbours.
        metric: Distance in z.
        subset: With more rows than this, a random subset is taken; None for all.
        seed: Draws the subset.

    Returns:
        hubness, never (share of rows that are nobody's neighbour), largest (the largest N_k) and protocol.

    Raises:
        InputError: No more rows than k, or rows that are not finite.
    """
    rows = as_rows(z)
    check_finite(rows, "z")
    taken = subset_rows(len(rows), subset, seed)
    n = len(taken)
    if not 1 <= k < n:
        raise InputError(f"k={k} neighbours of {n} rows: k is at least 1 and below the number of rows")
    found = knn(torch.from_numpy(np.array(rows[taken])), k, metric=metric, method="exact")
    counts = torch.bincount(found.indices.ravel(), minlength=n).double()
    deviation = counts.std(correction=0)
    skew = ((counts - k) / deviation).pow(3).mean() if deviation > 0 else deviation
    part = f"{n:,}-row subset, seed {seed}" if n < len(rows) else f"all {n:,} rows"
    return {
        "hubness": float(skew),
        "never": float((counts == 0).double().mean()),
        "largest": int(counts.max()),
        "protocol": f"k={k}, {metric if isinstance(metric, str) else 'callable'}, {part}",
    }
