"""How much of a graph an embedding holds: its edges, what they join, and how far apart nodes are."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, check_finite, subset_rows
from graphurl.evaluation.intervals import Outcomes
from graphurl.evaluation.links import link_scores
from graphurl.functional.distance import edge_squared_distances
from graphurl.functional.neighbors import knn
from graphurl.functional.paths import shortest_paths
from graphurl.graphs.graph import Graph
from graphurl.graphs.links import Links
from graphurl.graphs.structure import is_symmetric

#: Edges, queries, path sources and targets a source that are looked at.
EDGES, QUERIES, SOURCES, TARGETS = 20_000, 2000, 32, 300
_MAP = 3


def edge_scores(z: Any, graph: Graph, *, limit: int = EDGES, seed: int = 0) -> dict[str, Any]:
    """AUC, average precision and MRR of the graph's own edges against absent pairs (see `links.link_scores`).

    They tell how much of the graph can be read back from the vectors. The edges were there while the embedding was
    trained, so this is memory, not prediction: for that hold edges out (`--variant links:0.1`, link_auc). Compared by
    cosine; up to 3 dimensions by Euclidean distance.

    Args:
        z: Embeddings, (N, d).
        graph: Edges between the rows; weights do not count.
        limit: Most edges, drawn at random.
        seed: Draws edges and absent pairs.

    Returns:
        edge_auc, edge_ap, edge_mrr, edges (number looked at) and protocol.

    Raises:
        InputError: No edges, or as in `link_scores`.
    """
    rows = _rows(z, graph)
    source, target = graph.rows, graph.col
    usable = torch.nonzero(source < target if is_symmetric(graph) else source != target)[:, 0]
    if not len(usable):
        raise InputError("the graph has no edge between two different nodes")
    taken = usable[torch.from_numpy(subset_rows(len(usable), limit, seed))]
    held = Links(torch.stack([source[taken], target[taken]]), graph)
    found = link_scores(rows, held, metric=_metric(rows), seed=seed)
    part = f"{len(taken):,} of {len(usable):,} edges"
    return {
        **{f"edge_{name}": found[f"link_{name}"] for name in ("auc", "ap", "mrr")},
        "edges": len(taken),
        "protocol": f"{part}, all known in training; " + found["protocol"].partition("held out, ")[2],
    }


def homophily_captured(
    z: Any, y: Any, graph: Graph, k: int = 10, *, queries: int = QUERIES, seed: int = 0
) -> dict[str, Any]:
    """Do nearest rows share their class as the ends of edges do? (h_z - h_0) / (h_G - h_0).

    h_z is the share of the k nearest rows that have the class of the row, h_G the share of edges that join one class,
    h_0 = Σ p_c² that of two random rows. 1: nearest rows are as good as edges; 0: chance; above 1: the embedding
    gathers classes better than the graph does. It says nothing about which edges are kept, and a graph that is no
    better than chance has no homophily to capture and is refused.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; edges and rows without are left out.
        graph: Edges between the rows.
        k: Number of nearest rows: by cosine, up to 3 dimensions Euclidean.
        queries: Most rows that ask, drawn at random; all labelled rows are searched.
        seed: Draws the queries.

    Returns:
        homophily_captured, embedding (h_z), graph (h_G), chance (h_0) and protocol.

    Raises:
        InputError: Too few labels or edges, or a graph without homophily.
    """
    rows = _rows(z, graph)
    labels = torch.from_numpy(as_labels(y, len(rows)))
    known = torch.nonzero(labels != UNKNOWN)[:, 0]
    if not 1 <= k < len(known):
        raise InputError(f"k={k} nearest of {len(known)} labelled rows: k is at least 1 and below their number")
    a, b = labels[graph.rows], labels[graph.col]
    judged = (a != UNKNOWN) & (b != UNKNOWN) & (graph.rows != graph.col)
    if not bool(judged.any()):
        raise InputError("no edge joins two different labelled nodes")
    of_edges = float((a == b)[judged].double().mean())
    shares = torch.unique(labels[known], return_counts=True)[1].double() / len(known)
    chance = float(shares.square().sum())
    if of_edges <= chance:
        raise InputError(f"{of_edges:.3f} of the edges join one class, chance is {chance:.3f}: no homophily to capture")
    asking = torch.from_numpy(subset_rows(len(known), queries, seed))
    x, metric = torch.from_numpy(rows[known.numpy()]), _metric(rows)
    found = knn(x[asking], k + 1, y=x, metric=metric, method="exact").indices
    # The row itself is among its nearest, or so many equal rows are that any k of them will do.
    others = found != asking[:, None]
    others[others.all(1), -1] = False
    same = labels[known][found[others].view(-1, k)] == labels[known][asking, None]
    captured = (same.double().mean(1) - chance) / (of_edges - chance)
    return {
        "homophily_captured": float(captured.mean()),
        "outcomes": Outcomes({"homophily_captured": captured.numpy()}),
        "embedding": float(same.double().mean()),
        "graph": of_edges,
        "chance": chance,
        "protocol": f"k={k}, {metric}, {len(asking):,} of {len(known):,} labelled rows, edges {of_edges:.3f}, "
        f"chance {chance:.3f}, seed {seed}",
    }


def path_distortion(
    z: Any, graph: Graph, *, sources: int = SOURCES, targets: int = TARGETS, seed: int = 0
) -> dict[str, Any]:
    """Do distances in the embedding follow the number of steps in the graph?

    * path_distortion: mean of |s d_z / d_G - 1| over pairs that a path joins, with the scale s that makes the mean
      square smallest. 0 where distances are steps times a constant; 1 at the worst, where s = 0 were as good.
    * path_correlation: Spearman's correlation of d_z and d_G, which allows any bend.

    Random pairs of a small world are 4 to 8 steps apart, so both tell about the arrangement at large and hardly about
    neighbours. By cosine distance, up to 3 dimensions Euclidean; paths are counted in steps along the edges as
    directed.

    Args:
        z: Embeddings, (N, d).
        graph: Edges between the rows; lengths and weights do not count.
        sources: Random nodes that paths start from.
        targets: Most random nodes a source that paths lead to.
        seed: Draws both.

    Returns:
        path_distortion, path_correlation, pairs, unreachable (share of pairs without a path) and protocol.

    Raises:
        InputError: No two pairs of different length are joined by paths, or rows that are not finite.
    """
    from scipy.stats import spearmanr

    rows = _rows(z, graph)
    starts = torch.from_numpy(subset_rows(len(rows), sources, seed))
    steps = shortest_paths(graph.crow, graph.col, None, starts)
    generator = np.random.default_rng(seed)
    ends = torch.from_numpy(np.stack([generator.permutation(len(rows))[:targets] for _ in range(len(starts))]))
    d_graph, source = steps.gather(1, ends).double().ravel(), starts.repeat_interleave(ends.shape[1])
    target = ends.ravel()
    joined = torch.isfinite(d_graph) & (source != target)
    if len(torch.unique(d_graph[joined])) < 2:
        raise InputError("paths from the drawn nodes are all of one length, or there are none: nothing to compare")
    metric = _metric(rows)
    pairs = torch.from_numpy(rows), None, source[joined], target[joined]
    d_z = edge_squared_distances(*pairs, metric).clamp(min=0).sqrt().double()
    d_graph = d_graph[joined]
    ratio = d_z / d_graph
    power = float(ratio.square().sum())
    if power == 0 or float(d_z.max()) == float(d_z.min()):
        raise InputError("all distances of the embedding are equal: there is nothing to compare")
    error = (ratio * (float(ratio.sum()) / power) - 1).abs()
    apart = float((~torch.isfinite(steps.gather(1, ends))).double().mean())
    return {
        "path_distortion": float(error.mean()),
        "path_correlation": float(spearmanr(d_z.numpy(), d_graph.numpy()).statistic),
        "outcomes": Outcomes({"path_distortion": error.numpy()}),
        "pairs": len(d_z),
        "unreachable": apart,
        "protocol": f"{len(d_z):,} pairs from {len(starts)} nodes, steps, {metric}, {apart:.1%} of pairs not joined, "
        f"seed {seed}",
    }


def _rows(z: Any, graph: Graph) -> np.ndarray:
    rows = as_rows(z)
    check_finite(rows, "z")
    if len(rows) != graph.num_nodes:
        raise InputError(f"z has {len(rows)} rows and the graph {graph.num_nodes} nodes: give a row a node")
    # A copy: the caller's memory may not be writable, and torch would complain.
    return np.array(rows)


def _metric(rows: np.ndarray) -> str:
    """A map is looked at, so straight distances count; longer vectors are compared by their angles."""
    return "euclidean" if rows.shape[1] <= _MAP else "cosine"


