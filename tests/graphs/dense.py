"""Graphs as dense float64 matrices for naive references, and small random graphs."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from hypothesis import strategies as st

from graphurl.graphs import Graph

Matrix = npt.NDArray[np.float64]


def mask_of(graph: Graph) -> npt.NDArray[np.bool_]:
    mask = np.zeros((graph.num_nodes, graph.num_nodes), dtype=bool)
    for row in range(graph.num_nodes):
        for e in range(int(graph.crow[row]), int(graph.crow[row + 1])):
            mask[row, int(graph.col[e])] = True
    return mask


def matrix_of(graph: Graph, kind: str, missing: float = 0.0, default: float = 1.0) -> Matrix:
    """Values on edges (default where the graph has none), `missing` elsewhere."""
    values = getattr(graph, kind)
    matrix = np.full((graph.num_nodes, graph.num_nodes), missing)
    for row in range(graph.num_nodes):
        for e in range(int(graph.crow[row]), int(graph.crow[row + 1])):
            matrix[row, int(graph.col[e])] = default if values is None else float(values[e])
    return matrix


def graph_of(
    mask: npt.NDArray[np.bool_], weight: Matrix | None = None, length: Matrix | None = None, **rest: object
) -> Graph:
    rows, cols = np.nonzero(mask)
    values = {"weight": weight, "length": length}
    given = {kind: torch.tensor(v[rows, cols]) for kind, v in values.items() if v is not None}
    return Graph.from_edges(rows, cols, len(mask), **given, **rest)


@st.composite
def graphs(
    draw: st.DrawFn,
    nodes: int | None = None,
    weight: bool | None = None,
    length: bool | None = None,
    loops: bool = True,
) -> Graph:
    """Random directed graphs of up to 7 nodes; dyadic values, so that sums and means are exact."""
    n = draw(st.integers(1, 7)) if nodes is None else nodes
    rng = np.random.default_rng(draw(st.integers(0, 10_000)))
    mask = rng.random((n, n)) < draw(st.sampled_from([0.0, 0.2, 0.5, 0.9]))
    if not loops:
        np.fill_diagonal(mask, False)
    has_weight = draw(st.booleans()) if weight is None else weight
    has_length = draw(st.booleans()) if length is None else length
    return graph_of(
        mask,
        rng.integers(0, 17, (n, n)) / 16 if has_weight else None,
        rng.integers(0, 33, (n, n)) / 8 if has_length else None,
    )


@st.composite
def pairs(draw: st.DrawFn, **settings: bool) -> tuple[Graph, Graph]:
    """Two graphs on the same nodes."""
    n = draw(st.integers(1, 7))
    return draw(graphs(nodes=n, **settings)), draw(graphs(nodes=n, **settings))
