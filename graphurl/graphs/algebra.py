"""Graph algebra: scaled sums, union and intersection; sparse throughout and without side effects."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.symmetry import coalesce
from graphurl.graphs import prescribed

if TYPE_CHECKING:
    from graphurl.graphs.graph import Graph


def scale(graph: Graph, alpha: float) -> Graph:
    """α · g: every weight times α, GenURL's α_t of one graph among several.

    Args:
        graph: A graph; without weights it gets them as in `weighted`.
        alpha: A finite number, at least 0.
    """
    if not (alpha >= 0 and math.isfinite(alpha)):
        raise InputError(
            f"a graph times {alpha}: the factor is finite and 0 or more, weights cannot be negative"
        )
    graph = weighted(graph)
    assert graph.weight is not None
    made = {"op": "scale", "alpha": float(alpha), "of": [graph.provenance]}
    return replace(graph, weight=graph.weight * alpha, provenance=made)


def add(a: Graph, b: Graph) -> Graph:
    """Sum a + b: all edges of both, weights added; lengths, where both have them, the smaller one."""
    return _over_union(a, b, "sum", "add")


def union(a: Graph, b: Graph) -> Graph:
    """Union a | b: all edges of both, the larger weight; lengths, where both have them, the smaller one."""
    return _over_union(a, b, "max", "union")


def intersection(a: Graph, b: Graph) -> Graph:
    """Intersection a & b: edges that both have, the smaller weight and, where both have them, length."""
    check_same_nodes(a, b)
    names = a.ids or b.ids
    a, b = weighted(a), weighted(b)
    in_a, in_b = torch.isin(edge_keys(a), edge_keys(b)), torch.isin(edge_keys(b), edge_keys(a))
    values: dict[str, Tensor] = {}
    for kind in ("weight", "length"):
        ours, theirs = getattr(a, kind), getattr(b, kind)
        if ours is not None and theirs is not None:
            values[kind] = torch.minimum(ours[in_a], theirs[in_b])
    made = {"op": "intersection", "of": [a.provenance, b.provenance]}
    return a.from_edges(a.rows[in_a], a.col[in_a], a.num_nodes, **values, ids=names, provenance=made)


def block_diagonal(graphs: Sequence[Graph]) -> Graph:
    """All graphs side by side, without an edge between them; nodes are numbered on from one to the next.

    Args:
        graphs: One or more graphs; without weights they get them as in `weighted`.
    """
    if not graphs:
        raise InputError("no graphs: give one or more")
    parts = [weighted(graph) for graph in graphs]
    starts = torch.tensor([0, *(graph.num_nodes for graph in parts)]).cumsum(0).tolist()
    rows, cols = (
        torch.cat([getattr(graph, ends) + start for graph, start in zip(parts, starts, strict=False)])
        for ends in ("rows", "col")
    )
    weight = torch.cat([graph.weight for graph in parts if graph.weight is not None])
    made = {"op": "block_diagonal", "of": [graph.provenance for graph in parts]}
    return parts[0].from_edges(rows, cols, starts[-1], weight=weight, provenance=made)


def weighted(graph: Graph) -> Graph:
    """The graph with weights: its own, else p_X from its lengths, else 1 per edge."""
    if graph.weight is not None:
        return graph
    if graph.length is not None:
        return prescribed.similarity(graph)
    return replace(graph, weight=torch.ones(graph.num_edges, device=graph.device))


def within_one(graph: Graph) -> Graph:
    """The graph with weights that are similarities: w / max w where a weight is above 1 (counts, strengths)."""
    largest = float(graph.weight.max()) if graph.weight is not None and graph.num_edges else 0.0
    return graph if largest <= 1 else scale(graph, 1 / largest)


def check_same_nodes(a: Graph, b: Graph) -> None:
    """Refuses two graphs that are not about the same nodes in the same order.

    Args:
        a: A graph.
        b: A graph; ids are compared where both have them.

    Raises:
        InputError: For another number of nodes, other ids, or another device.
    """
    if a.num_nodes != b.num_nodes:
        raise InputError(
            f"graphs of {a.num_nodes} and {b.num_nodes} nodes cannot be combined: give both the same nodes, "
            "isolated ones included (num_nodes=, nodes=)"
        )
    if a.ids is not None and b.ids is not None and a.ids != b.ids:
        i = next(i for i, (x, y) in enumerate(zip(a.ids, b.ids, strict=True)) if x != y)
        raise InputError(
            f"the ids differ, first at node {i} ({a.ids[i]!r} and {b.ids[i]!r}): "
            "read both graphs with the same nodes=[...]"
        )
    if a.device != b.device:
        raise InputError(f"one graph is on {a.device}, the other on {b.device}: move one with .to(device)")


def edge_keys(graph: Graph) -> Tensor:
    """One ascending number per edge, the same for the same edge of every graph on these nodes."""
    return graph.rows * graph.num_nodes + graph.col


def _over_union(a: Graph, b: Graph, reduce: str, op: str) -> Graph:
    check_same_nodes(a, b)
    names = a.ids or b.ids
    a, b = weighted(a), weighted(b)
    assert a.weight is not None
    assert b.weight is not None
    rows, cols = torch.cat([a.rows, b.rows]), torch.cat([a.col, b.col])
    row, col, weight = coalesce(rows, cols, torch.cat([a.weight, b.weight]), a.num_nodes, reduce)
    length = None
    if a.length is not None and b.length is not None:
        length = coalesce(rows, cols, torch.cat([a.length, b.length]), a.num_nodes, "min")[2]
    made = {"op": op, "of": [a.provenance, b.provenance]}
    return a.from_edges(row, col, a.num_nodes, length, weight, names, made)
