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
#: Lists that are searched for each query: of 60,000 rows of 50 numbers 99.5 % of 15 neighbours are found.
_PROBES = 20
_TRAIN_PER_LIST = 64


class Index:
    """Rows by their place in an inverted file, for one search after another.

    Rows of more than 50 dimensions are projected on their leading principal directions. There are about 2 sqrt(M)
    lists, trained on a subsample. Of projected rows 3k + 20 candidates per query are then measured in the space of x,
    by differences, so that only a neighbour that never became a candidate can be missed; rows that were not projected
    are measured by the index itself.

    Args:
        y: Rows to search, (M, F).
        seed: Makes projection and lists repeatable.
    """

    def __init__(self, y: Tensor, seed: int) -> None:
        """Projects the rows and sorts them into lists."""
        self.y = y
        self._mean = y.mean(0)
        self._probe = _principal(y, self._mean, torch.Generator().manual_seed(seed))
        self._base = self._coordinates(y)
        self._lists = _inverted_file(self._base, seed)

    def nearest(self, x: Tensor, k: int, itself: bool, probes: int | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Finds neighbours by Euclidean distance.

        Args:
            x: Queries, (N, F).
            k: Number of neighbours.
            itself: x is y, and a row is not its own neighbour.
            probes: Lists that are searched for each query; absent means 20.

        Returns:
            Indices (N, k), distances (N, k), and which rows are complete (N,): others found too few candidates.
        """
        queries = self._base if x is self.y else self._coordinates(x)
        # Two more than wanted: the row itself, and one to see a tie by.
        fetch = min(k + 2 if self._probe is None else 3 * k + 20, len(self.y))
        indices = torch.empty(len(x), k, dtype=torch.int64)
        distances = torch.empty(len(x), k, dtype=x.dtype)
        complete = torch.empty(len(x), dtype=torch.bool)
        size = rows_in_budget(fetch * x.shape[1], 2 * x.element_size())
        self._lists.nprobe = min(probes or _PROBES, self._lists.nlist)
        for start in range(0, len(x), size):
            here = slice(start, start + size)
            _, found = self._lists.search(queries[here].numpy(), fetch)
            own = torch.arange(start, start + len(found)) if itself else None
            indices[here], distances[here] = _ranked(x[here], self.y, torch.from_numpy(found), own, k)
            complete[here] = distances[here, -1].isfinite()
        return indices.to(x.device), distances.to(x.device), complete.to(x.device)

    def _coordinates(self, rows: Tensor) -> Tensor:
        """Centred rows in float32, a block at a time: no second table of the width of the first is held."""
        made = torch.empty(len(rows), rows.shape[1] if self._probe is None else _PROJECTED)
        for b in row_blocks(rows):
            centred = rows[b] - self._mean
            made[b] = centred if self._probe is None else centred @ self._probe
        return made


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


def _principal(y: Tensor, mean: Tensor, generator: torch.Generator) -> Tensor | None:
    """Leading principal directions of wide rows, found by randomised subspace iteration."""
    if y.shape[1] <= _PROJECTED:
        return None
    probe = torch.randn(y.shape[1], _PROJECTED, generator=generator).to(y)
    for _ in range(4):
        spread = (_through(y[b] - mean, probe) for b in row_blocks(y))
        probe = torch.linalg.qr(functools.reduce(operator.add, spread)).Q
    return probe


def _through(rows: Tensor, probe: Tensor) -> Tensor:
    """XᵀX B of some rows."""
    return rows.T @ (rows @ probe)


def _inverted_file(base: Tensor, seed: int) -> Any:
    import faiss

    rows, dim = base.shape
    lists = max(1, min(round(2 * math.sqrt(rows)), rows // 39))
    quantizer = faiss.IndexFlatL2(dim)
    index = faiss.IndexIVFFlat(quantizer, dim, lists)
    index.cp.seed = seed + 1
    index.cp.max_points_per_centroid = _TRAIN_PER_LIST
    index.train(base.numpy())
    index.add(base.numpy())
    return index
