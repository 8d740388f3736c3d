"""Every figure by its name, of whatever a run has: what a figure asks for is read off its arguments, as for metrics."""

from __future__ import annotations

import inspect
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from graphurl import registry
from graphurl.data.stacks import PLAIN, Images, Shape, to_bytes
from graphurl.errors import InputError
from graphurl.evaluation.metrics import MAP_DIMENSIONS
from graphurl.plots.canvas import Theme
from graphurl.recipes import Choices, PictureRecipe
from graphurl.similarity import Similarity

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from graphurl.data.samples import Samples

_WORDS = {
    "x": "the rows of numbers that the map was made of", "y": "labels", "images": "the pictures",
    "history": "a record of the training (metrics.jsonl)", "recipe": "a run on pictures", "embeddings": "several runs",
}  # fmt: skip


def known(
    z: np.ndarray,
    samples: Samples | None = None,
    recipe: Choices | None = None,
    history: Sequence[Mapping[str, Any]] = (),
    title: str | None = None,
) -> dict[str, Any]:
    """What the figures may be drawn of.

    Args:
        z: The embedding.
        samples: The data, where they are at hand.
        recipe: The settings of the run, where it is one.
        history: A record an epoch.
        title: What stands above.

    Returns:
        Values by the names of arguments; None where there is nothing.
    """
    dr = recipe is not None and recipe.task == "dr"
    flat = dr or z.ndim < 2 or z.shape[1] <= MAP_DIMENSIONS
    labels = None if samples is None or samples.y is None else samples.y.numpy()
    metric = getattr(recipe, "metric", "given")
    nu = getattr(recipe, "nu_z", 1.0)
    return {
        "z": z,
        "x": samples.x if samples is not None and dr else None,
        "y": labels,
        "classes": None if samples is None else samples.classes,
        "ids": None if samples is None else samples.ids,
        "images": pictures_of(samples),
        "recipe": recipe if isinstance(recipe, PictureRecipe) else None,
        "history": list(history) or None,
        "metric": "euclidean" if metric == "given" else metric,
        "metric_z": "euclidean" if flat else "cosine",
        "similarity": Similarity(nu=1.0 if nu == "auto" or math.isinf(nu) else nu) if flat else None,
        "title": title,
    }


def lacking(name: str, given: Mapping[str, Any]) -> list[str]:
    """What a figure asks for and is not there, in words.

    Args:
        name: Name of a figure.
        given: What there is, see `known`.
    """
    parameters = inspect.signature(registry.resolve("figures", name)).parameters.values()
    needed = [p.name for p in parameters if p.default is p.empty and p.name != "z"]
    # Labels are a choice for some figures; for those by class they are what they are about.
    return [_WORDS.get(word, word) for word in needed if given.get(word) is None]


def draw(
    name: str, given: Mapping[str, Any], path: str | Path | None = None, theme: str | Theme = "light"
) -> Figure:
    """Draws a figure by its name.

    Args:
        name: One of `registry.names("figures")`.
        given: What there is, see `known`.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.

    Raises:
        InputError: An unknown name, or something that the figure needs and that is not there.
    """
    function = registry.resolve("figures", name)
    missing = lacking(name, given)
    if missing:
        raise InputError(f"the figure {name} needs {' and '.join(missing)}, which are not there: see --labels, "
                         "--data-root, or draw another one (graphurl list figures)")  # fmt: skip
    parameters = inspect.signature(function).parameters
    wanted = {key: value for key, value in given.items() if key in parameters and value is not None}
    figure: Figure = function(**wanted, path=path, theme=theme)
    return figure


def differing(recipes: Mapping[str, Choices]) -> dict[str, str]:
    """What to write above each of several runs: the one setting in which they differ, or their names.

    Args:
        recipes: The settings by the name of the run.

    Returns:
        A heading by name, in rising order of the setting where it is a number.
    """
    values = {name: recipe.to_dict() for name, recipe in recipes.items()}
    keys = list(dict.fromkeys(key for of in values.values() for key in of))
    differ = [key for key in keys if len({repr(of.get(key)) for of in values.values()}) > 1]
    if len(differ) != 1 or len({repr(of.get(differ[0])) for of in values.values()}) < len(values):
        return {name: name for name in recipes}
    key = differ[0]
    found: dict[str, Any] = {name: of.get(key) for name, of in values.items()}
    numbers = all(isinstance(value, int | float) for value in found.values())
    order = sorted(found, key=lambda name: found[name]) if numbers else list(found)
    return {name: f"{key} = {_short(found[name])}" for name in order}


@dataclass(frozen=True)
class _Flat:
    """Pictures that lie flat as rows of numbers; only those that are taken become bytes."""

    x: Tensor
    shape: Shape
    name: str

    def __len__(self) -> int:
        return len(self.x)

    def take(self, indices: Tensor) -> Tensor:
        return torch.from_numpy(to_bytes(self.x[indices].numpy(), self.name).reshape(len(indices), *self.shape))


def pictures_of(samples: Samples | None) -> Images | None:
    """The pictures of samples, also where they lie flat."""
    if samples is None or samples.images is not None or samples.x is None:
        return None if samples is None else samples.images
    shape, strided = samples.shape, samples.x.layout == torch.strided
    if shape is None or len(shape) != 3 or shape[0] not in PLAIN or not strided:
        return None
    return _Flat(samples.x, (shape[0], shape[1], shape[2]), samples.name)


def _short(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
