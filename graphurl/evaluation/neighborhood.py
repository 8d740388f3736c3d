"""Are neighbours kept? Trustworthiness, continuity and overlap of two spaces over the same rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, as_space, check_finite, dense, subset_rows
from graphurl.evaluation.intervals import Outcomes
from graphurl.functional.distance import Metric, chunked_squared_distances, rows_in_budget

Floats = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]
# Numbers that stay near the processor while they are passed over.
_CACHED = 2**17
# Where more than this share of all entries would be taken out, as a denominator, they are counted in place.
_FEW = 10
# Entries of a row of which the smallest is looked for together.
_GROUP = 16


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


def _score(ranks: Tensor, k: int) -> float:
    n = len(ranks)
    return 1.0 - float((ranks - k).clamp(min=0).sum()) * (2.0 / (n * k * (2.0 * n - 3.0 * k - 1.0)))


def score_rows(ranks: Tensor, k: int) -> Tensor:
    """What each row contributes to a score, which is their mean: of its ranks (N, k), exact or estimated."""
    return 1.0 - (ranks - k).clamp(min=0).sum(1).double() * (2.0 / (k * (2.0 * len(ranks) - 3.0 * k - 1.0)))


def _share(ranks: Tensor, k: int) -> float:
    return float((ranks <= k).double().mean())


def _ranks(
    x: Any, z: Any, k: int, metric: Metric, metric_z: Metric, subset: int | None, seed: int, sides: str = "xz"
) -> dict[str, Tensor]:
    """By side, (N, k) from 1: "x", ranks in x of the k neighbours in z; "z", ranks in z of those in x."""
    first, second = same_rows(x, z, subset, seed)
    n = len(first)
    if not 1 <= k < n / 2:
        raise InputError(f"k={k} neighbours of {n} rows: k has to be at least 1 and below half the rows")
    size = rows_in_budget(n, 4 * 8)
    found: dict[str, list[Counts]] = {side: [] for side in sides}
    with torch.no_grad():
        # Blocks of the same rows and size: where x is z, the distances are equal to the last digit.
        blocks_x = chunked_squared_distances(first, first, metric, size)
        blocks_z = chunked_squared_distances(second, second, metric_z, size)
        for (start, d_x), (_, d_z) in zip(blocks_x, blocks_z, strict=True):
            for block in (d_x, d_z):
                block.diagonal(start).fill_(torch.inf)
            # A few rows at a time, each of which is passed over several times, stay in the cache.
            few = max(1, _CACHED // n)
            for in_x, in_z in zip(torch.split(d_x, few), torch.split(d_z, few), strict=True):
                if "x" in found:
                    found["x"].append(_rank_of(in_x.numpy(), _nearest(in_z.numpy(), k)))
                if "z" in found:
                    found["z"].append(_rank_of(in_z.numpy(), _nearest(in_x.numpy(), k)))
    return {side: torch.from_numpy(np.concatenate(parts)) for side, parts in found.items()}


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


def _nearest(entries: Floats, k: int) -> Counts:
    """Columns of the k smallest entries of every row; equal entries by column, in which order they come."""
    groups = max(1, min(entries.shape[1] // _GROUP, 2**10))
    # At least k entries are no larger than the k-th smallest of the groups' minima.
    starts = np.arange(groups) * entries.shape[1] // groups
    if groups < 4 * k:
        limit = np.partition(entries, k - 1, axis=1)[:, k - 1]
    else:
        limit = np.partition(np.minimum.reduceat(entries, starts, axis=1), k - 1, axis=1)[:, k - 1]
    row, column, value = _up_to(entries, limit)
    order = np.lexsort((value, row))
    first = np.searchsorted(row, np.arange(len(entries)))
    found: Counts = column[order][first[:, None] + np.arange(k)]
    return found


def _rank_of(entries: Floats, columns: Counts) -> Counts:
    """Ranks, from 1, of the entries at some columns within their row; equal entries by column."""
    wanted = np.take_along_axis(entries, columns, axis=1)
    row, column, value = _up_to(entries, wanted.max(axis=1))
    if _FEW * len(row) > entries.size:
        return _ranks_among_all(entries, columns, wanted)
    first = np.searchsorted(row, np.arange(len(entries)))
    ranks = np.empty(columns.shape, dtype=np.int64)
    for i in range(columns.shape[1]):
        mark = wanted[row, i]
        before = (value < mark) | ((value == mark) & (column < columns[row, i]))
        ranks[:, i] = 1 + np.add.reduceat(before, first, dtype=np.int64)
    return ranks


def _ranks_among_all(entries: Floats, columns: Counts, wanted: Floats) -> Counts:
    """The same where ranks are high, so that most entries of a row have to be looked at."""
    ranks = np.empty(columns.shape, dtype=np.int64)
    for i, column in enumerate(columns.T):
        value = wanted[:, i, None]
        ranks[:, i] = np.count_nonzero(entries < value, axis=1) + 1
        equal = entries == value
        tied = np.flatnonzero(np.count_nonzero(equal, axis=1) > 1)
        earlier = np.arange(entries.shape[1]) < column[tied, None]
        ranks[tied, i] += np.count_nonzero(equal[tied] & earlier, axis=1)
    return ranks


def _up_to(entries: Floats, limit: Floats) -> tuple[Counts, Counts, Floats]:
    """Row, column and value of the entries up to a limit for each row, which every row has: row by row."""
    at = np.flatnonzero(entries <= limit[:, None])
    row, column = np.divmod(at, entries.shape[1])
    return row, column, entries.reshape(-1)[at]


def metric_name(metric: Metric) -> str:
    """What to call a metric that may be a function."""
    return metric if isinstance(metric, str) else getattr(metric, "__name__", "callable")
