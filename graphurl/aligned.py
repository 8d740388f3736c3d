"""Several sets of rows on maps that belong together: one joint graph, related rows drawn to each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from graphurl.assembly import prepared, similarity_graph
from graphurl.data import as_samples
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.graphs import block_diagonal, from_edges
from graphurl.pipeline import embed
from graphurl.recipes import Recipe
from graphurl.recipes.maps import MAP

#: The rows of consecutive sets that are the same thing: a mapping, or pairs.
Relation = Mapping[int, int] | Sequence[tuple[int, int]] | np.ndarray


def align(
    sets: Sequence[Any], relations: Sequence[Relation], *, weight: float = 0.3, device: str = "auto", **settings: Any
) -> list[np.ndarray]:
    """Maps of several sets of rows in one frame.

    The joint graph has the similarity graph of each set as a block, and an edge for each relation. One layout of free
    coordinates then serves all sets; rows that are related land near each other, sets without a relation lie apart.

    Args:
        sets: Two or more tables; they need not have the same columns or number of rows.
        relations: For each set but the last, which of its rows is which row of the next: {row: row of the next}.
        weight: Similarity of related rows, above 0 to 1: little lets each set keep its own shape.
        device: auto, cpu, cuda or mps.
        **settings: Any field of `Recipe`; else those of the recipe map.

    Returns:
        The embedding of each set.
    """
    if len(sets) < 2 or len(relations) != len(sets) - 1:
        raise InputError(
            f"{len(sets)} sets and {len(relations)} relations: give two or more sets, and one relation between each "
            "and the next"
        )
    if not 0 < weight <= 1:
        raise InputError(f"weight is {weight}: give a similarity above 0, up to 1")
    recipe: Recipe = MAP.but(encoder="table", init="spectral").but(**settings)
    if recipe.encoder != "table":
        raise InputError(f"the encoder is {recipe.encoder!r}: sets are aligned by free coordinates, encoder='table'")
    tables = [as_samples(rows, name=f"set {i}") for i, rows in enumerate(sets)]
    blocks = []
    for samples in tables:
        _, x = prepared(samples, recipe)
        graph = similarity_graph(samples, x, recipe)
        assert graph.weight is not None
        blocks.append(graph)
    joint = block_diagonal(blocks)
    starts = np.cumsum([0, *map(len, tables)])
    pairs = [
        _pairs(relation, i, len(tables[i]), len(tables[i + 1])) + starts[i : i + 2]
        for i, relation in enumerate(relations)
    ]
    ends = torch.from_numpy(np.concatenate(pairs).T.astype(np.int64))
    both = torch.cat([ends, ends.flip(0)], dim=1)
    across = from_edges(both[0], both[1], int(starts[-1]), weight=torch.full((both.shape[1],), weight))
    result = embed(Samples("aligned", graph=joint | across), recipe=recipe.but(graph="citation"), device=device)
    return [result.z[first:last] for first, last in pairwise(starts)]


def _pairs(relation: Relation, place: int, rows: int, others: int) -> np.ndarray:
    """Pairs of row numbers, (R, 2), checked."""
    listed = list(relation.items()) if isinstance(relation, Mapping) else relation
    pairs = np.asarray(listed)
    if pairs.size == 0:
        return np.zeros((0, 2), dtype=np.int64)
    if pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
        raise InputError(f"relation {place} is no mapping of row numbers: give {{row: row of the next set}}")
    wrong = (pairs < 0) | (pairs >= [rows, others])
    if wrong.any():
        i, j = pairs[wrong.any(1)][0].tolist()
        raise InputError(f"relation {place} joins row {i} to row {j}: the sets have {rows} and {others} rows")
    return pairs.astype(np.int64)
