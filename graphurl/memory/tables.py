"""Memory and scratch files of a run on rows, a graph, or a teacher's vectors."""

from __future__ import annotations

from dataclasses import replace

from graphurl import registry
from graphurl.data.preparation import PRINCIPAL
from graphurl.data.samples import Samples
from graphurl.encoders.sgc import DENSE_NUMBERS
from graphurl.functional.distance import ANGULAR
from graphurl.functional.mapped import BLOCK_NUMBERS, is_mapped
from graphurl.functional.neighbors import EXACT_UP_TO
from graphurl.graphs.graph import Graph
from graphurl.memory.room import BASE, PAIR, require_free, require_scratch
from graphurl.recipes import Choices, DistillRecipe, Recipe
from graphurl.recipes.maps import fitting
from graphurl.relations.knowledge import Knowledge
from graphurl.relations.routes import DENSE_PAIRS
from graphurl.terms.comparison import by_sums

#: Grids of a map: a few of them and their transforms.
GRID = 0.05e9
#: Up to this many samples a batch size of 0 means all pairs at once, and a graph is encoded whole.
FULL_BATCH = 20_000


def estimate_memory(
    num_rows: int,
    num_features: int,
    recipe: Recipe | None = None,
    *,
    num_edges: int | None = None,
    mapped: bool = False,
    mapped_edges: bool = False,
) -> int:
    """Peak memory of a run in bytes, within about 30 %.

    Pages of a mapped file do not count: the system drops them when memory is short. What is computed from a mapped
    table and is as large goes to a scratch file, see `estimate_scratch`.

    Args:
        num_rows: Number of samples.
        num_features: Number of features of a sample.
        recipe: The choices; absent means the default map.
        num_edges: Edges of a graph that comes with the data.
        mapped: Features are dense rows in a file: a large .npy, or a `numpy.memmap`.
        mapped_edges: The graph is a large saved one.

    Returns:
        Bytes, linear in the number of samples for a fixed batch.
    """
    recipe = recipe or registry.resolve("recipes", fitting({}))
    n, f, k = float(num_rows), float(num_features), recipe.n_neighbors
    width = min(f, float(PRINCIPAL.get(recipe.reads, num_features)))
    rows = 4 * n * (f if recipe.reads == "none" else f + width)
    if mapped:
        rows = 4.0 * 4 * min(BLOCK_NUMBERS, n * f)
    knn = _searches(recipe, num_edges is not None)
    search = _search(n, f, k) if knn else 0.0
    if knn and mapped and not _approximate(num_rows, recipe):  # an exact search makes float64 rows of all
        search += 8 * n * f
    # A symmetrised kNN graph has about 1.6 k edges a node; building it sorts keys beside the values.
    edges = 72 * 1.6 * k * n if knn else 0.0
    given = num_edges or 0
    # Of edges in a file p is held where they have no weights, and the filter as a matrix.
    edges += float(given) * (4 + 64 * _filters(recipe) if mapped_edges else 72)
    batch = recipe.batch_size or num_rows
    pairs = float(min(batch, num_rows)) ** 2
    if not recipe.dynamic:  # a dynamic p is a matrix of all pairs, a static one is made dense block by block
        pairs = min(pairs, DENSE_PAIRS)
    if recipe.teacher == "layout":  # each row is compared with its own place alone
        pairs = float(min(batch, num_rows))
    layers = 0 if recipe.free else 4 * 4 * min(batch, num_rows) * recipe.hidden * recipe.depth
    step = pairs * PAIR + layers
    if batch >= num_rows and by_sums(recipe):
        step = GRID + 16 * n * recipe.dim  # no pair is listed
    if recipe.teacher == "layout":  # is made before the network is trained, and kept
        step = max(step, GRID + 32 * n * recipe.dim) + 4 * n * recipe.dim
    if recipe.encoder == "charts":  # rows beside their places for the clusters, and the nearest charts of each
        step += n * (8 * (width + recipe.dim) + 250) + 0.03e9
    if recipe.encoder in ("gcn", "sage", "gat"):  # the rows that a batch's messages come from, and their copies
        step += 4 * 3 * f * min(n, batch * reached(recipe.fanout, recipe.depth) if num_rows > FULL_BATCH else n)
    table = 16 * n * recipe.dim if recipe.free else 0.0
    # The filter holds its input, its result and one power of it, all dense; of a mapped table some columns.
    held = max(n, min(BLOCK_NUMBERS, n * f)) if mapped else n * f
    smooth = 12 * held if _filters(recipe) and held <= DENSE_NUMBERS else 0.0
    # Hops that are to be found smooth narrowed rows beside the graph: a copy without some edges, and its matrix.
    asked = "auto" in (recipe.hops, recipe.message) and (recipe.encoder == "linear" or recipe.teacher == "smooth")
    trial = 20 * n * min(f, 128, max(8, 2**24 / n)) + 48 * (given + (1.6 * k * n if knn else 0.0)) if asked else 0.0
    return int(BASE + rows + search + edges + step + table + max(smooth, trial) + 8 * n * recipe.dim)


