"""Are neighbours kept? Trustworthiness, continuity and overlap of two spaces over the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, as_space, check_finite, dense, subset_rows
from graphurl.evaluation.intervals import Outcomes
from graphurl.functional.distance import Metric
from graphurl.functional.neighbors import knn
from graphurl.functional.order import ranks


def trustworthiness(
    x: Any,
    z: Any,
    k: int = 5,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    subset: int | None = 5000,
    seed: int = 0,
) -> float:
    """Are the neighbours in the embedding real? (Venna & Kaski, 2001).

    T(k) = 1 - 2 / (N k (2N - 3k - 1)) sum_i sum_{j in N_k^z(i)} max(0, r_x(i, j) - k), where r_x(i, j)
    counts the rows that are at least as near to i as j in x, itself excluded. 1 means that no embedding
    neighbour is false; a random map has about 0.5. It is local (k neighbours), blind to tears (see
    `continuity`) and to how clusters lie to each other, and it is no measure of class separation.

    Exact, in float64, in chunks of rows; equal distances rank by row number.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        k: Number of neighbours, below N / 2.
        metric: Distance in x: euclidean, cosine, manhattan or a callable.
        metric_z: Distance in z.
        subset: With more rows than this, the value is that of a random subset of rows: the same rows of both
            spaces, neighbours and ranks taken inside the subset, which is sparser than the whole. Values of
            different subset sizes do not compare. None takes all rows.
        seed: Draws the subset.

    Returns:
        A number of [0, 1].

    Raises:
        InputError: Rows that do not match or are not finite, or k too large.
    """
    return _score(_ranks(x, z, k, metric, metric_z, subset, seed, "x")["x"], k)


def continuity(
    x: Any,
    z: Any,
    k: int = 5,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    subset: int | None = 5000,
    seed: int = 0,
) -> float:
    """Are the neighbours of the original space still near? (Venna & Kaski, 2001).

    Trustworthiness with the spaces exchanged: neighbours in x, ranks in z. 1 means that nothing was torn
    apart; a map that puts all on one heap can score well, so read it together with `trustworthiness`.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        k: Number of neighbours, below N / 2.
        metric: Distance in x.
        metric_z: Distance in z.
        subset: As in `trustworthiness`.
        seed: Draws the subset.

    Returns:
        A number of [0, 1].
    """
    return _score(_ranks(x, z, k, metric, metric_z, subset, seed, "z")["z"], k)


def overlap(
    x: Any,
    z: Any,
    k: int = 5,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    subset: int | None = 5000,
    seed: int = 0,
) -> float:
    """The share of the k nearest neighbours in x that are among the k nearest in z.

    The strictest of the three: a neighbour that slips to rank k + 1 is lost. A random map has about k / (N
    - 1), so values of different N do not compare.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        k: Number of neighbours, below N / 2.
        metric: Distance in x.
        metric_z: Distance in z.
        subset: As in `trustworthiness`.
        seed: Draws the subset.

    Returns:
        A number of [0, 1].
    """
    return _share(_ranks(x, z, k, metric, metric_z, subset, seed, "x")["x"], k)


def neighborhood(
    x: Any,
    z: Any,
    k: int = 5,
    metric: Metric = "euclidean",
    *,
    metric_z: Metric = "euclidean",
    subset: int | None = 5000,
    seed: int = 0,
) -> dict[str, Any]:
    """Trustworthiness, continuity and overlap from one pass over both spaces.

    Args:
        x: The original space, (N, F), dense or sparse.
        z: The embedding, (N, d).
        k: Number of neighbours, below N / 2.
        metric: Distance in x.
        metric_z: Distance in z.
        subset: As in `trustworthiness`.
        seed: Draws the subset.

    Returns:
        The three numbers by name, and the protocol in words.
    """
    found = _ranks(x, z, k, metric, metric_z, subset, seed)
    in_x, in_z, rows = found["x"], found["z"], len(found["x"])
    return {
        "trustworthiness": _score(in_x, k),
        "continuity": _score(in_z, k),
        "overlap": _share(in_x, k),
        "outcomes": Outcomes({
            "trustworthiness": score_rows(in_x, k).numpy(),
            "continuity": score_rows(in_z, k).numpy(),
            "overlap": (in_x <= k).double().mean(1).numpy(),
        }),
        "protocol": f"k={k}, {metric_name(metric)} in x, {metric_name(metric_z)} in z, "
        f"{part_words(rows, len(z), seed)}",
    }


def part_words(used: int, rows: int, seed: int) -> str:
    """Which rows were taken, in words."""
    return f"{used:,}-row subset, seed {seed}" if used < rows else f"all {used:,} rows"


def _score(found: Tensor, k: int) -> float:
    n = len(found)
    return 1.0 - float((found - k).clamp(min=0).sum()) * (2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)))


def score_rows(found: Tensor, k: int) -> Tensor:
    """What each row contributes to a score, which is their mean: of its ranks (N, k), exact or estimated."""
    return 1.0 - (found - k).clamp(min=0).sum(1).double() * (2.0 / (k * (2.0 * len(found) - 3.0 * k - 1.0)))


def _share(found: Tensor, k: int) -> float:
    return float((found <= k).double().mean())


def _ranks(
    x: Any, z: Any, k: int, metric: Metric, metric_z: Metric, subset: int | None, seed: int, sides: str = "xz"
) -> dict[str, Tensor]:
    """By side, (N, k) from 1: "x", ranks in x of the k neighbours in z; "z", ranks in z of those in x."""
    first, second = same_rows(x, z, subset, seed)
    n = len(first)
    if not 1 <= k < n / 2:
        raise InputError(f"k={k} neighbours of {n} rows: k has to be at least 1 and below half the rows")
    spaces = {"x": (first, second, metric, metric_z), "z": (second, first, metric_z, metric)}
    with torch.no_grad():
        return {
            side: ranks(here, knn(there, k, metric=metric_there, method="exact").indices, metric_here)
            for side, (here, there, metric_here, metric_there) in spaces.items()
            if side in sides
        }


def same_rows(x: Any, z: Any, subset: int | None, seed: int) -> tuple[Tensor, Tensor]:
    """The rows of both spaces that are compared, in float64.

    Args:
        x: The original space.
        z: The embedding.
        subset: Most rows; None for all.
        seed: Draws them.

    Returns:
        Rows of x and of z.

    Raises:
        InputError: Rows that do not match or are not finite.
    """
    first, second = as_space(x), as_rows(z)
    if first.shape[0] != second.shape[0]:
        raise InputError(f"x has {first.shape[0]} rows and z {second.shape[0]}: both need one row per sample")
    rows = subset_rows(len(second), subset, seed)
    spaces = []
    for name, space in (("x", first), ("z", second)):
        taken = dense(space[rows]) if len(rows) < len(second) else dense(space)
        check_finite(taken, name)
        # A copy, always in float64: ranks of near pairs hang on the last digits.
        spaces.append(torch.from_numpy(np.array(taken, dtype=np.float64)))
    return spaces[0], spaces[1]


def metric_name(metric: Metric) -> str:
    """What to call a metric that may be a function."""
    return metric if isinstance(metric, str) else getattr(metric, "__name__", "callable")
