"""Choosing settings without labels: NMI(f, f') · R(f, f') of two views (CLD, unsupervised tuning)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from graphurl import registry
from graphurl.augment.views import make_views
from graphurl.data.pixels import CHUNK, Pixels
from graphurl.data.samples import Samples
from graphurl.data.stacks import Images
from graphurl.embedding import Embedding, write_json
from graphurl.encoders.base import Inputs
from graphurl.errors import InputError
from graphurl.evaluation.agreement import agreement, rank_agreement
from graphurl.evaluation.protocols import fast_linear
from graphurl.evaluation.retrieval import weighted_knn
from graphurl.model import Model
from graphurl.recipes import PictureRecipe
from graphurl.runs import execute, plain
from graphurl.source import Loaded

#: Views that the score is taken on: the same for every setting, whatever the setting trains with.
SCORED_ON = "cifar"
#: Pictures that the score is taken on.
SCORED = 2000


@dataclass(frozen=True)
class Trial:
    """One setting.

    Attributes:
        changes: What differs from the recipe.
        scores: nmi, retrieval, score, alignment and uniformity of two views, found without labels.
        accuracy: knn and linear accuracy where labels exist, else empty.
        folder: The run.
    """

    changes: Mapping[str, Any]
    scores: Mapping[str, float]
    accuracy: Mapping[str, float]
    folder: str


def grid(words: Sequence[str]) -> list[dict[str, str]]:
    """All combinations of key=value,value words.

    Args:
        words: Such as temperature=0.1,0.2,0.5.
    """
    axes = []
    for word in words:
        key, equals, values = word.partition("=")
        options = [value for value in values.split(",") if value]
        if not (key and equals and options):
            raise InputError(f"{word!r} names no values: give key=value,value such as temperature=0.1,0.2")
        axes.append([(key.strip(), value.strip()) for value in options])
    if not axes:
        raise InputError("nothing to vary: give at least one key=value,value such as temperature=0.1,0.2")
    return [dict(combination) for combination in itertools.product(*axes)]


def tune(
    loaded: Loaded,
    recipe: PictureRecipe,
    changes: Sequence[Mapping[str, Any]],
    folder: Path,
    *,
    clusters: int = 10,
    device: str = "auto",
    progress: bool = False,
) -> list[Trial]:
    """Trains every setting and ranks them by the agreement of two views.

    Trials are run folders: a tuning that was stopped goes on where it was.

    Args:
        loaded: The pictures.
        recipe: What all settings share.
        changes: What differs, one mapping a setting.
        folder: Where the runs go.
        clusters: Clusters of the score; the number of classes where one has an idea of it.
        device: auto, cpu, cuda or mps.
        progress: Show a progress bar on a terminal.

    Returns:
        The trials, best score first.
    """
    recipes = [recipe.but(**change) for change in changes]  # all are checked before the first one trains
    trials = []
    for change, chosen in zip(changes, recipes, strict=True):
        place = folder / "-".join(f"{key}={value}" for key, value in change.items()).replace("/", "_")
        execute(loaded, chosen, place, device=device, resume=place.exists(), progress=progress)
        trials.append(judge(place, loaded.samples, change, clusters))
    trials.sort(key=lambda trial: -trial.scores["score"])
    write_json(folder / "tuning.json", plain({"trials": [vars(t) for t in trials], "ranking": ranking(trials)}))
    return trials


def judge(folder: Path, samples: Samples, change: Mapping[str, Any], clusters: int) -> Trial:
    """The score of a finished run, and its accuracy where labels exist."""
    run = Embedding.load(folder)
    assert samples.images is not None
    first, second = two_views(run.model, samples.images, run.recipe.seed)
    scores = agreement(first.numpy(), second.numpy(), min(clusters, len(first) - 1), run.recipe.seed)
    kept = {key: float(scores[key]) for key in ("score", "nmi", "retrieval", "alignment", "uniformity")}
    return Trial(dict(change), kept, accuracy(run, samples), str(folder))


def two_views(model: Model, images: Images, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Embeddings of two random views of some pictures, the same views for every model."""
    pixels, plan = model.preparation, registry.resolve("views", SCORED_ON)
    assert isinstance(pixels, Pixels)
    picked = torch.linspace(0, len(images) - 1, min(len(images), SCORED)).long()
    generator = torch.Generator().manual_seed(seed)
    found: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    for rows in torch.split(picked, CHUNK):
        views, _ = make_views(images.take(rows), plan, 2, pixels.side, generator, mean=pixels.mean, std=pixels.std)
        for kept, view in zip(found, views, strict=True):
            kept.append(model.place([Inputs(view)]))
    return torch.cat(found[0]), torch.cat(found[1])


def accuracy(run: Embedding, samples: Samples) -> dict[str, float]:
    """What labels say, for those who have some: takes no part in the ranking."""
    if samples.y is None or samples.num_classes < 2:
        return {}
    y, splits = samples.y.numpy(), {name: mask.numpy() for name, mask in samples.splits.items()} or None
    return {
        "knn": weighted_knn(run.z, y, splits=splits)["weighted_knn_20"],
        "linear": fast_linear(run.z, y, splits=splits)["accuracy"],
    }


def ranking(trials: Sequence[Trial]) -> dict[str, Any] | None:
    """How the ranking without labels agrees with that by linear accuracy; None where there is nothing to compare."""
    if len(trials) < 3 or not all(trial.accuracy for trial in trials):
        return None
    scores, accuracies = [t.scores["score"] for t in trials], [t.accuracy["linear"] for t in trials]
    if len(set(scores)) < 2 or len(set(accuracies)) < 2:  # all alike: there is no order
        return None
    return rank_agreement(scores, accuracies)
