"""Graphs from rows, neighbour lists, distance matrices, edge indices and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional import neighbors
from graphurl.functional.distance import Metric
from graphurl.functional.mapped import all_finite, row_blocks
from graphurl.graphs.checks import as_tensor, float_tensor, index_tensor
from graphurl.graphs.convert import from_scipy
from graphurl.graphs.graph import Graph

# A distance from a row to itself, or between the two directions, up to this share of the largest is rounding.
_ROUNDING = 1e-3


def knn(x: Any, k: int = 15, metric: Metric = "euclidean", method: str = "auto", seed: int = 0) -> Graph:
    """Directed graph from every row to its k nearest other rows, with distances as lengths.

    Args:
        x: Features, (N, F): a dense tensor or array, a sparse CSR tensor, or a scipy CSR matrix.
        k: Number of neighbours, at least 1 and below N.
        metric: euclidean, cosine, correlation, manhattan, hamming, jaccard, or a callable on two sets of rows that
            returns distances.
        method: exact, faiss (approximate), or auto, which chooses by size.
        seed: Makes the approximate search repeatable.

    Raises:
        InputError: For k out of range, or rows with NaN or Inf.
    """
    rows = x if _is_sparse(x) else as_tensor(x)
    n = int(rows.shape[0])
    if not 1 <= k < n:
        raise InputError(f"k is {k} for {n} rows: a row has 1 to {n - 1} others, lower k or give more rows")
    _check_finite(rows)
    found = neighbors.knn(rows, k, metric=metric, method=method, seed=seed)
    name = metric if isinstance(metric, str) else getattr(metric, "__name__", "callable")
    made = {"kind": "knn", "k": k, "metric": name, "method": method, "seed": seed}
    return _from_neighbours(found.indices, found.distances, made)


def from_knn(indices: Any, distances: Any = None, ids: Sequence[str] | None = None) -> Graph:
    """Graph from precomputed neighbours.

    A row may list itself, usually first: such entries are dropped. An index of -1 is padding, its distance is
    not looked at.

    Args:
        indices: Neighbours of every row, (N, k); or a tuple of indices and distances, as umap-learn has it, where
            anything behind them (a search index) is left aside.
        distances: Distances to them, (N, k), or None.
        ids: Name of every row, or None.

    Raises:
        InputError: For shapes that differ, a neighbour that does not exist, or NaN, Inf or negative
            distances.
    """
    if isinstance(indices, tuple):
        if len(indices) < 2 or distances is not None:
            raise InputError("neighbours are a tuple of indices and distances, or the two one by one")
        indices, distances = indices[:2]
    index = as_tensor(indices)
    if index.ndim != 2 or index.dtype.is_floating_point or index.dtype == torch.bool:
        raise InputError(
            f"indices are {index.dtype} of shape {tuple(index.shape)}: "
            "give integers, one row per node, (N, k)"
        )
    length = None if distances is None else float_tensor(distances)
    if length is not None and length.shape != index.shape:
        raise InputError(
            f"indices are {tuple(index.shape)}, distances {tuple(length.shape)}: give both as (N, k)"
        )
    return _from_neighbours(
        index.long(), length, {"kind": "knn", "k": index.shape[1], "precomputed": True}, ids
    )


def from_distances(
    distances: Any, k: int | None = None, radius: float | None = None, ids: Sequence[str] | None = None
) -> Graph:
    """Graph from a matrix of distances.

    Args:
        distances: Symmetric, (N, N), finite, zeros on the diagonal. In a sparse scipy matrix a stored entry is a
            known distance, a stored 0 too, and all others are unknown; it may know a distance in one direction only,
            as lists of neighbours do.
        k: Keep each row's k nearest others; ties go to the smaller index.
        radius: Keep pairs at most this far apart. Without k and radius all pairs are kept.
        ids: Name of every row, or None.

    Raises:
        InputError: For anything that is not such a matrix.
    """
    if hasattr(distances, "tocoo"):
        return _from_sparse_distances(distances, k, radius, ids)
    d = as_tensor(distances)
    d = d if d.dtype == torch.float64 else d.float()
    _check_distances(d)
    n = len(d)
    keep = ~torch.eye(n, dtype=torch.bool, device=d.device)
    if k is not None:
        if not 1 <= k < n:
            raise InputError(f"k is {k} for {n} rows: a row has 1 to {n - 1} others, lower k")
        nearest = torch.where(keep, d, torch.inf).argsort(dim=1, stable=True)[:, :k]
        keep &= torch.zeros_like(keep).scatter(1, nearest, True)
    if radius is not None:
        if not radius >= 0:
            raise InputError(f"radius is {radius}: give a distance of 0 or more")
        keep &= d <= radius
    rows, cols = keep.nonzero().unbind(1)
    made = {"kind": "distances", "k": k, "radius": radius}
    return Graph.from_edges(rows, cols, n, length=d[rows, cols], ids=ids, provenance=made)


def from_edge_index(
    edge_index: Any,
    num_nodes: int | None = None,
    *,
    weight: Any = None,
    length: Any = None,
    undirected: bool = False,
    ids: Sequence[str] | None = None,
    provenance: Mapping[str, Any] | None = None,
) -> Graph:
    """Graph from sources and targets, (2, E).

    Args:
        edge_index: Sources in the first row, targets in the second.
        num_nodes: Number of nodes; without it the largest number + 1, which loses isolated nodes at the end.
        weight: Similarity on every edge, (E,), or None.
        length: Distance along every edge, (E,), or None.
        undirected: Add the way back of every edge, with the larger weight and the smaller length.
        ids: Name of every node, or None.
        provenance: How the graph came about.

    Raises:
        InputError: For another shape, or an edge to a missing node.
    """
    index = as_tensor(edge_index)
    if index.ndim != 2 or index.shape[0] != 2:
        hint = ", transpose it" if index.ndim == 2 and index.shape[1] == 2 else ""
        raise InputError(f"edge_index has shape {tuple(index.shape)}: sources and targets are (2, E){hint}")
    rows, cols = index_tensor(index[0], "edge_index"), index_tensor(index[1], "edge_index")
    n = num_nodes if num_nodes is not None else len(ids) if ids is not None else _nodes_of(rows, cols)
    made = {"kind": "edge_index", **(provenance or {})}
    graph = Graph.from_edges(rows, cols, n, length, weight, ids, made)
    if not undirected:
        return graph
    both = graph.symmetrise("max")
    merged = {"merged_edges": graph.provenance["merged_edges"]} if "merged_edges" in graph.provenance else {}
    return Graph(
        both.crow, both.col, both.length, both.weight, both.ids, {**made, "undirected": True, **merged}
    )


def citation(data: Any, *, undirected: bool = True) -> Graph:
    """Graph of a PyTorch Geometric `Data`: links, citations, friendships as prescribed similarity.

    Anything with an attribute `edge_index` will do. `edge_weight`, or else an `edge_attr` of one dimension,
    becomes the weight, `edge_length` the length, `ids` the ids.

    Args:
        data: The graph; it is not changed.
        undirected: Add the way back of every edge, with the larger weight.

    Raises:
        InputError: Where there is no edge_index, or an edge to a missing node.
    """
    edge_index = getattr(data, "edge_index", None)
    if edge_index is None:
        raise InputError(
            f"{type(data).__name__} has no edge_index: give a Data with edges, or build one with from_edges"
        )
    weight = getattr(data, "edge_weight", None)
    attribute = getattr(data, "edge_attr", None)
    if weight is None and attribute is not None and attribute.ndim == 1:
        weight = attribute
    ids = getattr(data, "ids", None)
    return from_edge_index(
        edge_index,
        _num_nodes(data),
        weight=weight,
        length=getattr(data, "edge_length", None),
        undirected=undirected,
        ids=None if ids is None else [str(name) for name in ids],
        provenance={"kind": "citation"},
    )


from_pyg = citation


def _from_neighbours(
    index: Tensor, length: Tensor | None, made: Mapping[str, Any], ids: Sequence[str] | None = None
) -> Graph:
    n, k = index.shape
    rows = torch.arange(n, device=index.device).repeat_interleave(k)
    cols = index.reshape(-1)
    keep = (cols != -1) & (cols != rows)
    lengths = None if length is None else length.reshape(-1)[keep]
    return Graph.from_edges(rows[keep], cols[keep], n, length=lengths, ids=ids, provenance=made)


def _from_sparse_distances(matrix: Any, k: int | None, radius: float | None, ids: Sequence[str] | None) -> Graph:
    """The stored distances as edges, of each row the k shortest; ties go to the smaller index."""
    graph = from_scipy(matrix, "length", ids)
    rows, cols, length = graph.rows, graph.col, graph.length
    assert length is not None
    slack = _ROUNDING * float(length.max()) if len(length) else 0.0
    own = rows == cols
    if bool((length[own] > slack).any()):
        i = int(rows[own][length[own] > slack][0])
        raise InputError(f"the distance from {i} to itself is not 0: similarities go into from_scipy(kind='weight')")
    there, back = rows * graph.num_nodes + cols, cols * graph.num_nodes + rows
    place = torch.searchsorted(there, back).clamp(max=max(0, len(there) - 1))
    skew = (there[place] == back) & ((length[place] - length).abs() > slack)
    if bool(skew.any()):
        e = int(skew.nonzero()[0])
        raise InputError(
            f"the distance from {int(rows[e])} to {int(cols[e])} is {float(length[e]):g}, back it is "
            f"{float(length[place[e]]):g}: give one distance for a pair, for example D.maximum(D.T)"
        )
    keep = ~own if radius is None else ~own & (length <= radius)
    rows, cols, length = rows[keep], cols[keep], length[keep]
    if k is not None:
        order = torch.argsort(length, stable=True)
        order = order[torch.argsort(rows[order], stable=True)]
        first = torch.searchsorted(rows, rows)  # rows ascend: where each row's entries begin
        order = order[torch.arange(len(rows)) - first < k]
        rows, cols, length = rows[order], cols[order], length[order]
    made = {"kind": "distances", "k": k, "radius": radius, "sparse": True}
    return Graph.from_edges(rows, cols, graph.num_nodes, length=length, ids=ids, provenance=made)


def _check_distances(d: Tensor) -> None:
    if d.ndim != 2 or d.shape[0] != d.shape[1]:
        raise InputError(f"distances have shape {tuple(d.shape)}: give a square matrix, (N, N)")
    bad = ~(d.isfinite() & (d >= 0))
    if bool(bad.any()):
        i, j = bad.nonzero()[0].tolist()
        raise InputError(
            f"the distance from {i} to {j} is {float(d[i, j])}: distances are finite and 0 or more"
        )
    slack = _ROUNDING * float(d.max()) if d.numel() else 0.0
    if bool((d.diagonal() > slack).any()):
        i = int((d.diagonal() > slack).nonzero()[0])
        raise InputError(
            f"the distance from {i} to itself is {float(d[i, i]):g}, not 0: "
            "similarities go into from_scipy(kind='weight')"
        )
    skew = (d - d.T).abs() > slack
    if bool(skew.any()):
        i, j = skew.nonzero()[0].tolist()
        raise InputError(
            f"the distance from {i} to {j} is {float(d[i, j]):g}, back it is {float(d[j, i]):g}: "
            "give a symmetric matrix, for example (D + D.T) / 2"
        )


def _is_sparse(x: Any) -> bool:
    """Whether x is a sparse tensor or a scipy matrix."""
    return (isinstance(x, Tensor) and x.layout != torch.strided) or hasattr(x, "tocsr")


def _check_finite(x: Any) -> None:
    if _is_sparse(x):
        stored = x.values() if isinstance(x, Tensor) else torch.from_numpy(np.asarray(x.tocsr().data))
        if not all_finite(stored):
            raise InputError("x holds NaN or Inf: drop or fill them before looking for neighbours")
        return
    if all_finite(x):
        return
    bad = torch.cat([~x[b].isfinite().reshape(b.stop - b.start, -1).all(1) for b in row_blocks(x)])
    if bool(bad.any()):
        raise InputError(
            f"x holds NaN or Inf in {int(bad.sum())} rows, first in row {int(bad.nonzero()[0])}: "
            "drop or fill them"
        )


def _nodes_of(rows: Tensor, cols: Tensor) -> int:
    return max(int(rows.max()), int(cols.max())) + 1 if len(rows) else 0


def _num_nodes(data: Any) -> int | None:
    """Number of nodes that the data states, else that of its feature rows."""
    n, x = getattr(data, "num_nodes", None), getattr(data, "x", None)
    if n is None:
        return None if x is None else int(x.shape[0])
    return int(n)
