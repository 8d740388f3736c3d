"""Beyond the edges: pairs within a few hops, and shortest paths."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import torch

from graphurl.errors import InputError
from graphurl.functional.paths import sparse_shortest_paths

if TYPE_CHECKING:
    from graphurl.graphs.graph import Graph

# Without a limit on the path, a connected graph yields N² pairs.
_UNLIMITED_UP_TO = 16_384


def k_hop(graph: Graph, k: int) -> Graph:
    """All pairs that at most k edges join, with the number of edges as their length.

    Args:
        graph: A graph; its lengths and weights do not count.
        k: Number of hops, at least 1.
    """
    if k < 1:
        raise InputError(f"k is {k}: give at least 1 hop")
    hops = torch.ones(graph.num_edges, device=graph.device)
    crow, col, length = sparse_shortest_paths(graph.crow, graph.col, hops, max_hops=k)
    made = {"op": "k_hop", "k": k, "of": [graph.provenance]}
    return replace(graph, crow=crow, col=col, length=length, weight=None, provenance=made)


def shortest_paths(graph: Graph, *, max_hops: int | None = None, max_length: float | None = None) -> Graph:
    """All pairs that a path joins, with its length: GenURL's d_t between nodes that are not adjacent.

    Paths follow the edges' direction; pairs that no path joins within the limits have no edge. Weights do not
    survive: a path has none.

    Args:
        graph: A graph; without lengths every edge counts 1.
        max_hops: Most edges of a path.
        max_length: Longest path.

    Raises:
        InputError: For a limit without meaning, or none on a graph whose pairs would not fit in memory.
    """
    if max_hops is not None and max_hops < 1:
        raise InputError(f"max_hops is {max_hops}: give at least 1 hop")
    if max_length is not None and not max_length >= 0:
        raise InputError(f"max_length is {max_length}: give a length of 0 or more")
    n = graph.num_nodes
    if max_hops is None and max_length is None and n > _UNLIMITED_UP_TO:
        gigabytes = n * n * 12 / 1e9
        raise InputError(
            f"all paths among {n} nodes are up to {n * n} pairs ({gigabytes:.1f} GB): "
            "give max_hops or max_length"
        )
    lengths = torch.ones(graph.num_edges, device=graph.device) if graph.length is None else graph.length
    crow, col, length = sparse_shortest_paths(
        graph.crow, graph.col, lengths, max_hops=max_hops, max_length=max_length
    )
    made = {"op": "shortest_paths", "max_hops": max_hops, "max_length": max_length, "of": [graph.provenance]}
    return replace(graph, crow=crow, col=col, length=length, weight=None, provenance=made)
