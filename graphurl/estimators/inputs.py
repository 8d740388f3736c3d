"""What `Embedder.fit` takes: rows of many kinds, graphs, distances and labels, as samples with one similarity graph."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from graphurl.assembly import prepared, similarity_graph
from graphurl.assembly.message import compared_rows
from graphurl.data.annotated import from_anndata, is_annotated, parted
from graphurl.data.labels import class_labels
from graphurl.data.loaders import is_loader, read_rows
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.functional.sparse import stacked_rows
from graphurl.graphs import class_neighbors, from_distances, from_knn, labels, supervise
from graphurl.graphs.graph import Graph
from graphurl.recipes import Recipe

#: The metric of a matrix of distances in place of rows.
PRECOMPUTED = "precomputed"


def unpacked(x: Any) -> tuple[Any, Graph | None, tuple[str, ...] | None]:
    """Rows that scikit-learn can check, a graph where the data bring one, and names of the rows."""
    if isinstance(x, Samples) or is_annotated(x):
        samples, graph = parted(from_anndata(x) if is_annotated(x) else x)
        if samples.x is None:
            raise InputError(f"{samples.name}: no features: use graphurl.embed or NodeEmbedder for a graph alone")
        return samples.x, graph, samples.ids
    return (read_rows(x)[0] if is_loader(x) else x), None, None


def as_graph(graph: Any) -> Graph | None:
    """A graph as it is, or one from a tuple of neighbours and their distances."""
    if graph is None or isinstance(graph, Graph):
        return graph
    if isinstance(graph, tuple):
        return from_knn(graph)
    raise InputError(
        f"graph is of type {type(graph).__name__}: give a graphurl.Graph (graphs.from_scipy, from_networkx, from_pyg "
        "make one), or a tuple of neighbours and distances"
    )


def from_distance_rows(rows: Any, k: int, graph: Graph | None) -> Samples:
    """Samples without features from a matrix of distances, dense or sparse."""
    if graph is not None:
        raise InputError("metric is 'precomputed' and a graph is given: hand over one of the two")
    if rows.shape[0] != rows.shape[1]:
        raise InputError(f"metric is 'precomputed' and X has shape {tuple(rows.shape)}: give distances, (N, N)")
    if not hasattr(rows, "tocoo") and k >= len(rows):
        raise InputError(f"n_neighbors is {k} and a sample has {len(rows) - 1} others: give 1 to {len(rows) - 1}")
    return Samples("distances", graph=from_distances(rows, k), provenance={"source": "distances"})


def supervised(
    samples: Samples, y: Any, recipe: Recipe, graph: Graph | None, target_weight: float, *, metric: Any
) -> Graph:
    """The recipe's similarity with that inside classes mixed in.

    Half of a row's edges inside its class go to the nearest rows, which keeps the shape of a class, and half to any,
    which holds it together: a smooth encoder does not part classes that lie in each other for near pairs alone.
    """
    if y is None:
        raise InputError(f"target_weight is {target_weight} and there are no labels: give y, with -1 where unknown")
    classes, _ = class_labels(y, len(samples), "y")
    _, x = prepared(samples, recipe)
    p_x = similarity_graph(samples, x, recipe, graph)
    half = max(1, recipe.n_neighbors // 2)
    within = labels(classes, half, recipe.seed)
    if x is not None:
        rows = compared_rows(samples, x, recipe)
        chosen = metric if callable(metric) else recipe.metric
        near = class_neighbors(rows, classes, half, chosen, recipe.seed)
        within = within | similarity_graph(samples, x, recipe, near) if near.num_edges else within
    return supervise(p_x, within, classes, target_weight)


def started(array: Any, n: int, dim: int, spread: float) -> Tensor:
    """Given coordinates, centred, the widest with the standard deviation that a start has."""
    rows = torch.as_tensor(array).detach().cpu().float()
    if tuple(rows.shape) != (n, dim) or not bool(rows.isfinite().all()):
        raise InputError(f"init is an array of shape {tuple(rows.shape)}: give finite coordinates, ({n}, {dim})")
    rows = rows - rows.mean(0)
    widest = float(rows.std(0, correction=0).max())
    return rows * (spread / widest) if widest > 0 else rows


def joined(before: Samples, rows: Tensor, ids: tuple[str, ...] | None) -> Samples:
    """The samples of a fit, and further rows behind them; their names, where all have one."""
    assert before.x is not None
    names = None if before.ids is None or ids is None else before.ids + ids
    return Samples(before.name, x=stacked_rows(before.x, rows), ids=names)


def without_preparation(samples: Samples, rows: Tensor) -> Samples:
    """The same samples with rows that were prepared already."""
    return replace(samples, x=rows, shape=None, feature_names=None)
