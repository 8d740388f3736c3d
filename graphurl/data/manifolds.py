"""Generated rows whose shape is known, so that a map of them can be judged by eye and by number.

Each is a card of the catalogue (`--data swiss-roll`) and a function of the number of rows; the same seed gives the
same rows. Labels are places on the shape: segments of a roll, spheres, clusters, branches.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.catalogue import Card
from graphurl.data.samples import Samples
from graphurl.errors import InputError, unknown

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

SEGMENTS = 10
INNER_SPHERES, SPHERE_DIM, INNER_RADIUS, OUTER_RADIUS = 10, 100, 5.0, 25.0
#: Clusters split three times; each level is so many times narrower than the one above.
FAMILY, LEVELS, NARROWER, CLUSTER_DIM = (5, 3, 3), (10.0, 4.0, 1.5), 1.0, 50
BRANCHES, BRANCH_LENGTH, TREE_DIM = 10, 20.0, 100


def read(card: Card, files: Mapping[str, Path]) -> Samples:
    """Generates the rows of a card.

    Args:
        card: Its name is the shape; option `seed`.
        files: None are needed.

    Returns:
        The samples.
    """
    return manifold(card.name, card.samples, seed=int(card.options.get("seed", 0)))


def manifold(name: str, rows: int, *, seed: int = 0) -> Samples:
    """Generates any number of rows of a shape.

    Args:
        name: swiss-roll, spheres, nested-clusters or tree.
        rows: Number of rows, at least 200.
        seed: The same seed gives the same rows.

    Returns:
        Features and labels.

    Raises:
        InputError: For another shape, or so few rows that parts of it would be empty.
    """
    if name not in SHAPES:
        raise unknown("shape", name, SHAPES)
    if rows < 200:
        raise InputError(f"{name} with {rows} rows: give 200 or more, so that every part of the shape has some")
    x, y, classes = SHAPES[name](rows, np.random.default_rng(seed))
    return Samples(
        name=name,
        x=torch.from_numpy(x.astype(np.float32)),
        y=torch.from_numpy(y.astype(np.int64)),
        classes=classes,
        provenance={"source": name, "generated": True, "seed": seed},
    )


def swiss_roll(rows: int, rng: np.random.Generator) -> tuple[Floats, Ints, tuple[str, ...]]:
    """A sheet rolled up in three dimensions: (t cos t, h, t sin t), t of [1.5 π, 4.5 π], evenly along its length.

    The label is the segment along the sheet, from the inner end; segments have equal lengths.
    """
    # ds = sqrt(1 + t²) dt along the spiral: rows are spread evenly over s, which is found by inversion on a grid.
    grid = np.linspace(1.5 * np.pi, 4.5 * np.pi, 10_000)
    length = 0.5 * (grid * np.sqrt(1 + grid**2) + np.arcsinh(grid))
    share = rng.random(rows)
    t = np.interp(length[0] + share * (length[-1] - length[0]), length, grid)
    x = np.stack([t * np.cos(t), 21.0 * rng.random(rows), t * np.sin(t)], axis=1)
    return x, (share * SEGMENTS).astype(np.int64), tuple(f"segment {number}" for number in range(SEGMENTS))


def spheres(rows: int, rng: np.random.Generator) -> tuple[Floats, Ints, tuple[str, ...]]:
    """Ten small spheres inside a large one, in 101 dimensions (Moor et al., ICML 2020, arXiv:1906.00722).

    The centres of the small spheres are drawn from N(0, 10 / sqrt(101)); half of the rows lie on the large sphere.
    """
    y = np.sort(np.arange(rows) % (2 * INNER_SPHERES)).clip(max=INNER_SPHERES)
    direction = rng.normal(size=(rows, SPHERE_DIM + 1))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    centre = rng.normal(scale=10.0 / np.sqrt(SPHERE_DIM + 1), size=(INNER_SPHERES + 1, SPHERE_DIM + 1))
    centre[INNER_SPHERES] = 0.0
    radius = np.where(y == INNER_SPHERES, OUTER_RADIUS, INNER_RADIUS)
    names = (*(f"sphere {number}" for number in range(INNER_SPHERES)), "around")
    return _shuffled(centre[y] + radius[:, None] * direction, y, rng, names)


def nested_clusters(rows: int, rng: np.random.Generator) -> tuple[Floats, Ints, tuple[str, ...]]:
    """Clusters of clusters of clusters in 50 dimensions: 5 groups of 3 families of 3 clusters.

    The label is the smallest cluster, named "group.family.cluster"; label // 3 is its family, label // 9 its group.
    """
    centre = np.zeros((1, CLUSTER_DIM))
    for count, width in zip(FAMILY, LEVELS, strict=True):
        moved = rng.normal(scale=width / np.sqrt(CLUSTER_DIM), size=(len(centre), count, CLUSTER_DIM))
        centre = (centre[:, None] + moved).reshape(-1, CLUSTER_DIM)
    y = np.arange(rows) % len(centre)
    x = centre[y] + rng.normal(scale=NARROWER / np.sqrt(CLUSTER_DIM), size=(rows, CLUSTER_DIM))
    groups, families, clusters = FAMILY
    names = tuple(f"{a}.{b}.{c}" for a in range(groups) for b in range(families) for c in range(clusters))
    return _shuffled(x, y, rng, names)


def tree(rows: int, rng: np.random.Generator) -> tuple[Floats, Ints, tuple[str, ...]]:
    """A tree in 100 dimensions: ten branches, each straight, in a direction of its own, from a place on an earlier one.

    The label is the branch. A branch leaves its parent between a third of the parent's length and its end.
    """
    direction = rng.normal(size=(BRANCHES, TREE_DIM))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    start = np.zeros((BRANCHES, TREE_DIM))
    for branch in range(1, BRANCHES):
        parent = rng.integers(branch)
        start[branch] = start[parent] + rng.uniform(1 / 3, 1) * BRANCH_LENGTH * direction[parent]
    y = np.arange(rows) % BRANCHES
    along = BRANCH_LENGTH * rng.random((rows, 1))
    noise = rng.normal(scale=1 / np.sqrt(TREE_DIM), size=(rows, TREE_DIM))
    names = tuple(f"branch {number}" for number in range(BRANCHES))
    return _shuffled(start[y] + along * direction[y] + noise, y, rng, names)


def _shuffled(
    x: Floats, y: Ints, rng: np.random.Generator, names: tuple[str, ...]
) -> tuple[Floats, Ints, tuple[str, ...]]:
    order = rng.permutation(len(y))
    return x[order], y[order], names


SHAPES = {"swiss-roll": swiss_roll, "spheres": spheres, "nested-clusters": nested_clusters, "tree": tree}
