"""The table of maps: graphurl's recipes, principal coordinates and other methods on the same rows."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch

from graphurl import data
from graphurl.bench.peers import methods
from graphurl.data.manifolds import SHAPES, manifold
from graphurl.data.samples import Samples
from graphurl.data.variants import pick
from graphurl.errors import InputError
from graphurl.pipeline import default_recipe
from graphurl.recipes import Choices
from graphurl.source import Source

Kind = Literal["recipe", "pca", "peer"]
#: Names of generated data by number of rows, for the exponent of the seconds.
SIZES = ("nested-clusters-10k", "nested-clusters-70k", "nested-clusters-700k")
_FORM = "embed(x, *, seed, threads, dim)"


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What it is called.
        kind: recipe (of graphurl), pca (principal coordinates, nothing trained) or peer (another method).
        method: Name of a recipe; "" for the one that graphurl takes for so many rows.
        changes: Settings that differ from the recipe.
        file: Where a peer's code lies.
    """

    name: str
    kind: Kind = "recipe"
    method: str = ""
    changes: Mapping[str, Any] = field(default_factory=dict)
    file: Path | None = None

    def recipe(self, samples: Samples, seed: int, dim: int) -> Choices:
        """The settings for some rows."""
        asked = {**self.changes, "dim": dim, "seed": seed}
        return default_recipe(samples, self.method or None, asked).but(**asked)


MAIN: tuple[Row, ...] = (
    Row("pca", "pca"),
    Row("default"),
    Row("map-charts", method="map-charts"),
    Row("map-network", method="map-network"),
    Row("map-direct", method="map-direct"),
    Row("genurl-mnist", method="genurl-mnist"),
    Row("genurl-coil-20", method="genurl-coil-20"),
)

#: GenURL's Figs. 11 and 12: one setting at a time, BCE, the others as its settings for the data have them.
ABLATED: Mapping[str, tuple[float, ...]] = {
    "nu_z": (0.001, 0.01, 0.1, 1.0, 10.0, 100.0),
    "sigma": (1.0, 2.0, 5.0, 10.0, 20.0, 50.0),
    "batch_size": (128, 256, 512, 1024, 2048, 4096),
}
GROUPS = ("main", "ablation", "scaling")


def rows(group: str, name: str) -> list[Row]:
    """The lines of a group for a data set."""
    if group != "ablation":
        return list(MAIN)
    method = "genurl-coil-20" if name.startswith("coil-20") else "genurl-mnist"
    changed = [(key, value) for key, values in ABLATED.items() for value in values]
    return [Row(method, method=method), *(Row(f"{k} {v:g}", method=method, changes={k: v}) for k, v in changed)]


def peers(folder: Path) -> list[Row]:
    """A line for each method in a folder: a Python file with `NAME` and `embed(x, *, seed, threads, dim)`."""
    return [Row(name, "peer", file=path) for name, path in methods(folder, _FORM)]


def samples_of(name: str, root: str | None = None) -> Samples:
    """The rows of a data set.

    Args:
        name: Of the catalogue, or a path. NAME-10k is a fixed subset of 10,000 rows; of generated data, so many rows.
        root: Folder with data sets.

    Returns:
        Dense features, and labels where there are some.

    Raises:
        InputError: Unknown data, data without features, or fewer rows than the name asks for.
    """
    sized = re.fullmatch(r"(.+)-([1-9]\d*)k", name)
    if sized is None or name in data.names():
        found = Source.of(name).load(root).samples
    elif sized[1] in SHAPES:
        found = manifold(sized[1], 1000 * int(sized[2]))
    else:
        whole, wanted = Source.of(sized[1]).load(root).samples, 1000 * int(sized[2])
        if wanted > len(whole):
            raise InputError(f"--data {name}: {sized[1]} has {len(whole):,} rows: ask for fewer")
        order = torch.randperm(len(whole), generator=torch.Generator().manual_seed(0))
        found = pick(plain_rows(whole), order[:wanted].sort().values)
    return plain_rows(found)


def plain_rows(samples: Samples) -> Samples:
    """Features and labels alone: no method sees a graph or a split."""
    if samples.x is None:
        raise InputError(f"{samples.name} has no features: a map needs rows of numbers")
    dense = samples.x if samples.x.layout == torch.strided else samples.x.to_dense()
    return Samples(name=samples.name, x=dense, y=samples.y, ids=samples.ids, classes=samples.classes)


def parted(samples: Samples, held_out: int) -> tuple[Samples, Samples | None]:
    """The rows that are fitted, and those that are held out: drawn once, the same for all methods and repeats."""
    if held_out == 0:
        return samples, None
    if held_out >= len(samples):
        raise InputError(f"--held-out {held_out} of the {len(samples):,} rows of {samples.name}: leave some to fit")
    order = torch.randperm(len(samples), generator=torch.Generator().manual_seed(0))
    return pick(samples, order[held_out:].sort().values), pick(samples, order[:held_out].sort().values)
