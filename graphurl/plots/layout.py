"""Where the points of a picture go: two columns from any embedding, and edges that can be drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError

EDGES_UP_TO = 20_000


@dataclass(frozen=True)
class Layout:
    """Points to draw.

    Attributes:
        points: (n, 2), finite.
        kept: Which of the given rows they are, (N,).
        labels: What the two axes are; "" where they mean nothing.
    """

    points: np.ndarray
    kept: np.ndarray
    labels: tuple[str, str]


def lay_out(z: Any, groups: np.ndarray | None = None) -> Layout:
    """Turns an embedding of any dimension into points of the plane.

    Two columns are taken as they are; more are projected on their two principal axes; one becomes a strip,
    its points shifted at random across it (within the row of their group).

    Args:
        z: Embeddings, (N, d) or (N,).
        groups: Row of the strip, (N,), -1 below all; only used when d is 1.

    Returns:
        The layout, without the rows that are not finite.

    Raises:
        InputError: If no finite row is left.
    """
    values = np.asarray(z.detach().cpu().float() if isinstance(z, torch.Tensor) else z, dtype=np.float64)
    values = values[:, None] if values.ndim == 1 else values
    if values.ndim != 2 or values.shape[1] == 0:
        raise InputError(f"z has shape {values.shape}: give a matrix with one row per point")
    kept = np.asarray(np.isfinite(values).all(axis=1))
    rows = values[kept]
    if not len(rows):
        raise InputError(f"none of the {len(values)} rows of z is finite: there is nothing to draw")
    if rows.shape[1] == 1:
        return Layout(_strip(rows[:, 0], None if groups is None else groups[kept]), kept, ("z", ""))
    if rows.shape[1] == 2:
        return Layout(rows, kept, ("", ""))
    points, shares = _principal(rows)
    names = [
        f"PCA {i} of {rows.shape[1]} dimensions ({share:.0%})" for i, share in enumerate(shares, start=1)
    ]
    return Layout(points, kept, (names[0], names[1]))


def drawable_edges(edges: Any, kept: np.ndarray) -> tuple[np.ndarray, int]:
    """Picks the edges to draw, each once, in the numbering of the kept rows.

    Args:
        edges: A graph (with `rows` and `col`), a pair (rows, cols), or an array (2, E).
        kept: Which rows are drawn, (N,).

    Returns:
        Pairs (E, 2), at most 20,000, evenly thinned; and how many there were before.

    Raises:
        InputError: If an edge names a row that does not exist.
    """
    pair = (edges.rows, edges.col) if hasattr(edges, "col") else edges
    arrays = [part.cpu().numpy() if isinstance(part, torch.Tensor) else part for part in pair]
    rows, cols = (np.asarray(array, dtype=np.int64) for array in arrays)
    if len(rows) and not (min(rows.min(), cols.min()) >= 0 and max(rows.max(), cols.max()) < len(kept)):
        raise InputError(f"edges name rows outside 0 to {len(kept) - 1}: they have to be over the rows of z")
    pairs = np.unique(np.sort(np.stack([rows, cols], 1), axis=1), axis=0)
    pairs = pairs[(pairs[:, 0] != pairs[:, 1]) & kept[pairs].all(axis=1)]
    number = np.cumsum(kept) - 1
    chosen = np.linspace(0, len(pairs) - 1, min(len(pairs), EDGES_UP_TO)).astype(int)
    return number[pairs[chosen]], len(pairs)


def _principal(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates on the two principal axes, and their shares of the variance."""
    centred = rows - rows.mean(0)
    values, axes = np.linalg.eigh(centred.T @ centred)
    axes = axes[:, [-1, -2]]
    # An axis has no direction: the largest entry is made positive, so that pictures repeat.
    signs = np.sign(axes[np.abs(axes).argmax(0), [0, 1]])
    return centred @ (axes * signs), values[[-1, -2]] / max(values.sum(), 1e-300)


def _strip(values: np.ndarray, groups: np.ndarray | None) -> np.ndarray:
    shift = np.random.default_rng(0).uniform(-0.32, 0.32, len(values))
    return np.stack([values, shift if groups is None else shift + groups], axis=1)
