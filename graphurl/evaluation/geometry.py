"""Are distances kept, near and far? Shepard correlations, and which of two rows is nearer."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, as_space, check_finite, dense
from graphurl.evaluation.intervals import Outcomes, resampled
from graphurl.evaluation.neighborhood import metric_name
from graphurl.functional.distance import Metric, edge_squared_distances

#: Random triplets; each has two of the pairs that the Shepard correlations are taken of.
TRIPLETS = 20_000
_CHUNK = 2000


def geometry(
    x: Any,
    z: Any,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    triplets: int = TRIPLETS,
    seed: int = 0,
) -> dict[str, Any]:
    """Correlation of distances in x and z (Shepard), and accuracy on random triplets.

    * shepard: Pearson's correlation of the distances of random pairs: 1 where distances are kept up to one scale.
    * shepard_rank: Spearman's, which allows any bend that keeps the order.
    * triplets: of random rows (i, j, k), the share where z agrees with x on which of j and k is nearer to i (Wang et
      al., 2021); 0.5 for a random map. Triplets that are a tie in either space count half.

    Random pairs are far pairs: all three tell about the arrangement at large and nothing about neighbours, and maps
    made for neighbours (t-SNE, UMAP) score low by design. A few far rows can carry `shepard`; `shepard_rank` is not
    moved by them. No subset of rows is needed, memory does not grow with N.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        metric: Distance in x.
        metric_z: Distance in z.
        triplets: How many are drawn.
        seed: Draws them.

    Returns:
        shepard, shepard_rank, triplets and protocol.

    Raises:
        InputError: Rows that do not match or are not finite, fewer than three, or distances that are all equal.
    """
    from scipy.stats import pearsonr, rankdata, spearmanr

    first, second = as_space(x), as_rows(z)
    n = len(second)
    if first.shape[0] != n:
        raise InputError(f"x has {first.shape[0]} rows and z {n}: both need one row per sample")
    if n < 3:
        raise InputError(f"{n} rows: triplets need at least three")
    anchor, near, far = draw(n, triplets, seed)
    pairs = []
    for name, space, kind in (("x", first, metric), ("z", second, metric_z)):
        check_finite(space, name)
        pairs.append(np.stack([_distances(space, anchor, other, kind) for other in (near, far)]))
    d_x, d_z = pairs
    for name, d in (("x", d_x), ("z", d_z)):
        if np.ptp(d) == 0:
            raise InputError(f"all distances in {name} are equal: there is nothing to correlate")
    agreed = (1 + np.sign(d_x[0] - d_x[1]) * np.sign(d_z[0] - d_z[1])) / 2
    kept = {
        "shepard": float(pearsonr(d_x.ravel(), d_z.ravel()).statistic),
        "shepard_rank": float(spearmanr(d_x.ravel(), d_z.ravel()).statistic),
    }
    kinds = {"shepard": (d_x.ravel(), d_z.ravel()), "shepard_rank": (rankdata(d_x), rankdata(d_z))}
    ends = np.concatenate([anchor, anchor]), np.concatenate([near, far])

    def again(drawn: np.ndarray) -> dict[str, float]:
        # A pair comes as often as both of its rows do.
        weight = drawn[ends[0]] * drawn[ends[1]]
        return {name: _correlation(*pair, weight) for name, pair in kinds.items()}

    return {
        **kept,
        "triplets": float(agreed.mean()),
        "intervals": resampled(again, n, kept, seed),
        "outcomes": Outcomes({"triplets": agreed}),
        "protocol": f"{len(anchor):,} random triplets of {n:,} rows and their {2 * len(anchor):,} pairs, "
        f"{metric_name(metric)} in x, {metric_name(metric_z)} in z, seed {seed}",
    }


def _correlation(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> float:
    """Pearson's, of weighted pairs; 0 where one side does not vary."""
    total = max(weight.sum(), np.finfo(float).tiny)
    a, b = (side - weight @ side / total for side in (a, b))
    spread = np.sqrt((weight @ a**2) * (weight @ b**2))
    return float(weight @ (a * b) / spread) if spread > 0 else 0.0


def draw(n: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Random triplets of different rows.

    Args:
        n: Number of rows, three or more.
        count: Number of triplets.
        seed: Draws them.

    Returns:
        Three arrays of row numbers.
    """
    generator = np.random.default_rng(seed)
    first = generator.integers(n, size=count)
    second = (first + generator.integers(1, n, size=count)) % n
    third = generator.integers(n - 2, size=count)
    # Numbers from the rows that are left: a step over each of the two that are taken, the smaller one first.
    for taken in np.sort(np.stack([first, second]), axis=0):
        third = third + (third >= taken)
    return first, second, third


def _distances(space: Any, rows: np.ndarray, cols: np.ndarray, metric: Metric) -> np.ndarray:
    """Distances of listed pairs, some at a time; only their rows become dense."""
    found: list[Tensor] = []
    for start in range(0, len(rows), _CHUNK):
        part = slice(start, start + _CHUNK)
        a, b = (torch.from_numpy(np.array(dense(space[of[part]]), dtype=np.float64)) for of in (rows, cols))
        here = torch.arange(len(a))
        found.append(edge_squared_distances(a, b, here, here, metric))
    return np.asarray(torch.cat(found).clamp(min=0).sqrt())
