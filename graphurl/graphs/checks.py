"""What an edge list must be: ends that exist, values finite and not negative; errors name the edge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.mapped import map_of, shared
from graphurl.functional.sparse import entry_blocks

# What to do about a value that is not allowed.
_FIX = {
    "length": "drop the edge where no distance is known",
    "weight": "clip it, or drop the edge: nodes without an edge are pushed apart anyway",
}


def edge_name(row: int, col: int, ids: tuple[str, ...] | None) -> str:
    """Names an edge in the user's own words.

    Args:
        row: Source.
        col: Target.
        ids: Name of every node, or None.
    """
    if ids is None or not (0 <= row < len(ids) and 0 <= col < len(ids)):
        return f"edge {row} -> {col}"
    return f"edge {ids[row]!r} -> {ids[col]!r}"


def index_tensor(values: Any, name: str) -> Tensor:
    """Turns node numbers into a one-dimensional int64 tensor.

    Args:
        values: Tensor, array or sequence of whole numbers.
        name: What to call them in an error.

    Raises:
        InputError: For another shape, or for anything but whole numbers.
    """
    index = as_tensor(values)
    if index.ndim == 1 and not index.numel():
        return index.long()
    if index.ndim != 1:
        raise InputError(
            f"{name} has shape {tuple(index.shape)}: give one node number per edge, in one dimension"
        )
    if index.dtype.is_floating_point or index.dtype.is_complex or index.dtype == torch.bool:
        raise InputError(f"{name} has type {index.dtype}: node numbers are integers from 0")
    return index.long()


def float_tensor(values: Any) -> Tensor:
    """Turns numbers into a float32 tensor."""
    return as_tensor(values).float()


def as_tensor(values: Any) -> Tensor:
    """A tensor of any array-like; one in memory that may not be written to is copied, one in a file stays there."""
    if isinstance(values, Tensor):
        return values.detach()
    array = np.asarray(values)
    if array.dtype.kind not in "biuf" and array.size:
        raise InputError(f"values of type {array.dtype} are no numbers: give a tensor or an array of numbers")
    if array.dtype.kind in "u" and array.dtype.itemsize > 1:
        array = array.astype(np.int64)
    if not array.size:
        return torch.zeros(array.shape)
    if map_of(array) is not None:
        return shared(array)
    return torch.from_numpy(array if array.flags.writeable else array.copy())


def check_ids(ids: tuple[str, ...] | None, n: int) -> None:
    """Refuses names that do not fit the nodes.

    Args:
        ids: Name of every node, or None.
        n: Number of nodes.

    Raises:
        InputError: For another number of names, or a name that occurs twice.
    """
    if ids is None:
        return
    if len(ids) != n:
        raise InputError(f"{len(ids)} ids for {n} nodes: give one per node, in order")
    if not all(isinstance(name, str) for name in ids):
        wrong = next(name for name in ids if not isinstance(name, str))
        raise InputError(
            f"id {wrong!r} is of type {type(wrong).__name__}: ids are text, convert them with str()"
        )
    if len(set(ids)) != n:
        twice = next(name for name, count in Counter(ids).items() if count > 1)
        raise InputError(f"id {twice!r} occurs twice: give every node its own")


def check_ends(rows: Tensor, cols: Tensor, n: int, ids: tuple[str, ...] | None = None) -> None:
    """Refuses edges to nodes that do not exist.

    Args:
        rows: Source of every edge.
        cols: Target of every edge.
        n: Number of nodes.
        ids: Name of every node, or None.

    Raises:
        InputError: Naming the first such edge.
    """
    if rows.shape != cols.shape:
        raise InputError(f"{len(rows)} sources and {len(cols)} targets: give one of each per edge")
    bad = (rows < 0) | (rows >= n) | (cols < 0) | (cols >= n)
    if not bool(bad.any()):
        return
    first = int(bad.nonzero()[0])
    row, col = int(rows[first]), int(cols[first])
    known = f"nodes are 0 to {n - 1}" if n else "there are no nodes"
    fix = (
        "count nodes from 0" if min(row, col) < 0 else f"give num_nodes={max(row, col) + 1} or drop the edge"
    )
    source = f" of {ids[row]!r}" if ids is not None and 0 <= row < len(ids) else ""
    raise InputError(f"edge {row} -> {col}{source} ends at a missing node: {known}, {fix}")


def check_rows(
    crow: Tensor, col: Tensor, values: Mapping[str, Tensor | None], ids: tuple[str, ...] | None = None
) -> None:
    """Refuses compressed rows that are no graph, some rows at a time: the graph may lie in a file.

    Args:
        crow: Row starts, not descending.
        col: Targets.
        values: Lengths and weights by kind.
        ids: Name of every node, or None.

    Raises:
        InputError: Naming the first edge to a missing node, or with a value that is not allowed, or for targets
            that are not ascending and unique in a row.
    """
    for kind, value in values.items():
        if value is not None and value.shape != col.shape:
            raise InputError(f"{kind} has shape {tuple(value.shape)} for {len(col)} edges: give one per edge")
    for rows, edges in entry_blocks(crow):
        cols = col[edges]
        check_ends(rows, cols, len(crow) - 1, ids)
        if bool(((rows.diff() == 0) & (cols.diff() <= 0)).any()):
            raise InputError(
                "col is not ascending and unique in every row: build the graph with Graph.from_edges"
            )
        for kind, value in values.items():
            check_values(kind, None if value is None else value[edges], rows, cols, ids)


def check_values(
    kind: str, values: Tensor | None, rows: Tensor, cols: Tensor, ids: tuple[str, ...] | None = None
) -> None:
    """Refuses lengths or weights that are not finite numbers from 0.

    Args:
        kind: length or weight.
        values: One per edge, or None.
        rows: Source of every edge.
        cols: Target of every edge.
        ids: Name of every node, or None.

    Raises:
        InputError: Naming the first such edge.
    """
    if values is None:
        return
    if values.shape != rows.shape:
        raise InputError(f"{kind} has shape {tuple(values.shape)} for {len(rows)} edges: give one per edge")
    bad = ~(values.isfinite() & (values >= 0))
    if not bool(bad.any()):
        return
    first = int(bad.nonzero()[0])
    edge = edge_name(int(rows[first]), int(cols[first]), ids)
    raise InputError(
        f"{edge} has {kind} {float(values[first]):g}: a {kind} is finite and 0 or more, {_FIX[kind]}"
    )
