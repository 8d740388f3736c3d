"""The table of node embeddings: the same probe for raw features, smoothing, own recipes and other methods."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from graphurl import registry
from graphurl.bench.peers import methods
from graphurl.recipes import Recipe

Kind = Literal["recipe", "filter", "peer"]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        name: What it is called.
        kind: recipe (trained by graphurl), filter (features, propagated and not trained) or peer (another method).
        method: Name of a recipe; for a filter the one whose graphs and preparation it takes.
        changes: Settings that differ from the recipe.
        group: Which table it belongs to.
        file: Where a peer's code lies.
    """

    name: str
    kind: Kind = "recipe"
    method: str = "nodes"
    changes: Mapping[str, Any] = field(default_factory=dict)
    group: str = "main"
    file: Path | None = None

    def recipe(self, seed: int) -> Recipe:
        """The values of a row that has some."""
        found: Recipe = registry.resolve("recipes", self.method)
        return found.but(**{**self.changes, "seed": seed})

    @property
    def drawn(self) -> bool:
        """Whether anything in it depends on the seed."""
        return self.kind != "filter"


_PLAIN = {"message": "citation", "features": "l2"}
_JOINED = {"message": "citation+knn", "features": "l2"}
_WORDS = {"message": "citation+knn", "features": "sqrt-idf"}

MAIN: tuple[Row, ...] = (
    Row("raw features", "filter", changes={"features": "l2", "hops": 0}),
    Row("smoothing, 2 hops", "filter", changes={**_PLAIN, "hops": 2}),
    Row("smoothing, 16 hops", "filter", changes={**_PLAIN, "hops": 16}),
    Row("smoothing, 16 hops, + kNN", "filter", changes={**_JOINED, "hops": 16}),
    Row("smoothing, 16 hops, + kNN, root of idf", "filter", changes={**_WORDS, "hops": 16}),
    Row("nodes, untrained", changes={"epochs": 0}),
    Row("nodes"),
    Row("nodes-mlp", method="nodes-mlp"),
    Row("genurl-nodes", method="genurl-nodes"),
    Row("genurl-nodes dynamic", method="genurl-nodes", changes={"dynamic": True}),
)

#: GenURL's Table VII: losses × input graph × static or dynamic, with its own recipe.
LOSSES: tuple[Row, ...] = tuple(
    Row(
        f"{loss} {graph} {'dynamic' if dynamic else 'static'}", method="genurl-nodes",
        changes={"loss": loss, "graph": graph, "dynamic": dynamic}, group="losses",
    )
    for loss in ("mse", "kl", "bce", "gkl", "infonce")
    for graph in ("knn", "citation", "citation+knn")
    for dynamic in (False, True)
)  # fmt: skip

#: GenURL's Fig. 9: the degrees of freedom of the embedded similarity.
NU = tuple(
    Row(f"nu_z {nu:g}", method="genurl-nodes", changes={"nu_z": nu}, group="nu")
    for nu in (0.01, 0.1, 1.0, 10.0, 100.0, 1000.0)
)

GROUPS = ("main", "losses", "nu")
ROWS = (*MAIN, *LOSSES, *NU)


def peers(folder: Path) -> list[Row]:
    """A line for each method in a folder: a Python file with `NAME` and `embed(x, edge_index, *, seed, data)`."""
    return [Row(name, "peer", file=path) for name, path in methods(folder, "embed(x, edge_index, *, seed, data)")]
