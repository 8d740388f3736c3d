"""Ranks by distance: the how-manieth of all rows is one, seen from another? Counted, never sorted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphurl.errors import unknown
from graphurl.functional.distance import ANGULAR, METRICS, Metric
from graphurl.functional.products import ROUNDING, blocks, centre, comparable

Ints = npt.NDArray[np.int64]
#: Which of some entries, by row, column and number of the mark, are not behind the mark.
Reached = Callable[[Ints, Ints, Ints], Any]

#: Rows whose distances to all are computed together.
_BLOCK = 256
#: Numbers that stay near the processor while they are passed over.
_CACHED = 2**16
#: Numbers of rows whose differences are taken together.
_AT_ONCE = 2**18
#: Where more entries than this, on average, are too near to a mark to tell, the distances are computed in float64.
_UNSURE = 32


def ranks(x: Tensor, columns: Tensor, metric: Metric = "euclidean") -> Tensor:
    r"""Ranks, from 1, of some rows by their distance from each row; equally far ones rank by their number.

    For metrics of products the distances of a block are one product in float32, and rounding moves a squared one by at
    most $\varepsilon(|x|^2 + |y|^2)$ (see `proven`). Entries farther than that below a mark are counted, those around
    it are measured by differences in float64: the ranks are exact.

    Args:
        x: Rows, (N, F), float64.
        columns: For each row the other rows that are asked for, (N, k).
        metric: As in `distance.squared_distances`.

    Returns:
        Ranks (N, k), int64. A row has no rank from itself.

    Raises:
        InputError: An unknown metric.
    """
    if not callable(metric) and metric not in METRICS:
        raise unknown("metric", metric, METRICS)
    if metric in ("euclidean", *ANGULAR):
        return torch.from_numpy(_by_products(x, columns, str(metric)))
    found = []
    for start, block in blocks(x, x, metric, None):
        here = columns[start : start + len(block)]
        block.diagonal(start).fill_(torch.inf)
        marks = block.gather(1, here)
        found.append(_counted(block.numpy(), marks.numpy(), marks.numpy(), _earlier(here.numpy())))
    return torch.from_numpy(np.concatenate(found))


def _by_products(x: Tensor, columns: Tensor, metric: str) -> Ints:
    angular = metric in ANGULAR
    if not angular:  # nothing may be too large for float32; a power of two changes no digit
        x = torch.ldexp(x, -torch.frexp(x.abs().max()).exponent)
    rows = comparable(x, metric, centre(x, metric))
    # |y|² - 2 x·y is the squared distance without |x|²; of directions -2 x·y is it without 2, also of one that is 0.
    own = rows.square().sum(1) * (not angular)
    less = torch.full_like(own, 2) if angular else own
    # torch may be told to round products in float32 to fewer digits.
    kinds = (torch.float32, torch.float64)[torch.get_float32_matmul_precision() != "highest" :]
    tables = {kind: (own.to(kind), rows.to(kind)) for kind in kinds}
    found = []
    for start in range(0, len(rows), _BLOCK):
        here = slice(start, start + _BLOCK)
        marks, reached = _marks(rows, start, columns[here], angular)
        for kind, (squares, table) in tables.items():
            entries = torch.addmm(squares, table[here], table.T, alpha=-2)
            entries.diagonal(start).fill_(torch.inf)
            slack = _slack(marks, own[here, None], x.shape[1], kind, angular)
            low, high = ((marks - less[here, None] + side).to(kind).numpy() for side in (-slack, slack))
            counted = _counted(entries.numpy(), low, high, reached, given_up=kind == torch.float32)
            if counted is not None:
                found.append(counted)
                break
    return np.concatenate(found)


def _slack(marks: Tensor, own: Tensor, columns: int, kind: torch.dtype, angular: bool) -> Tensor:
    """How far rounding can bring an entry to the wrong side of a mark."""
    error = 3 * (columns + 8) * torch.finfo(kind).eps / 2
    if angular:
        return torch.full_like(marks, 4 * error + 2 * ROUNDING)
    return error * (own + (own.sqrt() + marks.sqrt()).square()) + columns * 2 * torch.finfo(kind).tiny


def _marks(rows: Tensor, start: int, columns: Tensor, angular: bool) -> tuple[Tensor, Reached]:
    """The squared distances that are asked for, and what tells by differences in float64 which are not behind one.

    Equally far ones rank by number. All on one thread: for a few entries at a time others would only be waited for.
    """
    table, asked = rows.numpy(), columns.numpy()

    def distances(row: Ints, column: Ints) -> Any:
        found, size = np.empty(len(row)), max(1, _AT_ONCE // table.shape[1])
        for first in range(0, len(row), size):
            a, b = table[row[first : first + size] + start], table[column[first : first + size]]
            found[first : first + size] = _squared(a, b, angular)
        return found

    limit = distances(np.repeat(np.arange(len(asked)), asked.shape[1]), asked.ravel()).reshape(asked.shape)

    def reached(row: Ints, column: Ints, mark: Ints) -> Any:
        distance, wanted = distances(row, column), limit[row, mark]
        return (distance < wanted) | ((distance == wanted) & (column <= asked[row, mark]))

    return torch.from_numpy(limit), reached


def _squared(a: Any, b: Any, angular: bool) -> Any:
    """Of rows to rows; as `products.measured`."""
    if not angular:
        a -= b
        return np.einsum("ij,ij->i", a, a)
    found = 2 - 2 * np.einsum("ij,ij->i", a, b)
    found[found <= 2 * ROUNDING] = 0
    return found


def _earlier(asked: Ints) -> Reached:
    """Tells of entries that are as far as the mark."""
    return lambda row, column, mark: column <= asked[row, mark]


def _counted(entries: Any, low: Any, high: Any, reached: Reached, *, given_up: bool = False) -> Any:
    """How many entries of a row are not behind each mark: those below `low`, and of those up to `high` the reached.

    A few rows at a time, each of which is passed over several times, stay in the cache.

    Args:
        entries: Distances to all, (B, N).
        low: Smallest distance at which an entry may be behind a mark, (B, k).
        high: Largest at which one may be before it.
        reached: Tells for entries in between.
        given_up: Return None where more than a few entries lie in between.
    """
    count, k = low.shape
    found = np.empty((count, k), dtype=np.int64)
    few = max(1, _CACHED // entries.shape[1])
    places, marks, unsure = [], [], 0
    for first in range(0, count, few):
        here = slice(first, first + few)
        for mark in range(k):
            below = entries[here] < low[here, mark, None]
            found[here, mark] = np.count_nonzero(below, axis=1)
            between = np.flatnonzero(np.not_equal(below, entries[here] <= high[here, mark, None], out=below))
            unsure += len(between)
            if given_up and unsure > _UNSURE * min(first + few, count) * k:
                return None
            places.append(between + first * entries.shape[1])
            marks.append(np.full(len(between), mark))
    row, column = np.divmod(np.concatenate(places), entries.shape[1])
    of = np.concatenate(marks)
    np.add.at(found, (row, of), reached(row, column, of))
    return found
