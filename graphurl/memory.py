"""How much memory a run will need, before it starts."""

from __future__ import annotations

import os

from graphurl import registry
from graphurl.data.samples import Samples
from graphurl.encoders.sgc import DENSE_NUMBERS
from graphurl.errors import InputError
from graphurl.recipes import Choices, PictureRecipe, Recipe
from graphurl.recipes.maps import fitting
from graphurl.recipes.pictures import LARGEST_SIDE

#: Libraries, code and allocator, measured on an empty run.
BASE = 0.45e9
#: Pairs that are compared at once; a test holds it equal to the routes' own.
BLOCK = 2**24


def estimate_memory(
    num_rows: int, num_features: int, recipe: Recipe | None = None, *, num_edges: int | None = None
) -> int:
    """Peak memory of a run in bytes, within about 30 %.

    Args:
        num_rows: Number of samples.
        num_features: Number of features of a sample.
        recipe: The choices; absent means the default map.
        num_edges: Edges of a graph that comes with the data.

    Returns:
        Bytes, linear in the number of samples for a fixed batch.
    """
    recipe = recipe or registry.resolve("recipes", fitting(num_rows))
    n, f, k = float(num_rows), float(num_features), recipe.n_neighbors
    rows = 4 * n * f * (1 if recipe.features == "none" else 2)
    knn = "knn" in recipe.graph or "knn" in recipe.message
    search = n * k * 24 + 4 * n * min(f, 50) * 2 if knn else 0.0
    # A symmetrised kNN graph has about 1.6 k edges a node; building it sorts keys beside the values.
    edges = (1.6 * k * n if knn else 0.0) + float(num_edges or 0)
    batch = recipe.batch_size or num_rows
    pairs = float(min(batch, num_rows)) ** 2
    if not recipe.dynamic:  # a dynamic p is a matrix of all pairs, a static one is made dense block by block
        pairs = min(pairs, BLOCK)
    step = pairs * 4 * 14 + 4 * 4 * min(batch, num_rows) * recipe.hidden * recipe.depth
    table = 16 * n * recipe.dim if recipe.encoder == "table" else 0.0
    # The filter holds its input, its result and one power of it, all dense.
    smooth = 12 * n * f if recipe.encoder == "linear" and n * f <= DENSE_NUMBERS else 0.0
    return int(BASE + rows + search + edges * 72 + step + table + smooth + 8 * n * recipe.dim)


def available_memory() -> int | None:
    """Bytes that this process may still take, where the system tells."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (OSError, ValueError, AttributeError):
            return None


def estimate_memory_of_views(num_pictures: int, recipe: PictureRecipe, *, side: int = 32) -> int:
    """Peak memory of a run on pictures, without the weights of the encoder: a rough figure.

    Args:
        num_pictures: Number of pictures.
        recipe: The choices.
        side: Height and width of a view.

    Returns:
        Bytes. Pictures are decoded when they are needed and do not count.
    """
    batch = min(recipe.batch_size or num_pictures, num_pictures)
    rows = batch * (recipe.num_views + 1)
    # A small network keeps about 60 numbers a pixel for the backward pass.
    activations = rows * side * side * 4 * 60
    bank = 4 * recipe.dim * num_pictures * 2 if recipe.relation == "bank" else 0
    return int(BASE + activations + bank + min(rows * rows, BLOCK) * 4 * 14)


def require_memory(samples: Samples, recipe: Choices, *, processes: int = 1) -> int:
    """Refuses a run that cannot fit, with the number; returns the estimate.

    Args:
        samples: The data.
        recipe: The choices.
        processes: How many processes on this machine share the run; each holds the data.
    """
    if isinstance(recipe, PictureRecipe):
        side = recipe.side_for(samples.shape or (1, LARGEST_SIDE, LARGEST_SIDE))
        need = estimate_memory_of_views(len(samples), recipe, side=side)
    else:
        assert isinstance(recipe, Recipe)
        features = 0 if samples.x is None else samples.x.shape[1]
        edges = None if samples.graph is None else samples.graph.num_edges
        need = estimate_memory(len(samples), features, recipe, num_edges=edges)
    need *= processes
    free = available_memory()
    if free is not None and need > free:
        raise InputError(
            f"the run needs about {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: "
            "take fewer samples, a smaller batch_size or n_neighbors"
        )
    return need
