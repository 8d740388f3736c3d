"""Squared distances between rows: dense blocks, chunks of them, and single edges."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown

Metric = str | Callable[[Tensor, Tensor], Tensor]

METRICS = ("euclidean", "cosine", "manhattan", "correlation", "hamming", "jaccard")
#: Metrics that are Euclidean distances of rows brought to length 1: what searches those searches these.
ANGULAR = ("cosine", "correlation")

#: Up to this dimension differences are as fast as a matrix product, and they are exact near 0.
DIFFERENCES_UP_TO = 4
_CHUNK_BYTES = 128 * 2**20


def squared_distances(x: Tensor, y: Tensor | None = None, metric: Metric = "euclidean") -> Tensor:
    """Squared distances of all rows of x to all rows of y.

    * ``euclidean``: up to 4 dimensions by differences; above through |x|^2 + |y|^2 - 2 x.y, clamped at 0,
      after both were shifted by the mean of y (distances do not change, the cancellation shrinks).
    * ``cosine``: 2 - 2 cos, the squared Euclidean distance of unit rows. A row of zeros has cosine 0 with
      all.
    * ``correlation``: the cosine of rows from which each row's own mean was subtracted.
    * ``manhattan``: the square of the L1 distance, so that the root is the metric.
    * ``hamming``: the share of columns that differ, squared; for codes and categories.
    * ``jaccard``: 1 - |both| / |either|, squared, where a column is in a row if it is not 0; for sets. Two rows
      without any column are at distance 0. Neither this nor ``hamming`` has a gradient.
    * a callable ``(x, y) -> (N, M)`` of distances, which are squared here.

    The gradient is finite everywhere, no root is taken. Half precision is computed and returned in float32,
    also under autocast: a product in bfloat16 would leave no digits of a small distance.

    Args:
        x: Rows, (N, F).
        y: Other rows, (M, F). Without it x is measured against itself, with zeros on the diagonal.
        metric: A name in ``METRICS``, or a callable.

    Returns:
        Squared distances, (N, M).

    Raises:
        InputError: An unknown metric, or shapes that do not match.
    """
    if y is None:
        square = squared_distances(x, x, metric)
        return square.masked_fill(torch.eye(len(x), dtype=torch.bool, device=x.device), 0)
    with torch.autocast(x.device.type, enabled=False):
        rows, cols = _prepare(x, y, metric)
        return _block(rows, cols, metric)


def chunked_squared_distances(
    x: Tensor, y: Tensor | None = None, metric: Metric = "euclidean", chunk: int | None = None
) -> Iterator[tuple[int, Tensor]]:
    """Walks over the matrix of squared distances in blocks of rows.

    Args:
        x: Rows, (N, F).
        y: Other rows, (M, F). Without it x is measured against itself, with zeros where a row meets itself.
        metric: As in ``squared_distances``.
        chunk: Rows in a block; by default as many as fit a budget of 128 MiB.

    Yields:
        The first row of the block, and the block, (rows, M).
    """
    others = x if y is None else y
    size = chunk or rows_in_budget(len(others), 4 * 8)
    # The yield stays outside of the context: it must not reach into the code of the caller.
    with torch.autocast(x.device.type, enabled=False):
        rows, cols = _prepare(x, others, metric)
    for start in range(0, len(rows), size):
        with torch.autocast(x.device.type, enabled=False):
            block = _block(rows[start : start + size], cols, metric)
        if y is None:
            here = torch.arange(start, start + len(block), device=x.device)
            block = block.masked_fill(here[:, None] == torch.arange(len(cols), device=x.device), 0)
        yield start, block


def edge_squared_distances(
    x: Tensor, y: Tensor | None, rows: Tensor, cols: Tensor, metric: Metric = "euclidean"
) -> Tensor:
    """Squared distances along edges, each between one row of x and one row of y.

    Computed from differences (for the cosine, of unit rows), so that near pairs keep their digits. A callable
    metric is called once per distinct row.

    Args:
        x: Rows, (N, F).
        y: Other rows, (M, F), or None for x itself.
        rows: Index into x of every edge, (E,).
        cols: Index into y of every edge, (E,).
        metric: As in ``squared_distances``.

    Returns:
        Squared distances, (E,).
    """
    others = x if y is None else y
    with torch.autocast(x.device.type, enabled=False):
        first, second = _prepare(x, others, metric)
        if callable(metric):
            return _edges_by_callable(first, second, rows, cols, metric)
        size = rows_in_budget(first.shape[1], 4 * first.element_size())
        parts = [
            _edge_block(first[r], second[c], metric)
            for r, c in zip(torch.split(rows, size), torch.split(cols, size), strict=True)
        ]
        d2 = torch.cat(parts) if parts else first.new_zeros(0)
        # A zero row has cosine 0 with itself, but an edge from a node to itself has no length.
        return d2.masked_fill(rows == cols, 0) if y is None else d2


def unit_rows(x: Tensor) -> Tensor:
    """Scales rows to length 1; a row of zeros stays, with a bounded gradient.

    Args:
        x: Rows, (N, F).

    Returns:
        Rows of length 1 or 0, (N, F).
    """
    # Dividing by the largest entry first keeps rows of 1e-30 or 1e30 from under- and overflowing in the
    # square.
    peak = x.detach().abs().amax(1, keepdim=True)
    x = x / torch.where(peak > 0, peak, torch.ones_like(peak))
    square = x.square().sum(1, keepdim=True)
    return x * torch.rsqrt(torch.where(square > 0, square, torch.ones_like(square)))


def directions(x: Tensor, metric: Metric) -> Tensor:
    """Rows whose Euclidean distance is sqrt(2 - 2 cos), or for ``correlation`` sqrt(2 - 2 r); see ``ANGULAR``."""
    if metric == "correlation":
        mean = x.mean(1, keepdim=True)
        # What rounding leaves of a constant row would be blown up to a direction.
        near = (x - mean).detach().abs().amax(1, keepdim=True) <= 4 * torch.finfo(x.dtype).eps * mean.detach().abs()
        x = torch.where(near, torch.zeros_like(x), x - mean)
    return unit_rows(x)


def jaccard(both: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """1 - |A and B| / |A or B| of all pairs of sets; 0 where both are empty.

    Args:
        both: Sizes of the intersections, (N, M).
        first: Sizes of the first sets, (N,).
        second: Sizes of the second sets, (M,).
    """
    either = first[:, None] + second - both
    return (either - both) / either.clamp(min=1)


def rows_in_budget(columns: int, bytes_per_entry: int) -> int:
    """Counts the rows of a block that stay inside the memory budget of one chunk.

    Args:
        columns: Entries of a row.
        bytes_per_entry: Bytes for one entry, temporaries included.

    Returns:
        A number of rows, at least 1.
    """
    return max(1, _CHUNK_BYTES // max(1, columns * bytes_per_entry))


def _prepare(x: Tensor, y: Tensor, metric: Metric) -> tuple[Tensor, Tensor]:
    if not callable(metric) and metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1]:
        raise InputError(
            f"rows of shape {tuple(x.shape)} and {tuple(y.shape)} cannot be compared: "
            "give two matrices with the same number of columns"
        )
    same = y is x
    x = x if x.dtype == torch.float64 else x.float()
    y = x if same else y.to(x)
    if metric in ("cosine", "correlation"):
        x = directions(x, metric)
        return x, x if same else directions(y, metric)
    if metric == "jaccard":
        x = (x != 0).to(x)
        return x, x if same else (y != 0).to(x)
    if metric == "euclidean" and x.shape[1] > DIFFERENCES_UP_TO and len(y):
        # The gradient through a shared shift is zero, so the mean is cut out of it.
        mean = y.detach().mean(0)
        x = x - mean
        return x, x if same else y - mean
    return x, y


def _block(x: Tensor, y: Tensor, metric: Metric) -> Tensor:
    if callable(metric):
        distances = metric(x, y)
        if tuple(distances.shape) != (len(x), len(y)):
            raise InputError(
                f"the metric returned shape {tuple(distances.shape)} for {len(x)} and {len(y)} rows: "
                "return one distance per pair, (N, M)"
            )
        return distances.square()
    if metric in ANGULAR:
        return (2 - 2 * (x @ y.T)).clamp(min=0)
    if metric == "manhattan":
        return torch.cdist(x, y, p=1).square()
    if metric == "hamming":  # the 0-norm counts what differs
        return (torch.cdist(x, y, p=0) / x.shape[1]).square()
    if metric == "jaccard":
        return jaccard(x @ y.T, x.sum(1), y.sum(1)).square()
    if x.shape[1] <= DIFFERENCES_UP_TO:
        total = x.new_zeros(len(x), len(y))
        for a, b in zip(x.unbind(1), y.unbind(1), strict=True):
            apart = a[:, None] - b
            total = torch.addcmul(total, apart, apart)
        return total
    squares = x.square().sum(1)[:, None] + y.square().sum(1)
    return torch.addmm(squares, x, y.T, alpha=-2).clamp(min=0)


def _edge_block(x: Tensor, y: Tensor, metric: Metric) -> Tensor:
    if metric == "manhattan":
        return (x - y).abs().sum(1).square()
    if metric == "hamming":
        return (x != y).to(x).mean(1).square()
    if metric == "jaccard":
        either = torch.maximum(x, y).sum(1)
        return ((either - torch.minimum(x, y).sum(1)) / either.clamp(min=1)).square()
    d2 = (x - y).square().sum(1)
    if metric in ANGULAR:
        # |u - v|^2 = |u|^2 + |v|^2 - 2 cos, and a zero row has to count as if its square were 1.
        d2 = d2 + (x == 0).all(1) + (y == 0).all(1)
    return d2


def _edges_by_callable(
    x: Tensor, y: Tensor, rows: Tensor, cols: Tensor, metric: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    order = torch.argsort(rows, stable=True)
    distinct, counts = torch.unique_consecutive(rows[order], return_counts=True)
    parts = [
        _block(x[row : row + 1], y[targets], metric)[0]
        for row, targets in zip(distinct.tolist(), torch.split(cols[order], counts.tolist()), strict=True)
    ]
    d2 = torch.cat(parts) if parts else x.new_zeros(0)
    return d2[torch.argsort(order)]
