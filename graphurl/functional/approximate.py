"""Approximate nearest neighbours: candidates from faiss, ranked by exact distances."""

from __future__ import annotations

import functools
import math
import operator
from typing import Any

import torch
from torch import Tensor

from graphurl.functional.distance import rows_in_budget
from graphurl.functional.mapped import row_blocks

_PROJECTED = 50
_PROBES = 32
_TRAIN_PER_LIST = 64


def approximate_knn(x: Tensor, y: Tensor, k: int, itself: bool, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Finds neighbours by Euclidean distance through an inverted file over projected rows.

    Rows of more than 50 dimensions are projected on their leading principal directions. About sqrt(M) lists,
    trained on a subsample, 32 of them searched. 3k + 20 candidates per query are then measured in the space
    of x, by differences, so that only a neighbour that never became a candidate can be missed.

    Args:
        x: Queries, (N, F).
        y: Rows to search, (M, F).
        k: Number of neighbours.
        itself: x is y, and a row is not its own neighbour.
        seed: Makes projection and lists repeatable.

    Returns:
        Indices (N, k), distances (N, k), and which rows are complete (N,): others found too few candidates.
    """
    generator = torch.Generator().manual_seed(seed)
    base, queries = _project(x, y, generator)
    index = _inverted_file(base, seed)
    fetch = min(3 * k + 20, len(y))
    indices = torch.empty(len(x), k, dtype=torch.int64)
    distances = torch.empty(len(x), k, dtype=x.dtype)
    complete = torch.empty(len(x), dtype=torch.bool)
    size = rows_in_budget(fetch * x.shape[1], 2 * x.element_size())
    for start in range(0, len(x), size):
        here = slice(start, start + size)
        _, found = index.search(queries[here].numpy(), fetch)
        own = torch.arange(start, start + len(found)) if itself else None
        indices[here], distances[here] = _ranked(x[here], y, torch.from_numpy(found), own, k)
        complete[here] = distances[here, -1].isfinite()
    return indices.to(x.device), distances.to(x.device), complete.to(x.device)


def _ranked(x: Tensor, y: Tensor, found: Tensor, own: Tensor | None, k: int) -> tuple[Tensor, Tensor]:
    """Measures candidates exactly and keeps the k nearest, ties by index; -1 marks a missing candidate."""
    found = found.sort(1).values
    near = y[found.clamp(min=0).to(y.device)]
    distance = torch.linalg.vector_norm(near.sub_(x[:, None]), dim=2).cpu()
    wrong = found < 0
    if own is not None:
        wrong |= found == own[:, None]
    distance, order = torch.sort(distance.masked_fill(wrong, torch.inf), stable=True, dim=1)
    return found.gather(1, order)[:, :k], distance[:, :k]


def _project(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Centres rows and keeps their leading principal directions, found by randomised subspace iteration."""
    mean = y.mean(0)
    probe = None
    if y.shape[1] > _PROJECTED:
        probe = torch.randn(y.shape[1], _PROJECTED, generator=generator).to(y)
        for _ in range(4):
            spread = (_through(y[b] - mean, probe) for b in row_blocks(y))
            probe = torch.linalg.qr(functools.reduce(operator.add, spread)).Q

    def coordinates(rows: Tensor) -> Tensor:
        """Centred rows in float32, a block at a time: no second table of the width of the first is held."""
        made = torch.empty(len(rows), rows.shape[1] if probe is None else _PROJECTED)
        for b in row_blocks(rows):
            made[b] = rows[b] - mean if probe is None else (rows[b] - mean) @ probe
        return made

    base = coordinates(y)
    return base, base if x is y else coordinates(x)


def _through(rows: Tensor, probe: Tensor) -> Tensor:
    """XᵀX B of some rows."""
    return rows.T @ (rows @ probe)


def _inverted_file(base: Tensor, seed: int) -> Any:
    import faiss

    rows, dim = base.shape
    lists = max(1, min(round(math.sqrt(rows)), rows // 39))
    quantizer = faiss.IndexFlatL2(dim)
    index = faiss.IndexIVFFlat(quantizer, dim, lists)
    index.cp.seed = seed + 1
    index.cp.max_points_per_centroid = _TRAIN_PER_LIST
    index.nprobe = min(_PROBES, lists)
    index.train(base.numpy())
    index.add(base.numpy())
    return index
