"""What pulls points together: the strongest edges of every row, by source, beside the similarity that came out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.distance import edge_squared_distances
from graphurl.graphs.algebra import weighted
from graphurl.graphs.graph import Graph
from graphurl.similarity import Similarity

#: Edges kept of a row.
EDGES = 8
#: Where a row has fewer.
NOBODY = 2**32 - 1


@dataclass(frozen=True)
class Pulls:
    """The strongest edges of each row.

    Attributes:
        target: The other row, (N, m) uint32, by descending p_X; `NOBODY` behind the last.
        p: p_X, (N, m) float32.
        q: p_Z, (N, m) float32.
        parts: What each source adds to p_X, (N, m) float32 each; one source alone adds all and is not repeated.
        sources: Names of the sources.
        misfit: Mean of |p_X - p_Z| over *all* edges of the row, (N,); NaN without edges.
        total: Edges of all rows.
    """

    target: np.ndarray
    p: np.ndarray
    q: np.ndarray
    parts: tuple[np.ndarray, ...]
    sources: tuple[str, ...]
    misfit: np.ndarray
    total: int


def pulls(
    z: np.ndarray, graphs: Mapping[str, Graph], similarity: Similarity, *, matched: bool = False, most: int = EDGES
) -> Pulls:
    """Finds what pulls each row: p_X(i, j) = min(1, Σ_t p_t(i, j)) over the sources, and p_Z(i, j) of the rows of z.

    Args:
        z: Embeddings, (N, d), finite.
        graphs: Prescribed similarity by source, already scaled by their α; over the rows of z.
        similarity: The kernel of the embedded side.
        matched: Scale p_Z so that its sum over all edges is that of p_X: for a loss that compares shares of p.
        most: Edges kept of a row.

    Raises:
        InputError: For a graph over other rows.
    """
    count = len(z)
    for name, graph in graphs.items():
        if graph.num_nodes != count:
            raise InputError(f"the graph {name!r} has {graph.num_nodes} nodes for {count} points: give one a point")
    weights = {name: weighted(graph).without_self_loops() for name, graph in graphs.items()}
    summed = _sum(list(weights.values()))
    rows, cols = summed.rows, summed.col
    p = _weight(summed).clamp(max=1)
    order = torch.argsort(p, descending=True, stable=True)
    order = order[torch.argsort(rows[order], stable=True)]  # rows ascend, within a row p descends
    rank = torch.arange(len(order)) - summed.crow[rows[order]]
    q = _embedded(z, rows, cols, similarity)
    if matched and float(q.sum()) > 0:
        q = (q * (p.double().sum() / q.double().sum())).float().clamp(max=1)
    error = np.bincount(rows.numpy(), (p - q).abs().double().numpy(), minlength=count)
    degree = summed.degree.numpy()
    kept = order[rank < most]
    at = (rows[kept].numpy(), rank[rank < most].numpy())

    def table(values: Tensor) -> np.ndarray:
        made = np.zeros((count, most), dtype=np.float32)
        made[at] = values[kept].numpy()
        return made

    target = np.full((count, most), NOBODY, dtype=np.uint32)
    target[at] = cols[kept].numpy()
    parts = tuple(table(_on(graph, rows, cols)) for graph in weights.values()) if len(weights) > 1 else ()
    misfit = np.where(degree > 0, error / np.maximum(degree, 1), np.nan)
    return Pulls(target, table(p), table(q), parts, tuple(weights), misfit, summed.num_edges)


def _sum(graphs: list[Graph]) -> Graph:
    total = graphs[0]
    for graph in graphs[1:]:
        total = total + graph
    return total


def _weight(graph: Graph) -> Tensor:
    assert graph.weight is not None
    return graph.weight


def _on(graph: Graph, rows: Tensor, cols: Tensor) -> Tensor:
    """The weights of a graph at some places, 0 where it has no edge."""
    keys, wanted = graph.rows * graph.num_nodes + graph.col, rows * graph.num_nodes + cols
    if not len(keys):
        return torch.zeros(len(wanted))
    place = torch.searchsorted(keys, wanted).clamp(max=len(keys) - 1)
    return torch.where(keys[place] == wanted, _weight(graph)[place], 0.0)


def _embedded(z: np.ndarray, rows: Tensor, cols: Tensor, similarity: Similarity) -> Tensor:
    points = torch.from_numpy(np.array(z, dtype=np.float32))
    return similarity.log(edge_squared_distances(points, None, rows, cols, similarity.metric)).exp()
