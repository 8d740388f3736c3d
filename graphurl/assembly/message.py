"""Graphs by name, and the one along which messages pass: as a recipe says, or found from the data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from graphurl.assembly.hops import CANDIDATES, USUAL, choose
from graphurl.data.samples import Samples
from graphurl.encoders.landmarks import GIVEN
from graphurl.errors import InputError, unknown
from graphurl.graphs import knn
from graphurl.graphs.algebra import within_one
from graphurl.graphs.graph import Graph
from graphurl.graphs.structure import is_symmetric
from graphurl.recipes.recipe import Recipe

GRAPHS = ("knn", "citation")
#: What message="auto" chooses from.
BOTH = "citation+knn"
#: Up to so many nodes: beyond, the search for neighbours would take most of the run.
BOTH_UP_TO = 50_000


def named_graphs(names: str, samples: Samples, x: Tensor | None, recipe: Recipe) -> list[Graph]:
    """The graphs that a name like citation+knn stands for, lengths or weights as they come."""
    graphs = []
    for name in names.split("+"):
        if name == "knn":
            if x is None:
                raise InputError("graph is 'knn' and the samples have no features: use graph='citation'")
            if recipe.n_neighbors >= len(x):
                raise InputError(
                    f"n_neighbors is {recipe.n_neighbors} and a sample has {len(x) - 1} others: "
                    f"give 1 to {len(x) - 1}, or more samples"
                )
            if recipe.metric == GIVEN:
                raise InputError(
                    "metric is 'given', a function that finds the neighbours of a similarity graph and no others: "
                    "give a metric with a name, or an encoder that passes no messages, such as 'landmarks' or 'mlp'"
                )
            rows = compared_rows(samples, x, recipe)
            graphs.append(knn(rows, recipe.n_neighbors, metric=recipe.metric, seed=recipe.seed))
        elif name == "citation":
            if samples.graph is None:
                raise InputError(f"graph is 'citation' and {samples.name} comes without edges: use graph='knn'")
            graphs.append(samples.graph)
        else:
            raise unknown("graph", name, GRAPHS)
    return graphs


def compared_rows(samples: Samples, x: Tensor, recipe: Recipe) -> Tensor:
    """The rows that the metric compares: the prepared ones x, unless the recipe says otherwise."""
    return x if recipe.compares == recipe.reads or samples.x is None else samples.x


def settled(
    samples: Samples, x: Tensor | None, recipe: Recipe, *, edges: bool = True
) -> tuple[Recipe, Graph | None, Mapping[str, Any]]:
    """A recipe with numbers and names where it leaves hops or the message graph to the data.

    The same data give the same, whatever the seed of the run: else runs that should differ by chance alone would
    differ by their filter.

    Args:
        samples: The data.
        x: The features, prepared.
        recipe: The choices.
        edges: Whether the encoder reads edges.

    Returns:
        The recipe, the message graph where it had to be built, and what was found.
    """
    if x is None or not (edges or recipe.teacher == "smooth") or "auto" not in (recipe.hops, recipe.message):
        return (recipe.but(filter=USUAL[0]) if recipe.filter == "auto" else recipe), None, {}
    names = recipe.message
    if samples.graph is None:
        names = "knn"
    elif names == "auto":
        names = BOTH if len(x) <= BOTH_UP_TO else "citation"
    first, *more = message_parts(samples, x, recipe.but(message=names))
    both = _joined([first, *more], recipe.alpha)
    variants: dict[str, Graph | None] = {names: None}
    if more:
        only = {names.partition("+")[0]: None} if recipe.message == "auto" else {}
        variants = {**only, names: recipe.alpha * more[0]}
    # A graph of the features finds its own edges best in features that were not smoothed: it says nothing of hops.
    given = samples.graph is not None and names.startswith("citation")
    candidates = allowed(recipe)
    choice = choose(x, first, variants, candidates) if given else None
    if choice is None:
        filter, hops = USUAL if USUAL in candidates else candidates[0]
        name, found = names, {}
    else:
        (filter, hops), name, found = choice.filter, choice.variant, {"edge_auc": choice.auc}
    numbers: dict[str, Any] = {"hops": hops, "filter": filter, "message": name}
    return recipe.but(**numbers), both if name == names else first, {**numbers, **found}


def allowed(recipe: Recipe) -> list[tuple[str, int]]:
    """The filters that a recipe leaves open; a number of hops without a filter means S2GC."""
    if recipe.hops != "auto":
        return [(USUAL[0] if recipe.filter == "auto" else recipe.filter, int(recipe.hops))]
    return [each for each in CANDIDATES if recipe.filter in ("auto", each[0])]


def message_edges(samples: Samples, x: Tensor, recipe: Recipe) -> tuple[Tensor, Tensor | None]:
    """Edges along which messages pass, and their weights where not all are 1."""
    graph = message_graph(samples, x, recipe)
    return torch.stack([graph.rows, graph.col]), graph.weight


def message_graph(samples: Samples, x: Tensor, recipe: Recipe) -> Graph:
    """Where messages pass: the parts, the second one times α."""
    return _joined(message_parts(samples, x, recipe), recipe.alpha)


def message_parts(samples: Samples, x: Tensor, recipe: Recipe) -> list[Graph]:
    """The graphs that messages pass along: edges with their weights (at most 1), both directions.

    Distances are left aside: a nearest neighbour weighs 1.
    """
    names = recipe.message if samples.graph is not None else "knn"
    bare = [within_one(replace(graph, length=None)) for graph in named_graphs(names, samples, x, recipe)]
    return [graph if is_symmetric(graph) else graph.symmetrise("max") for graph in bare]


def _joined(parts: list[Graph], alpha: float) -> Graph:
    combined, *more = parts
    for extra in more:
        combined = combined + alpha * extra
    return combined
