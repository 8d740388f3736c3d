"""To and from the graphs of scipy and networkx, and to those of PyTorch Geometric."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.graphs.graph import Graph

KINDS = ("weight", "length")


def from_scipy(matrix: Any, kind: str = "weight", ids: Sequence[str] | None = None) -> Graph:
    """Graph from a sparse matrix; every stored entry is an edge, stored zeros too.

    Args:
        matrix: Square scipy matrix or array of any sparse format; it is not changed.
        kind: What its entries are: weight (similarity) or length (distance).
        ids: Name of every row, or None.

    Raises:
        InputError: For a matrix that is not square, or entries that are not finite and 0 or more.
    """
    if kind not in KINDS:
        raise unknown("kind of entry", kind, KINDS)
    if not hasattr(matrix, "tocoo"):
        raise InputError(
            f"{type(matrix).__name__} is no scipy sparse matrix: use from_distances for a dense one"
        )
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise InputError(f"the matrix has shape {matrix.shape}: an adjacency is square, (N, N)")
    coo = matrix.tocoo()
    values = {kind: np.asarray(coo.data)}
    made = {"kind": "scipy", "entries": kind}
    return Graph.from_edges(
        coo.row.astype(np.int64),
        coo.col.astype(np.int64),
        matrix.shape[0],
        **values,
        ids=ids,
        provenance=made,
    )


def to_scipy(graph: Graph, kind: str = "weight") -> Any:
    """Sparse CSR array of a graph's weights or lengths, 1 per edge where it has none.

    Args:
        graph: A graph.
        kind: weight or length. An edge of value 0 is a stored zero.
    """
    from scipy.sparse import csr_array

    if kind not in KINDS:
        raise unknown("kind of entry", kind, KINDS)
    values = _values(graph, kind).cpu().numpy().copy()
    pattern = (values, graph.col.cpu().numpy().copy(), graph.crow.cpu().numpy().copy())
    return csr_array(pattern, shape=(graph.num_nodes, graph.num_nodes))


def from_networkx(graph: Any, weight: str | None = "weight", length: str | None = "length") -> Graph:
    """Graph from a networkx graph; its nodes, in their order, become ids.

    Parallel edges are merged, an undirected edge becomes two directed ones.

    Args:
        graph: A networkx graph of any kind; it is not changed.
        weight: Edge attribute that holds the similarity, or None.
        length: Edge attribute that holds the distance, or None. An attribute that no edge has is ignored.

    Raises:
        InputError: For an attribute that only some edges have, or two nodes with the same text.
    """
    place = {node: i for i, node in enumerate(graph.nodes)}
    edges = list(graph.edges(data=True))
    rows, cols = [place[u] for u, _, _ in edges], [place[v] for _, v, _ in edges]
    values = {"weight": _attribute(edges, weight), "length": _attribute(edges, length)}
    if not graph.is_directed():
        # A self-loop is its own way back.
        back = [i for i, (u, v, _) in enumerate(edges) if u != v]
        rows, cols = rows + [cols[i] for i in back], cols + [rows[i] for i in back]
        values = {kind: None if v is None else v + [v[i] for i in back] for kind, v in values.items()}
    ids = [str(node) for node in place]
    return Graph.from_edges(rows, cols, len(place), **values, ids=ids, provenance={"kind": "networkx"})


def to_networkx(graph: Graph) -> Any:
    """Directed networkx graph: ids (else numbers) as nodes, weight and length as attributes."""
    import networkx

    names: Sequence[Any] = range(graph.num_nodes) if graph.ids is None else graph.ids
    result = networkx.DiGraph()
    result.add_nodes_from(names)
    rows, cols = graph.rows.tolist(), graph.col.tolist()
    result.add_edges_from((names[i], names[j]) for i, j in zip(rows, cols, strict=True))
    for kind in KINDS:
        values = getattr(graph, kind)
        if values is not None:
            edges = zip(rows, cols, values.tolist(), strict=True)
            networkx.set_edge_attributes(result, {(names[i], names[j]): v for i, j, v in edges}, kind)
    return result


def to_pyg(graph: Graph) -> Any:
    """PyTorch Geometric `Data`: edge_index, num_nodes; edge_weight, edge_length, ids where given."""
    from torch_geometric.data import Data

    data = Data(edge_index=torch.stack([graph.rows, graph.col]), num_nodes=graph.num_nodes)
    if graph.weight is not None:
        data.edge_weight = graph.weight.clone()
    if graph.length is not None:
        data.edge_length = graph.length.clone()
    if graph.ids is not None:
        data.ids = list(graph.ids)
    return data


def _values(graph: Graph, kind: str) -> Tensor:
    values: Tensor | None = getattr(graph, kind)
    return torch.ones(graph.num_edges, device=graph.device) if values is None else values


def _attribute(edges: list[tuple[Any, Any, dict[str, Any]]], name: str | None) -> list[float] | None:
    """One value per edge; None where no edge has the attribute."""
    if name is None or not any(name in data for _, _, data in edges):
        return None
    without = next(((u, v) for u, v, data in edges if name not in data), None)
    if without is not None:
        raise InputError(
            f"edge {str(without[0])!r} -> {str(without[1])!r} has no {name!r}, others have: "
            f"set it on every edge, or pass {name}=None"
        )
    return [data[name] for _, _, data in edges]
