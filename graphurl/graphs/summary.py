"""What a graph looks like in numbers, and when that is a reason to worry."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphurl.errors import GraphWarning, InputError
from graphurl.functional.sparse import entry_blocks
from graphurl.graphs import algebra, structure
from graphurl.graphs.checks import as_tensor

if TYPE_CHECKING:
    from graphurl.graphs.graph import Graph

UNKNOWN = -1


def summary(graph: Graph, labels: Any = None) -> dict[str, Any]:
    """Numbers that describe a graph.

    Degree counts the edges that leave a node. Components join nodes in either direction of an edge. Edge
    homophily is the share of edges inside one class, node homophily the mean over nodes of the share of their
    neighbours in their class; both over labelled ends and without self-loops.

    Args:
        graph: A graph.
        labels: Class of every node, (N,), -1 where unknown; adds the two homophilies.

    Returns:
        Plain numbers by name, fit for JSON.
    """
    sizes = component_sizes(graph)
    degree = graph.degree.cpu().numpy()
    result: dict[str, Any] = {
        "nodes": graph.num_nodes,
        "edges": graph.num_edges,
        "directed": not structure.is_symmetric(graph),
        "components": len(sizes),
        "largest_component": float(sizes.max() / graph.num_nodes) if len(sizes) else 0.0,
        "isolated_nodes": graph.num_isolated,
        "self_loops": sum(int((rows == graph.col[edges]).sum()) for rows, edges in entry_blocks(graph.crow)),
        "merged_edges": int(graph.provenance.get("merged_edges", 0)),
        "degree": _spread(degree),
        "length": _range(graph.length),
        "weight": _range(graph.weight),
        "hash": graph.hash,
    }
    if labels is not None:
        result |= homophily(graph, labels)
    return result


def format_summary(numbers: dict[str, Any]) -> str:
    """Lays the numbers of `summary` out in two columns for a terminal."""
    words = {name: _words(value) for name, value in numbers.items()}
    width = max(map(len, words), default=0) + 2
    return "\n".join(f"{name.replace('_', ' '):<{width}}{text}" for name, text in words.items())


def homophily(graph: Graph, labels: Any) -> dict[str, float | None]:
    """Edge and node homophily; None where no edge has two labelled ends.

    Args:
        graph: A graph.
        labels: Class of every node, (N,): whole numbers with -1 for unknown, or text.
    """
    y = _classes(labels, graph)
    alike = torch.zeros(graph.num_nodes, dtype=torch.float64, device=graph.device)
    counts = torch.zeros_like(alike)
    for rows, edges in entry_blocks(graph.crow):
        cols = graph.col[edges]
        known = ((y[rows] != UNKNOWN) & (y[cols] != UNKNOWN) & (rows != cols)).double()
        alike.index_add_(0, rows, known * (y[rows] == y[cols]))
        counts.index_add_(0, rows, known)
    if not bool(counts.any()):
        return {"edge_homophily": None, "node_homophily": None}
    per_node = (alike / counts)[counts > 0]
    return {"edge_homophily": float(alike.sum() / counts.sum()), "node_homophily": float(per_node.mean())}


def component_sizes(graph: Graph) -> npt.NDArray[np.int64]:
    """Number of nodes of every (weakly) connected component, (components,)."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    # Components of the first edges become the nodes for the next ones: the graph may lie in a file.
    component = np.arange(graph.num_nodes)
    for rows, edges in entry_blocks(graph.crow):
        ends = component[rows.cpu().numpy()], component[graph.col[edges].cpu().numpy()]
        pattern = coo_array((np.ones(len(rows)), ends), shape=(graph.num_nodes,) * 2)
        component = connected_components(pattern, directed=False)[1][component]
    return np.bincount(component)


def diff(a: Graph, b: Graph) -> dict[str, Any]:
    """What two graphs on the same nodes share and what not.

    Args:
        a: A graph.
        b: Another; an edge is the same when both its ends are.

    Returns:
        Counts of edges only in a, only in b and common; Jaccard index (1 for two graphs without edges);
        largest and mean absolute difference of weights and of lengths over the common edges, None where one
        graph has none.
    """
    algebra.check_same_nodes(a, b)
    keys_a, keys_b = algebra.edge_keys(a), algebra.edge_keys(b)
    in_a, in_b = torch.isin(keys_a, keys_b), torch.isin(keys_b, keys_a)
    common = int(in_a.sum())
    either = a.num_edges + b.num_edges - common
    result: dict[str, Any] = {
        "only_a": a.num_edges - common,
        "only_b": b.num_edges - common,
        "common": common,
        "jaccard": common / either if either else 1.0,
        "equal": a == b,
    }
    for kind in ("weight", "length"):
        ours, theirs = getattr(a, kind), getattr(b, kind)
        gap = (
            None
            if ours is None or theirs is None or not common
            else (ours[in_a] - theirs[in_b]).abs().double()
        )
        result[f"max_{kind}_difference"] = None if gap is None else float(gap.max())
        result[f"mean_{kind}_difference"] = None if gap is None else float(gap.mean())
    return result


def require_edges(graph: Graph) -> Graph:
    """Refuses a graph that relates no two samples.

    Args:
        graph: A graph about to be trained on.

    Returns:
        The same object.

    Raises:
        InputError: For a graph without edges, or with none but self-loops.
    """
    if any(bool((rows != graph.col[edges]).any()) for rows, edges in entry_blocks(graph.crow)):
        return graph
    what = f"has only self-loops ({graph.num_edges})" if graph.num_edges else "has no edges"
    raise InputError(
        f"the graph of {graph.num_nodes} nodes {what}: nothing is similar, give edges or features"
    )


def warn_if_unusual(graph: Graph) -> None:
    """Warns of isolated nodes and of several components: such a graph works, its parts just float freely.

    Args:
        graph: A graph about to be trained on.
    """
    isolated = graph.num_isolated
    components = len(component_sizes(graph)) - isolated
    if isolated:
        warnings.warn(
            f"{isolated} of {graph.num_nodes} nodes have no edge: only repulsion places them",
            GraphWarning,
            stacklevel=2,
        )
    if components > 1:
        warnings.warn(
            f"the graph falls into {components} components (isolated nodes not counted): "
            "distances between them mean little",
            GraphWarning,
            stacklevel=2,
        )


def _classes(labels: Any, graph: Graph) -> Tensor:
    if not isinstance(labels, Tensor) and np.asarray(labels).dtype.kind not in "biuf":
        labels = np.unique(np.asarray(labels).astype(str), return_inverse=True)[1]
    y = as_tensor(labels).to(graph.device)
    if y.shape != (graph.num_nodes,):
        raise InputError(f"labels have shape {tuple(y.shape)} for {graph.num_nodes} nodes: give one per node")
    return y


def _spread(values: npt.NDArray[np.int64]) -> dict[str, float]:
    if not len(values):
        return {}
    names = {"min": 0, "median": 50, "p99": 99, "max": 100}
    return {"mean": float(values.mean())} | {n: float(np.percentile(values, p)) for n, p in names.items()}


def _range(values: Tensor | None) -> dict[str, float] | None:
    if values is None or not len(values):
        return None
    return {"min": float(values.min()), "mean": float(values.double().mean()), "max": float(values.max())}


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {number:.4g}" for name, number in value.items()) or "-"
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
