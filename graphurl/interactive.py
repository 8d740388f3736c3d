"""The interactive page of a run: its data, its graphs by source and where neighbours are kept, put on one page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from graphurl.assembly import prepared, similarity_parts
from graphurl.assembly.graphs import free_places
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.evaluation.local import local_neighborhood
from graphurl.evaluation.metrics import MAP_DIMENSIONS
from graphurl.functional.neighbors import SPARSE
from graphurl.graphs.graph import Graph
from graphurl.plots.figures import pictures_of
from graphurl.plots.page import page
from graphurl.recipes import Choices, Recipe
from graphurl.recipes.maps import MAP
from graphurl.similarity import Similarity
from graphurl.terms.comparison import loss_of, similarity_of

#: Fewest and most rows of vectors that are shown by a map of their own; others by their principal axes.
MAPPED = (10, 100_000)
#: Numbers in the original space up to which local trustworthiness is measured: more would take minutes.
MEASURED = 500_000_000


def write_page(
    z: np.ndarray,
    path: str | Path,
    *,
    recipe: Choices | None = None,
    samples: Samples | None = None,
    graph: Graph | None = None,
    facts: Mapping[str, Any] | None = None,
    ids: Sequence[str] | None = None,
    title: str | None = None,
    columns: Mapping[str, Any] | None = None,
    k: int = 10,
) -> Path:
    """Writes the page of a run with everything that is known about it.

    Args:
        z: Embeddings, (N, d).
        path: Where to write it, .html.
        recipe: The choices of the run; without them z is somebody's vectors.
        samples: The data, or None where they cannot be read any more.
        graph: p_X of the run.
        facts: What the run left to the data, as it came out: sigma_z and mu_z.
        ids: Names of the rows, where the data cannot tell them.
        title: Above the page.
        columns: What else is known of every row, by name.
        k: Neighbours shown in each space.

    Returns:
        The path.
    """
    given: dict[str, Any] = {"title": title, "ids": ids, "columns": dict(columns or {}), "about": {}, "notes": []}
    if samples is not None:
        given |= {"y": samples.y, "classes": samples.classes, "ids": samples.ids or ids, "images": pictures_of(samples)}
    if recipe is not None:
        given["metric_z"] = recipe.metric_z
        given["seed"] = recipe.seed
        if recipe.task == "dr" and samples is not None and samples.x is not None:
            _compare(z, samples.x, recipe, k, given)
    if isinstance(recipe, Recipe) and graph is not None:
        _pull(recipe, samples, graph, facts or {}, given)
    if z.ndim == 2 and z.shape[1] > MAP_DIMENSIONS:
        given["places"] = _places(z, given.get("metric_z", "euclidean"), given.get("seed", 0), given["notes"])
    return page(z, path, k=k, **given)


def _places(z: np.ndarray, metric: str, seed: int, notes: list[str]) -> np.ndarray | None:
    """A map of vectors, as of any rows of numbers; nowhere for those that are not finite."""
    finite = np.isfinite(z).all(axis=1)
    count = int(finite.sum())
    if not MAPPED[0] <= count <= MAPPED[1]:
        return None
    run = MAP.but(encoder="table", metric=metric, n_neighbors=min(MAP.n_neighbors, count - 1), seed=seed)
    places = np.full((len(z), 2), np.nan, dtype=np.float32)
    places[finite] = free_places(Samples("vectors", torch.from_numpy(z[finite]).float()), run)
    notes.append(f"shown by a map of the {z.shape[1]} dimensions ({metric} neighbours)")
    return places


def _compare(z: np.ndarray, x: torch.Tensor, recipe: Choices, k: int, given: dict[str, Any]) -> None:
    """Adds the original space, and where its neighbours are kept."""
    wanted = getattr(recipe, "metric", "euclidean")
    usable = wanted != "given" and (x.layout == torch.strided or wanted in SPARSE)
    given["x"], given["metric"] = x, wanted if usable else "euclidean"
    finite = np.isfinite(z).all(axis=1)
    k = min(k, (int(finite.sum()) - 1) // 2)
    if k < 1 or x.numel() > MEASURED or not finite.all():
        if k >= 1:
            given["notes"].append("local trustworthiness is left out: the data are too large, or z is not finite")
        return
    found = local_neighborhood(x, z, k, given["metric"], metric_z=recipe.metric_z, seed=recipe.seed)
    meant = {
        "trustworthiness": "1: no neighbour in the embedding is false",
        "continuity": "1: no neighbour of the data is torn away",
    }
    for name, words in meant.items():
        given["columns"][f"local {name}"] = found[name]
        given["about"][f"local {name}"] = f"{words}; {found['protocol']}"


def _pull(
    recipe: Recipe, samples: Samples | None, graph: Graph, facts: Mapping[str, Any], given: dict[str, Any]
) -> None:
    """Adds the graph by its sources, and the kernel that the embedding was trained with."""
    given["graphs"] = _sources(recipe, samples, graph)
    loss = loss_of(recipe)
    kernel = similarity_of(recipe, loss)
    sigma, mu = (facts.get(name) for name in ("sigma_z", "mu_z"))
    if isinstance(sigma, int | float) and isinstance(mu, int | float):
        kernel = replace(kernel, sigma=float(sigma), mu=float(mu))
    given |= {"similarity": kernel, "matched": not loss.additive}
    given["notes"].append(f"p_Z: {_words(kernel)}")
    if not loss.additive:
        given["notes"].append(f"the loss {recipe.loss} compares shares: p_Z has the mass of p_X on the edges")


def _sources(recipe: Recipe, samples: Samples | None, graph: Graph) -> dict[str, Graph]:
    """The summands of p_X where the data can still be read and give the same sum, else p_X itself."""
    if samples is not None and "+" in recipe.graph:
        try:
            parts = similarity_parts(samples, prepared(samples, recipe)[1], recipe)
        except InputError:
            parts = {}
        total: Graph | None = None
        for part in parts.values():
            total = part if total is None else total + part
        if total is not None and total.without_self_loops() == graph:
            return parts
    return {" + ".join(dict.fromkeys(_kinds(graph.provenance))) or recipe.graph: graph}


def _kinds(provenance: Mapping[str, Any]) -> list[str]:
    """What a graph was made of, as its history tells."""
    if isinstance(provenance.get("kind"), str):
        return [str(provenance["kind"])]
    return [kind for part in provenance.get("of") or [] if isinstance(part, Mapping) for kind in _kinds(part)]


def _words(kernel: Similarity) -> str:
    form = "normalised" if kernel.normalised else "exact"
    return f"{form} t-kernel, ν {kernel.nu:g}, σ {float(kernel.sigma):.3g}, μ {float(kernel.mu):.3g}, {kernel.metric}"
