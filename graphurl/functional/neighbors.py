"""Nearest neighbours: exact in chunks, or approximate with a re-ranking by exact distances."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional import proven
from graphurl.functional.approximate import Index
from graphurl.functional.distance import (
    ANGULAR,
    METRICS,
    Metric,
    directions,
)
from graphurl.functional.mapped import all_finite, by_rows
from graphurl.functional.products import blocks
from graphurl.functional.sparse import take_rows

METHODS = ("auto", "exact", "faiss")
#: Metrics that are searched among sparse rows.
SPARSE = ("euclidean", "cosine", "correlation", "jaccard")

# Rows from which the exact search on a CPU takes longer than the approximate one is worth.
EXACT_UP_TO = 15_000

logger = logging.getLogger(__name__)


class Neighbors(NamedTuple):
    """The k nearest rows of every query, nearest first."""

    indices: Tensor
    distances: Tensor


def knn(
    x: Any,
    k: int,
    *,
    y: Any = None,
    metric: Metric = "euclidean",
    method: str = "auto",
    chunk: int | None = None,
    seed: int = 0,
) -> Neighbors:
    """Finds the k nearest neighbours of every row.

    * ``exact``: all distances, in chunks; memory O(chunk N + N k). Above 4 dimensions they are measured in float64, so
      that duplicates really are at distance 0 and ties really are ties; ties go to the smaller index. On a CPU a
      quick search goes before (a k-d tree up to 4 dimensions, float32 above), and only rows for which it proves nothing
      are compared with all others.
    * ``faiss``: projection to 50 dimensions and an inverted file, both made from ``seed``; more candidates
      than needed are fetched, and ranked by their exact distances in the space of x. Euclidean, cosine and
      correlation only.
    * ``auto``: exact up to 15,000 rows, on CUDA, for sparse rows and for other metrics; by the tree up to 4 dimensions,
      where of equally far rows any are taken; else faiss, where it is installed.

    Args:
        x: Queries, (N, F): a dense tensor, a sparse CSR tensor, or a scipy CSR matrix (``SPARSE`` metrics only).
        k: Number of neighbours.
        y: Rows to search, (M, F). Without it x is searched, and a row is not its own neighbour; rows equal to
            it are, at distance 0.
        metric: As in ``distance.squared_distances``. Cosine distances are sqrt(2 - 2 cos).
        method: One of ``METHODS``.
        chunk: Queries in a block of the exact search; by default as many as fit a budget.
        seed: Makes the approximate search repeatable. The global random state is not touched.

    Returns:
        Indices (N, k), int64, and distances (N, k), in float32 or the float64 of x; without gradient.

    Raises:
        InputError: k too large, an unknown metric or method, or a pair of them that does not work.
    """
    if method not in METHODS:
        raise unknown("neighbour search", method, METHODS)
    if not callable(metric) and metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    queries = _as_rows(x, metric)
    base = queries if y is None else _as_rows(y, metric)
    _check_size(queries, base, k, itself=y is None)
    with torch.no_grad():
        if _wants_faiss(base, metric, method):
            if metric in ANGULAR:
                base = by_rows(base, lambda rows: directions(rows, metric))
                queries = base if y is None else by_rows(queries, lambda rows: directions(rows, metric))
            return _approximate(queries, Index(base, seed), k, y is None)
        return _exact(queries, base, k, metric, y is None, chunk, any_tie=method == "auto" and len(base) > EXACT_UP_TO)


class Search:
    """The nearest of some fixed rows, for one query after another: what an approximate search builds is kept.

    Args:
        y: Rows to search, (M, F): a dense tensor or a sparse CSR tensor.
        metric: As in `knn`.
        seed: Makes the approximate search repeatable.
        probes: Lists that an approximate search looks through: fewer than for a graph, a missed neighbour hardly
            moves a place that ten of them decide.
    """

    def __init__(self, y: Tensor, *, metric: Metric = "euclidean", seed: int = 0, probes: int = 8) -> None:
        """Keeps the rows; an index is made with the first search."""
        self.metric, self.seed, self.probes = metric, seed, probes
        self._y = y
        self._index: Index | None = None

    def __call__(self, x: Tensor, k: int) -> Neighbors:
        """The k nearest rows of each query, nearest first; as `knn` with these rows as its y."""
        if not _wants_faiss(self._y, self.metric, "auto"):
            return knn(x, k, y=self._y, metric=self.metric)
        queries = _as_rows(x, self.metric)
        _check_size(queries, self._y, k, itself=False)
        with torch.no_grad():
            if self._index is None:
                self._index = Index(self._compared(self._y), self.seed)
            return _approximate(self._compared(queries), self._index, k, False, self.probes)

    def _compared(self, rows: Tensor) -> Tensor:
        return by_rows(rows, lambda x: directions(x, self.metric)) if self.metric in ANGULAR else rows


def _as_rows(x: Any, metric: Metric) -> Tensor:
    """Turns rows into a dense or a sparse CSR tensor of floats, without gradient."""
    if not isinstance(x, Tensor):
        if not hasattr(x, "tocsr"):
            raise InputError(f"rows must be a tensor or sparse matrix, not {type(x).__name__}: convert them")
        x = x.tocsr()
        crow, col = (torch.as_tensor(part.astype("i8")) for part in (x.indptr, x.indices))
        values = torch.as_tensor(x.data.astype("f4" if x.data.dtype == "f4" else "f8"))
        x = torch.sparse_csr_tensor(crow, col, values, size=x.shape, check_invariants=True)
    if x.ndim != 2:
        raise InputError(f"rows must be a matrix (N, F), not of shape {tuple(x.shape)}: reshape them")
    if x.layout == torch.strided:
        x = x.detach()
        dense: Tensor = x if x.dtype == torch.float64 else x.float()
        return dense
    if metric not in SPARSE:
        raise InputError(f"sparse rows have no {metric!r} distance: use {', '.join(SPARSE)}, or .to_dense()")
    rows: Tensor = x.detach().to_sparse_csr()
    return rows


def _check_size(x: Tensor, y: Tensor, k: int, *, itself: bool) -> None:
    if x.shape[1] != y.shape[1]:
        raise InputError(f"x has {x.shape[1]} columns and y has {y.shape[1]}: give both the same features")
    most = len(y) - itself
    if not 1 <= k <= most:
        without = ", itself left out" if itself else ""
        raise InputError(f"k is {k}, but {len(y)} rows allow at most {most}{without}: choose 1 to {most}")


def _wants_faiss(y: Tensor, metric: Metric, method: str) -> bool:
    possible = metric in ("euclidean", *ANGULAR) and y.layout == torch.strided
    if method == "faiss":
        if not possible:
            raise InputError("faiss searches dense rows by euclidean, cosine or correlation: use method='exact'")
        if not _has_faiss():
            raise InputError("method 'faiss' needs the package faiss-cpu: install it, or use method='exact'")
        return True
    if method == "exact" or not possible or y.is_cuda or len(y) <= EXACT_UP_TO or proven.grows_a_tree(y, metric):
        return False
    if not _has_faiss():
        logger.warning("faiss is not installed: exact search over %d rows, which is slower", len(y))
        return False
    return True


def _has_faiss() -> bool:
    return importlib.util.find_spec("faiss") is not None


def _approximate(x: Tensor, index: Index, k: int, itself: bool, probes: int | None = None) -> Neighbors:
    indices, distances, complete = index.nearest(x, k, itself, probes)
    # The inverted lists of a far outlier can hold fewer than k rows.
    return _completed(Neighbors(indices, distances), complete, x, index.y, "euclidean", itself)


def _exact(
    x: Tensor, y: Tensor, k: int, metric: Metric, itself: bool, chunk: int | None, *, any_tie: bool = False
) -> Neighbors:
    tree = proven.grows_a_tree(y, metric)
    quick = chunk is None and proven.worth_it(y, k, metric)
    # A tree takes no query that is not finite.
    if quick and isinstance(metric, str) and (all_finite(x) if tree else _has_faiss()):
        indices, distances, complete = proven.nearest(x, y, k, metric, itself)
        complete |= tree and any_tie
    else:
        indices = torch.empty(len(x), k, dtype=torch.int64, device=x.device)
        distances = torch.empty(len(x), k, dtype=x.dtype, device=x.device)
        complete = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    return _completed(Neighbors(indices, distances), complete, x, y, metric, itself, chunk)


def _completed(
    found: Neighbors, complete: Tensor, x: Tensor, y: Tensor, metric: Metric, itself: bool, chunk: int | None = None
) -> Neighbors:
    """Searches the rows that are not complete by all distances."""
    missing = (~complete).nonzero()[:, 0]
    if len(missing) == 0:
        return found
    if len(missing) < len(x):
        logger.info("%d of %d rows lack sure neighbours: compared with all rows", len(missing), len(x))
    queries = x if len(missing) == len(x) else take_rows(x, missing)
    for start, nearest, d2 in _search(queries, y, found.indices.shape[1], metric, missing if itself else None, chunk):
        here = missing[start : start + len(nearest)]
        found.indices[here], found.distances[here] = nearest, d2.sqrt().to(found.distances)
    return found


def _search(
    x: Tensor, y: Tensor, k: int, metric: Metric, own: Tensor | None, chunk: int | None
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yields the start of a block of queries, their neighbours and the squared distances."""
    for start, block in blocks(x, y, metric, chunk):
        if own is not None:
            here = own[start : start + len(block)]
            block = block.scatter(1, here[:, None], torch.inf)
        yield start, *smallest(block, k)


def smallest(values: Tensor, k: int) -> tuple[Tensor, Tensor]:
    """The k smallest entries of every row, ascending; of equal entries those with the smaller index.

    Args:
        values: A matrix (N, M).
        k: How many, at most M.

    Returns:
        Their indices and values, (N, k) each.
    """
    found, indices = torch.topk(values, k, dim=1, largest=False)
    limit = found.amax(1, keepdim=True)
    tied = ((values <= limit).sum(1) > k).nonzero()[:, 0]
    if len(tied):
        # torch leaves open which of several equal entries it takes: take the first ones.
        rows, edge = values[tied], limit[tied]
        below, equal = rows < edge, rows == edge
        room = k - below.sum(1, keepdim=True)
        chosen = below | (equal & (equal.cumsum(1) <= room))
        indices[tied] = chosen.nonzero()[:, 1].view(len(tied), k)
    indices = indices.sort(1).values
    found, order = torch.sort(values.gather(1, indices), stable=True, dim=1)
    return indices.gather(1, order), found
