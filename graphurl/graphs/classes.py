"""Graphs from classes: who shares a label, and how labels and similarity are mixed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional import neighbors
from graphurl.functional.distance import Metric
from graphurl.functional.sparse import some_rows
from graphurl.graphs.algebra import scale, weighted
from graphurl.graphs.checks import as_tensor, index_tensor
from graphurl.graphs.graph import Graph


def labels(y: Any, k: int = 15, seed: int = 0) -> Graph:
    """Graph that joins rows of one class, at most k per row, so that it stays sparse.

    The members of a class are put in a random circle and each is joined to the k after it (all others in a
    class of up to k + 1), both directions, with weight 1.

    Args:
        y: Class of every row, (N,), whole numbers; -1 is unknown and gets no edge.
        k: Edges that each row starts.
        seed: Draws the circles.
    """
    classes = index_tensor(y, "labels")
    generator = torch.Generator().manual_seed(seed)
    rows, cols = [classes.new_zeros(0)], [classes.new_zeros(0)]
    for label in torch.unique(classes[classes >= 0]):
        members = (classes == label).nonzero()[:, 0]
        circle = members[torch.randperm(len(members), generator=generator).to(members.device)]
        for step in range(1, min(k, len(members) - 1) + 1):
            rows.append(circle)
            cols.append(circle.roll(-step))
    ends = torch.stack([torch.cat(rows), torch.cat(cols)])
    row, col = torch.unique(torch.cat([ends, ends.flip(0)], dim=1), dim=1)
    made = {"kind": "labels", "k": k, "seed": seed}
    return Graph.from_edges(
        row, col, len(classes), weight=torch.ones(len(row), device=row.device), provenance=made
    )


def class_neighbors(x: Any, y: Any, k: int = 15, metric: Metric = "euclidean", seed: int = 0) -> Graph:
    """Directed graph from every row to its k nearest rows of the same class (all of a smaller class), with lengths.

    Memory is O(N k): each class is searched by itself.

    Args:
        x: Features, (N, F).
        y: Class of every row, (N,), whole numbers; -1 is unknown and gets no edge.
        k: Number of neighbours.
        metric: As in `graphs.knn`.
        seed: Makes the approximate search repeatable.
    """
    classes = index_tensor(y, "labels")
    x = x if isinstance(x, Tensor) else as_tensor(x)
    rows, cols, lengths = [classes.new_zeros(0)], [classes.new_zeros(0)], [torch.zeros(0)]
    for label in torch.unique(classes[classes >= 0]):
        members = (classes == label).nonzero()[:, 0]
        nearest = min(k, len(members) - 1)
        if nearest < 1:
            continue
        found = neighbors.knn(some_rows(x, members), nearest, metric=metric, seed=seed)
        rows.append(members.repeat_interleave(nearest))
        cols.append(members[found.indices.reshape(-1)])
        lengths.append(found.distances.reshape(-1).float())
    made = {"kind": "class_neighbors", "k": k, "seed": seed}
    parts = torch.cat(rows), torch.cat(cols)
    return Graph.from_edges(*parts, len(classes), length=torch.cat(lengths), provenance=made)


def supervise(graph: Graph, within: Graph, y: Any, target_weight: float) -> Graph:
    """Similarity and labels as one graph: (1 - t) p_X + t p_Y, and p_X alone where a label is not known.

    Args:
        graph: Similarity of the rows, p_X.
        within: Similarity inside classes, p_Y.
        y: Class of every row, -1 where unknown.
        target_weight: t, from 0 (labels are ignored) to 1 (only labels count).
    """
    if not 0 <= target_weight <= 1:
        raise InputError(f"target_weight is {target_weight}: give 0 (labels are ignored) to 1 (only labels count)")
    classes = index_tensor(y, "labels")
    graph = weighted(graph)
    assert graph.weight is not None
    known = (classes[graph.rows] >= 0) & (classes[graph.col] >= 0)
    faded = replace(graph, weight=torch.where(known, (1 - target_weight) * graph.weight, graph.weight))
    mixed = faded + scale(within, target_weight)
    assert mixed.weight is not None
    keep = mixed.weight > 0  # edges of no weight would count as neighbours in what draws from edges
    made = {"op": "supervise", "target_weight": target_weight, "of": [graph.provenance, within.provenance]}
    return Graph.from_edges(
        mixed.rows[keep], mixed.col[keep], mixed.num_nodes, weight=mixed.weight[keep], ids=graph.ids, provenance=made
    )
