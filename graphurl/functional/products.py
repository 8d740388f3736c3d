"""Distances to all rows by products in float64: duplicates are at distance 0, and ties are ties."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from graphurl.functional.distance import (
    ANGULAR,
    DIFFERENCES_UP_TO,
    Metric,
    chunked_squared_distances,
    directions,
    jaccard,
    rows_in_budget,
)
from graphurl.functional.sparse import take_rows

#: Below this multiple of |x|^2 + |y|^2 a squared distance is rounding of the float64 product: it counts as 0.
ROUNDING = 1e-13


def blocks(x: Tensor, y: Tensor, metric: Metric, chunk: int | None) -> Iterator[tuple[int, Tensor]]:
    """Yields the start of a block of queries, and their squared distances to all rows.

    Args:
        x: Queries, (N, F).
        y: Rows, (M, F), of the same layout.
        metric: As in `distance.squared_distances`.
        chunk: Queries in a block; absent means as many as fit a budget.
    """
    size = chunk or rows_in_budget(len(y), 4 * 8)
    narrow = x.layout == torch.strided and x.shape[1] <= DIFFERENCES_UP_TO
    if callable(metric) or metric in ("manhattan", "hamming") or narrow:
        yield from chunked_squared_distances(x, y, metric, size)
        return
    base, shift = _float64_rows(y, metric)
    square, total = _squares(base), _sums(base)
    for start in range(0, len(x), size):
        rows = take_rows(x, torch.arange(start, min(start + size, len(x)), device=x.device)).double()
        rows = comparable(rows, metric, shift)
        product = torch.sparse.mm(base, rows.T).T if base.is_sparse else rows @ base.T
        if metric == "jaccard":
            yield start, jaccard(product, rows.sum(1), total).square().to(x.dtype)
            continue
        # For the angles both squares count as 1, also that of a row of zeros, whose cosine is 0.
        both = rows.square().sum(1)[:, None] + square if metric == "euclidean" else torch.full_like(product, 2)
        d2 = both - 2 * product
        yield start, d2.masked_fill(d2 <= ROUNDING * both, 0).to(x.dtype)


def centre(y: Tensor, metric: Metric) -> Tensor:
    """What is taken off dense rows before they are multiplied, so that fewer digits cancel: their mean, or 0.

    It is rounded to ten binary digits of the largest entry: whole numbers stay short, so that their products are exact
    and equal distances stay equal.
    """
    if metric != "euclidean" or not len(y):
        return torch.zeros((), dtype=torch.float64, device=y.device)
    step = 10 - torch.frexp(y.double().abs().max()).exponent
    return torch.ldexp(torch.ldexp(y.double().mean(0), step).round(), -step)


def comparable(rows: Tensor, metric: Metric, shift: Tensor) -> Tensor:
    """Dense rows of float64, so that their product with the searched ones tells the distance."""
    if metric in ANGULAR:
        return directions(rows, metric)
    return (rows != 0).double() if metric == "jaccard" else rows - shift


def measured(near: Tensor, rows: Tensor, angular: bool) -> Tensor:
    """Squared distances by differences, which are the same wherever they are taken; takes the place of the first.

    Args:
        near: Rows to measure, (..., F): overwritten.
        rows: Where from, of a shape that can be spread over it.
        angular: Rows are directions: 2 - 2 cos, also where one is 0.
    """
    if not angular:
        return near.sub_(rows).square_().sum(-1)
    d2 = 2 - 2 * near.mul_(rows).sum(-1)
    return d2.masked_fill_(d2 <= 2 * ROUNDING, 0)


def _float64_rows(y: Tensor, metric: Metric) -> tuple[Tensor, Tensor]:
    """Prepares the searched rows, and the shift that queries need: sparse rows are not centred."""
    none = torch.zeros((), dtype=torch.float64, device=y.device)
    if y.layout == torch.strided:
        shift = centre(y, metric)
        return comparable(y.double(), metric, shift), shift
    y = y.double().to_sparse(layout=torch.sparse_coo).coalesce()
    values, row = y.values(), y.indices()[0]
    if metric in ANGULAR:
        norm = _squares(y)
        if metric == "correlation":
            # Queries are centred, so that the product needs no centring here; the length does. Of a row that is
            # constant the difference leaves rounding alone.
            centred = norm - _sums(y).square() / y.shape[1]
            norm = torch.where(centred > ROUNDING * norm, centred, 0)
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
