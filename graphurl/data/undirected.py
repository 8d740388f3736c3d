"""Citation graphs as the papers use them: every edge in both directions, once, no self-loops."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from graphurl.graphs.graph import Graph


def undirected(rows: Tensor, cols: Tensor, n: int, *, source: str) -> Graph:
    """Builds the graph that has every edge in both directions, once, and no self-loops.

    Args:
        rows: One end of each edge.
        cols: The other end.
        n: Number of nodes.
        source: Data set name, kept in the provenance.

    Returns:
        A graph without lengths and weights.
    """
    graph = Graph.from_edges(rows, cols, n).without_self_loops().symmetrise()
    return replace(graph, provenance={"kind": "citation", "source": source})