def estimate_scratch(num_rows: int, num_features: int, recipe: Recipe) -> int:
    """Bytes of scratch files of a run on mapped features: a table for each step that changes all rows.

    Args:
        num_rows: Number of samples.
        num_features: Number of features of a sample.
        recipe: The choices.
    """
    searched = recipe.metric in ANGULAR and _searches(recipe, "citation" in recipe.graph)
    # The filter writes blocks of columns, and then rows of them.
    tables = (recipe.reads != "none") + 2 * _filters(recipe) + (searched and _approximate(num_rows, recipe))
    return 4 * num_rows * num_features * tables


def reached(fanout: int, depth: int) -> int:
    """Most nodes that a node's messages come from; where all neighbours are taken, those of a guess of ten each."""
    return sum((fanout if fanout >= 0 else 10) ** layer for layer in range(depth + 1))


def _searches(recipe: Recipe, has_edges: bool) -> bool:
    """Whether neighbours are searched: for p_X, or for an encoder that passes messages along them."""
    passes = recipe.encoder in ("linear", "gcn", "sage", "gat") or recipe.teacher == "smooth"
    return "knn" in recipe.graph or (passes and ("knn" in recipe.message or recipe.message == "auto" or not has_edges))


def _search(n: float, f: float, k: int) -> float:
    return n * k * 24 + 4 * n * min(f, 50) * 2


def _approximate(num_rows: int, recipe: Recipe) -> bool:
    return num_rows > EXACT_UP_TO and recipe.metric in ("euclidean", *ANGULAR)


def _filters(recipe: Recipe) -> bool:
    return (recipe.encoder == "linear" or recipe.teacher == "smooth") and recipe.hops != 0


def estimate_memory_of_student(num_rows: int, num_features: int, teacher_dim: int, recipe: DistillRecipe) -> int:
    """Peak memory of a student of rows.

    Args:
        num_rows: Number of samples.
        num_features: Number of features that the student reads.
        teacher_dim: Dimension of the teacher's vectors, 0 where it is a graph.
        recipe: The choices.
    """
    n, f = float(num_rows), float(num_features)
    rows = 4 * n * (2 * f + 2 * (teacher_dim or f))
    search = _search(n, teacher_dim or f, recipe.n_neighbors) if recipe.near else 0.0
    batch = min(recipe.batch_size or num_rows, num_rows)
    columns = batch + min(recipe.memory, num_rows)
    anchors = 12 * columns * (recipe.anchor_dim or teacher_dim or f) if recipe.relation == "anchors" else 0
    layers = 16 * batch * recipe.hidden * recipe.depth
    return int(BASE + rows + search + anchors + layers + PAIR * batch * columns)


def require_memory(
    samples: Samples, recipe: Choices, graph: Graph | None = None, *, teacher: Knowledge | None = None,
    processes: int = 1,
) -> int:  # fmt: skip
    """Refuses a run that cannot fit into memory or onto the disk, with the number; returns the estimate of memory.

    Of a run on pictures only the encoder tells, see `require_memory_of_views`: there the answer is 0.

    Args:
        samples: The data.
        recipe: The choices.
        graph: A similarity graph that is handed over.
        teacher: What a teacher knows of the samples.
        processes: How many processes on this machine share the run; each holds the data.
    """
    if recipe.pictures:
        return 0
    features = 0 if samples.x is None else samples.x.shape[1]
    if isinstance(recipe, DistillRecipe):
        dim = 0 if teacher is None or teacher.vectors is None else teacher.dim
        need = estimate_memory_of_student(len(samples), features, dim, recipe)
        return require_free(processes * need, "fewer samples, a smaller batch_size or memory")
    assert isinstance(recipe, Recipe)
    mapped = samples.x is not None and is_mapped(samples.x)
    recipe = recipe if graph is None else replace(recipe, graph="given")
    graphs = [part for part in (samples.graph, graph) if part is not None]
    need = estimate_memory(
        len(samples), features, recipe, num_edges=sum(part.num_edges for part in graphs) if graphs else None,
        mapped=mapped, mapped_edges=bool(graphs) and all(is_mapped(part.col) for part in graphs),
    )  # fmt: skip
    if mapped:
        require_scratch(processes * estimate_scratch(len(samples), features, recipe))
    stays = "" if mapped else ", or features that stay in their file (a large .npy, or a numpy.memmap)"
    return require_free(processes * need, f"fewer samples, a smaller batch_size or n_neighbors{stays}")
