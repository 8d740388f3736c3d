"""One graph, other edges: both directions, turned round, pruned, or only some of its nodes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional import symmetry
from graphurl.functional.sparse import entry_blocks, find_entries
from graphurl.graphs.checks import as_tensor, index_tensor

if TYPE_CHECKING:
    from graphurl.graphs.graph import Graph


def symmetrise(graph: Graph, mode: str = "max") -> Graph:
    """Adds the way back of every edge.

    With a = w(i, j) and b = w(j, i), a missing edge counting 0: max(a, b), mean (a + b) / 2, or the
    probabilistic t-conorm a + b - ab. Lengths become the smaller one. A graph without weights stays without
    them, except for the mean, where an edge that goes one way only gets half the weight.

    Args:
        graph: A graph.
        mode: max, mean, tconorm, or none, which changes nothing.
    """
    n, rows, cols = graph.num_nodes, graph.rows, graph.col
    weight = torch.ones(graph.num_edges, device=graph.device) if graph.weight is None else graph.weight
    row, col, value = symmetry.symmetrise(rows, cols, weight, n, mode)
    if mode == "none":
        return graph
    length = graph.length
    if length is not None:
        both = torch.cat([rows, cols]), torch.cat([cols, rows]), torch.cat([length, length])
        length = symmetry.coalesce(*both, n, "min")[2]
    kept = None if graph.weight is None and mode != "mean" else value
    made = {"op": "symmetrise", "mode": mode, "of": [graph.provenance]}
    return graph.from_edges(row, col, n, length, kept, graph.ids, made)


def transpose(graph: Graph) -> Graph:
    """Turns every edge round."""
    made = {"op": "transpose", "of": [graph.provenance]}
    return graph.from_edges(
        graph.col, graph.rows, graph.num_nodes, graph.length, graph.weight, graph.ids, made
    )


def is_symmetric(graph: Graph) -> bool:
    """Whether every edge has its way back, with the same length and weight."""
    for rows, edges in entry_blocks(graph.crow):
        back = find_entries(graph.crow, graph.col, graph.col[edges], rows)
        if bool((back < 0).any()):
            return False
        values = [value for value in (graph.length, graph.weight) if value is not None]
        if not all(torch.equal(value[back], value[edges]) for value in values):
            return False
    return True


def prune(
    graph: Graph,
    *,
    min_weight: float | None = None,
    max_length: float | None = None,
    top_k: int | None = None,
    max_degree: int | None = None,
) -> Graph:
    """Drops edges; the limits apply in this order, each to what the one before has left.

    The stronger of two edges has the larger weight or, in a graph without weights, the smaller length; ties
    go to the smaller node number.

    Args:
        graph: A graph.
        min_weight: Keep edges of at least this weight.
        max_length: Keep edges of at most this length.
        top_k: Keep the k strongest edges that leave a node. The result is directed.
        max_degree: Keep an edge that is among this many strongest at both of its ends, which thins hubs out.
            A symmetric graph stays symmetric.

    Raises:
        InputError: For a limit on what the graph does not carry, or a count below 0.
    """
    for kind, limit in (("weight", min_weight), ("length", max_length)):
        if limit is not None and getattr(graph, kind) is None:
            fix = "call .similarity() first" if kind == "weight" else "each counts 1, use k_hop or min_weight"
            raise InputError(f"cannot prune by {kind}: the edges have no {kind}s ({fix})")
    for name, count in (("top_k", top_k), ("max_degree", max_degree)):
        if count is not None and count < 0:
            raise InputError(f"{name} is {count}: a number of edges is 0 or more")
    source = graph
    if min_weight is not None and graph.weight is not None:
        graph = _keep(graph, graph.weight >= min_weight)
    if max_length is not None and graph.length is not None:
        graph = _keep(graph, graph.length <= max_length)
    if top_k is not None:
        graph = _keep(graph, _rank(graph, graph.rows) < top_k)
    if max_degree is not None:
        out_rank, in_rank = _rank(graph, graph.rows), _rank(graph, graph.col)
        graph = _keep(graph, (out_rank < max_degree) & (in_rank < max_degree))
    limits = {"min_weight": min_weight, "max_length": max_length, "top_k": top_k, "max_degree": max_degree}
    set_limits = {name: limit for name, limit in limits.items() if limit is not None}
    return replace(graph, provenance={"op": "prune", **set_limits, "of": [source.provenance]})


def without_self_loops(graph: Graph) -> Graph:
    """Drops edges from a node to itself; the same object where there are none."""
    if all(bool((rows != graph.col[edges]).all()) for rows, edges in entry_blocks(graph.crow)):
        return graph
    return _keep(graph, graph.rows != graph.col)


def subgraph(graph: Graph, nodes: Any) -> Graph:
    """Some nodes, in the order given, and the edges among them.

    Args:
        graph: A graph.
        nodes: Node numbers without repetition, or a boolean mask (N,).

    Raises:
        InputError: For a node that is missing or given twice, or a mask of another size.
    """
    chosen = as_tensor(nodes).to(graph.device)
    if chosen.dtype == torch.bool:
        if chosen.shape != (graph.num_nodes,):
            raise InputError(
                f"the mask has shape {tuple(chosen.shape)} for {graph.num_nodes} nodes: give one entry each"
            )
        chosen = chosen.nonzero()[:, 0]
    chosen = index_tensor(chosen, "nodes")
    if len(chosen) and not 0 <= int(chosen.min()) <= int(chosen.max()) < graph.num_nodes:
        wrong = int(chosen.min()) if int(chosen.min()) < 0 else int(chosen.max())
        raise InputError(f"node {wrong} is not in the graph: nodes are 0 to {graph.num_nodes - 1}")
    if len(torch.unique(chosen)) < len(chosen):
        raise InputError("nodes holds a node twice: give every node once")
    place = chosen.new_full((graph.num_nodes,), -1)
    place[chosen] = torch.arange(len(chosen), device=graph.device)
    rows, cols = place[graph.rows], place[graph.col]
    keep = (rows >= 0) & (cols >= 0)
    ids = None if graph.ids is None else [graph.ids[i] for i in chosen.tolist()]
    made = {"op": "subgraph", "nodes": len(chosen), "of": [graph.provenance]}
    length = None if graph.length is None else graph.length[keep]
    weight = None if graph.weight is None else graph.weight[keep]
    return graph.from_edges(rows[keep], cols[keep], len(chosen), length, weight, ids, made)


def _keep(graph: Graph, mask: Tensor) -> Graph:
    """The edges where the mask is true."""
    before = torch.cat([mask.new_zeros(1, dtype=torch.int64), mask.cumsum(0)])
    length = None if graph.length is None else graph.length[mask]
    weight = None if graph.weight is None else graph.weight[mask]
    return replace(graph, crow=before[graph.crow], col=graph.col[mask], length=length, weight=weight)


def _rank(graph: Graph, group: Tensor) -> Tensor:
    """Place of every edge among those of its group, the strongest first; ties by the other end."""
    strength = graph.length if graph.weight is None else -graph.weight
    # Edges lie in the order of rows and columns, so stable sorts settle ties by the other end.
    order = torch.arange(len(group), device=graph.device)
    for key in (strength, group):
        if key is not None:
            order = order[torch.argsort(key[order], stable=True)]
    counts = torch.bincount(group, minlength=graph.num_nodes)
    first = counts.cumsum(0) - counts
    rank = torch.empty_like(order)
    rank[order] = torch.arange(len(order), device=graph.device) - first[group[order]]
    return rank
