"""Similarity graphs: who is related to whom, how far apart, and how similar they shall be."""

from __future__ import annotations

from graphurl.graphs.algebra import block_diagonal
from graphurl.graphs.classes import class_neighbors, labels, supervise
from graphurl.graphs.constructors import (
    citation,
    from_distances,
    from_edge_index,
    from_knn,
    from_pyg,
    knn,
)
from graphurl.graphs.convert import from_networkx, from_scipy, to_networkx, to_pyg, to_scipy
from graphurl.graphs.graph import Graph, from_edges
from graphurl.graphs.io import load, save
from graphurl.graphs.summary import format_summary, require_edges, warn_if_unusual
from graphurl.graphs.tables import from_frame, read_edges, write_edges

__all__ = [
    "Graph",
    "block_diagonal",
    "citation",
    "class_neighbors",
    "format_summary",
    "from_distances",
    "from_edge_index",
    "from_edges",
    "from_frame",
    "from_knn",
    "from_networkx",
    "from_pyg",
    "from_scipy",
    "knn",
    "labels",
    "load",
    "read_edges",
    "require_edges",
    "save",
    "supervise",
    "to_networkx",
    "to_pyg",
    "to_scipy",
    "warn_if_unusual",
    "write_edges",
]
