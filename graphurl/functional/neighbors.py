"""Nearest neighbours: exact in chunks, or approximate with a re-ranking by exact distances."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.approximate import Index
from graphurl.functional.distance import (
    ANGULAR,
    METRICS,
    Metric,
    chunked_squared_distances,
    directions,
    jaccard,
    rows_in_budget,
)
from graphurl.functional.mapped import by_rows
from graphurl.functional.sparse import take_rows

METHODS = ("auto", "exact", "faiss")
#: Metrics that are searched among sparse rows.
SPARSE = ("euclidean", "cosine", "correlation", "jaccard")

# Rows from which the exact search on a CPU takes longer than the approximate one is worth.
EXACT_UP_TO = 15_000
# Below this multiple of |x|^2 + |y|^2 a squared distance is rounding of the float64 product: it counts as 0.
_ROUNDING = 1e-13

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

    * ``exact``: all distances, in chunks; memory O(chunk N + N k). Above 4 dimensions the product runs in
      float64, so that duplicates really are at distance 0 and ties really are ties; ties go to the smaller
      index.
    * ``faiss``: projection to 50 dimensions and an inverted file, both made from ``seed``; more candidates
      than needed are fetched, and ranked by their exact distances in the space of x. Euclidean, cosine and
      correlation only.
    * ``auto``: exact up to 15,000 rows, on CUDA, for sparse rows and for other metrics; else faiss, where it
      is installed.

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
        return _exact(queries, base, k, metric, y is None, chunk)


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
            return knn(x, k, y=self._y, metric=self.metric, method="exact")
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
        if importlib.util.find_spec("faiss") is None:
            raise InputError("method 'faiss' needs the package faiss-cpu: install it, or use method='exact'")
        return True
    if method == "exact" or not possible or y.is_cuda or len(y) <= EXACT_UP_TO:
        return False
    if importlib.util.find_spec("faiss") is None:
        logger.warning("faiss is not installed: exact search over %d rows, which is slower", len(y))
        return False
    return True


def _approximate(x: Tensor, index: Index, k: int, itself: bool, probes: int | None = None) -> Neighbors:
    indices, distances, complete = index.nearest(x, k, itself, probes)
    missing = (~complete).nonzero()[:, 0]
    if len(missing):
        # The inverted lists of a far outlier can hold fewer than k rows.
        logger.info("%d of %d rows found too few candidates: searched exactly", len(missing), len(x))
        parts = _search(x[missing], index.y, k, "euclidean", missing if itself else None, None)
        for start, found, exact in parts:
            here = missing[start : start + len(found)]
            indices[here], distances[here] = found, exact.sqrt().to(distances)
    return Neighbors(indices, distances)


def _exact(x: Tensor, y: Tensor, k: int, metric: Metric, itself: bool, chunk: int | None) -> Neighbors:
    indices = torch.empty(len(x), k, dtype=torch.int64, device=x.device)
    distances = torch.empty(len(x), k, dtype=x.dtype, device=x.device)
    own = torch.arange(len(x), device=x.device) if itself else None
    for start, found, d2 in _search(x, y, k, metric, own, chunk):
        indices[start : start + len(found)] = found
        distances[start : start + len(found)] = d2.sqrt()
    return Neighbors(indices, distances)


def _search(
    x: Tensor, y: Tensor, k: int, metric: Metric, own: Tensor | None, chunk: int | None
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Yields the start of a block of queries, their neighbours and the squared distances."""
    for start, block in _blocks(x, y, metric, chunk):
        if own is not None:
            here = own[start : start + len(block)]
            block = block.scatter(1, here[:, None], torch.inf)
        yield start, *smallest(block, k)


def _blocks(x: Tensor, y: Tensor, metric: Metric, chunk: int | None) -> Iterator[tuple[int, Tensor]]:
    size = chunk or rows_in_budget(len(y), 4 * 8)
    narrow = x.layout == torch.strided and x.shape[1] <= 4
    if callable(metric) or metric in ("manhattan", "hamming") or narrow:
        yield from chunked_squared_distances(x, y, metric, size)
        return
    base, shift = _float64_rows(y, metric)
    square, total = _squares(base), _sums(base)
    for start in range(0, len(x), size):
        rows = take_rows(x, torch.arange(start, min(start + size, len(x)), device=x.device)).double()
        rows = _comparable(rows, metric, shift)
        product = torch.sparse.mm(base, rows.T).T if base.is_sparse else rows @ base.T
        if metric == "jaccard":
            yield start, jaccard(product, rows.sum(1), total).square().to(x.dtype)
            continue
        # For the angles both squares count as 1, also that of a row of zeros, whose cosine is 0.
        both = rows.square().sum(1)[:, None] + square if metric == "euclidean" else torch.full_like(product, 2)
        d2 = both - 2 * product
        yield start, d2.masked_fill(d2 <= _ROUNDING * both, 0).to(x.dtype)


def _comparable(rows: Tensor, metric: Metric, shift: Tensor) -> Tensor:
    """Dense rows, so that their product with the searched ones tells the distance."""
    if metric in ANGULAR:
        return directions(rows, metric)
    return (rows != 0).double() if metric == "jaccard" else rows - shift


def _float64_rows(y: Tensor, metric: Metric) -> tuple[Tensor, Tensor]:
    """Prepares the searched rows, and the shift that queries need: sparse rows are not centred."""
    none = torch.zeros((), dtype=torch.float64, device=y.device)
    if y.layout == torch.strided:
        shift = y.double().mean(0) if metric == "euclidean" else none
        return _comparable(y.double(), metric, shift), shift
    y = y.double().to_sparse(layout=torch.sparse_coo).coalesce()
    values, row = y.values(), y.indices()[0]
    if metric in ANGULAR:
        norm = _squares(y)
        if metric == "correlation":
            # Queries are centred, so that the product needs no centring here; the length does. Of a row that is
            # constant the difference leaves rounding alone.
            centred = norm - _sums(y).square() / y.shape[1]
            norm = torch.where(centred > _ROUNDING * norm, centred, 0)
        values = torch.where(norm > 0, norm.rsqrt(), 0)[row] * values
    elif metric == "jaccard":
        values = (values != 0).double()
    return torch.sparse_coo_tensor(y.indices(), values, y.shape, is_coalesced=True, check_invariants=False), none


def _sums(y: Tensor) -> Tensor:
    if not y.is_sparse:
        return y.sum(1)
    return y.values().new_zeros(len(y)).index_add(0, y.indices()[0], y.values())


def _squares(y: Tensor) -> Tensor:
    if not y.is_sparse:
        return y.square().sum(1)
    return y.values().new_zeros(len(y)).index_add(0, y.indices()[0], y.values().square())


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
