"""Maps of unlike things, each from one call; docs/gallery.md shows what it draws."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from see_an_embedding import small
from sklearn.datasets import load_digits

import graphurl
from graphurl.plots import scatter

Scene = Callable[[dict[str, Any], Path], object]


def digits(short: dict[str, Any], path: Path) -> object:
    """Rows of numbers: the default."""
    return graphurl.embed("digits", seed=0, **short).plot(path)


def clusters(short: dict[str, Any], path: Path) -> object:
    """Groups within groups."""
    return graphurl.embed("nested-clusters", seed=0, **short).plot(path)


def roll(short: dict[str, Any], path: Path) -> object:
    """A sheet that is rolled up, coloured along the roll."""
    return graphurl.embed("swiss-roll", seed=0, **short).plot(path)


def model(short: dict[str, Any], path: Path) -> object:
    """A model that places new rows: half of the digits are fitted, the other half is drawn."""
    x, y = load_digits(return_X_y=True)
    mapper = graphurl.Embedder(encoder="charts", random_state=0, n_epochs=short.get("epochs")).fit(x[::2])
    return scatter(mapper.transform(x[1::2]), y=y[1::2], path=path)


def half_labelled(short: dict[str, Any], path: Path) -> object:
    """Labels where they are known: every second digit has one, the others follow."""
    x, y = load_digits(return_X_y=True)
    known = np.where(np.arange(len(y)) % 2, y, -1)
    mapper = graphurl.Embedder(target_weight=0.1, random_state=0, n_epochs=short.get("epochs"))
    return scatter(mapper.fit_transform(x, known), y=y, path=path)


def papers(short: dict[str, Any], path: Path) -> object:
    """Nodes of a graph: vectors first, then a map of them, with the edges."""
    nodes = graphurl.embed("toy-citation", seed=0, **short)
    places = graphurl.Embedder(metric="cosine", random_state=0, n_epochs=short.get("epochs")).fit_transform(nodes.z)
    return scatter(places, y=nodes.samples.y, edges=nodes.samples.graph, path=path, theme="dark")


SCENES: dict[str, Scene] = {
    "digits": digits, "clusters": clusters, "roll": roll, "model": model, "half-labelled": half_labelled,
    "papers": papers,
}  # fmt: skip


def main() -> None:
    """Draws all of them."""
    parser = argparse.ArgumentParser(description=__doc__.partition(";")[0])
    parser.add_argument("--fast", action="store_true", help="a few epochs only")
    parser.add_argument("--out", type=Path, default=Path("gallery"))
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, scene in SCENES.items():
        path = arguments.out / f"{name}.png"
        scene({"epochs": 5} if arguments.fast else {}, path)
        small(path)
        print(f"picture: {path}")


if __name__ == "__main__":
    main()
