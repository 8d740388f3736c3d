"""What a saved embedding can be judged and coloured by: the data of its run, where they can still be read."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from graphurl.errors import InputError

if TYPE_CHECKING:
    import numpy as np

    from graphurl.data.samples import Samples
    from graphurl.recipes import Choices


@dataclass(frozen=True)
class Saved:
    """A saved embedding with what is known about its rows.

    Attributes:
        name: What to call it.
        z: Embeddings, N × d.
        samples: The data it was made of, or None where they cannot be read.
        task: dr, ge or ssl; rows of a dr run are a space to compare with.
        seed: Seed of the run.
        recipe: Its settings; None for a file.
    """

    name: str
    z: np.ndarray
    samples: Samples | None
    task: str
    seed: int = 0
    recipe: Choices | None = None


def saved(path: str, labels: str | None = None, root: str | None = None) -> Saved:
    """Reads a run folder, or a file with embeddings.

    Args:
        path: Run folder or file.
        labels: File with a label for each row; it replaces those of the data.
        root: Folder with data sets.

    Returns:
        The embedding. Data that cannot be read any more are left out with a warning.
    """
    from graphurl.data import Samples

    found = _run(Path(path), root) if Path(path).is_dir() else _file(path)
    samples = found.samples
    if samples is not None and len(samples) != len(found.z):
        warnings.warn(
            f"{path}: its data have {len(samples)} samples now, {len(found.z)} were embedded: left out",
            stacklevel=2,
        )
        found, samples = replace(found, samples=None), None
    if labels is None:
        return found
    import torch

    from graphurl.source import read_classes

    if samples is None:
        samples = Samples(name=found.name, x=torch.from_numpy(found.z), ids=ids_of(Path(path), len(found.z)))
        found = replace(found, task="ge")  # the rows are the embedding itself, not a space to compare with
    y, classes = read_classes(labels, samples)
    return replace(found, samples=replace(samples, y=y, classes=classes))


def ids_of(folder: Path, n: int) -> tuple[str, ...] | None:
    """The names of the rows of a run, where it has any."""
    if not (folder / "ids.txt").is_file():
        return None
    names = tuple((folder / "ids.txt").read_text(encoding="utf-8").splitlines())
    return names if len(names) == n else None


def _run(folder: Path, root: str | None) -> Saved:
    from graphurl.embedding import read_array, read_config
    from graphurl.source import Source

    recipe, record = read_config(folder / "config.yaml")
    z = read_array(folder / "embedding.npy")
    name = str(record.get("name", folder.name))
    try:
        pictures = recipe.pictures
        side = getattr(recipe, "side", None) if pictures else None
        loaded = Source.from_record(record).load(root, pictures=pictures, side=side)
    except (InputError, OSError) as error:
        warnings.warn(f"{folder}: the data of the run are left out ({error})", stacklevel=2)
        return Saved(name, z, None, recipe.task, recipe.seed, recipe)
    if record.get("sha256") not in (None, loaded.record["sha256"]):
        warnings.warn(f"{folder}: {name} has changed since the run", stacklevel=2)
    return Saved(name, z, loaded.samples, recipe.task, recipe.seed, recipe)


def _file(path: str) -> Saved:
    from graphurl.source import Source

    samples = Source(features=path).load().samples
    if samples.x is None:
        raise InputError(f"{path} holds no rows of numbers: give a run folder or a file of embeddings")
    # The rows are the embedding; labels and names of the file belong to them.
    return Saved(samples.name, samples.x.to_dense().numpy(), samples, task="ge")
