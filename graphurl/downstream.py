"""What a trained encoder of pictures is worth elsewhere: with few labels, and on other data."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from graphurl import registry
from graphurl.augment.views import make_views
from graphurl.data.pixels import Pixels
from graphurl.data.samples import Samples
from graphurl.embedding import Embedding
from graphurl.errors import InputError
from graphurl.evaluation.finetune import finetune
from graphurl.evaluation.report import Report, evaluate
from graphurl.recipes import PictureRecipe

#: Measured on another data set.
TRANSFERRED = ("linear_probe", "weighted_knn_20", "recall_1")


def finetuned(run: Embedding, samples: Samples, share: float, *, seed: int = 0, epochs: int = 20) -> dict[str, Any]:
    """Test accuracy after training the encoder on a share of the labels, beside that of random weights.

    Args:
        run: A run on pictures.
        samples: Its pictures, with labels and the splits train and test.
        share: Share of the training labels.
        seed: Draws the labels.
        epochs: Passes over the labelled pictures.

    Returns:
        accuracy, control (the same from random weights) and protocol.
    """
    recipe, pixels, images = run.recipe, run.model.preparation, samples.images
    if not isinstance(recipe, PictureRecipe) or not isinstance(pixels, Pixels) or images is None:
        raise InputError("fine-tuning needs a run on pictures: train with a method such as simclr")
    if samples.y is None or not {"train", "test"} <= set(samples.splits):
        raise InputError(f"{samples.name}: fine-tuning needs labels and the splits train and test")
    plan, generator = registry.resolve("views", recipe.views), torch.Generator().manual_seed(seed)

    def feed(rows: Tensor) -> Tensor:
        views, _ = make_views(images.take(rows), plan, 1, pixels.side, generator, mean=pixels.mean, std=pixels.std)
        return views[0]

    def whole(rows: Tensor) -> Tensor:
        return pixels.apply(images.take(rows))

    splits = {name: mask.numpy() for name, mask in samples.splits.items()}
    settings: dict[str, Any] = {"share": share, "seed": seed, "epochs": epochs}
    found = finetune(run.model.encoder, feed, whole, samples.y.numpy(), splits, **settings)
    generator.manual_seed(seed)
    control = finetune(fresh(run, seed), feed, whole, samples.y.numpy(), splits, **settings)
    return {**found, "control": control["accuracy"]}


def fresh(run: Embedding, seed: int) -> torch.nn.Module:
    """The run's encoder with random weights."""
    name = run.model.name
    if name == "custom":
        raise InputError("the run holds a module of your own: the control needs an encoder that has a name")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        encoder: torch.nn.Module = type(run.model.encoder)(**run.model.encoder.config())
    return encoder


def transferred(run: Embedding, samples: Samples, *, seed: int = 0) -> Report:
    """How well another data set's classes can be read off the embedding of its pictures.

    Args:
        run: A run on pictures.
        samples: Other pictures with labels.
        seed: Draws what the metrics draw.
    """
    if samples.images is None or samples.y is None:
        raise InputError(f"{samples.name}: transfer needs pictures with labels")
    z = run.model.transform_pictures(samples.images).numpy()
    return evaluate(z, y=samples.y, splits=samples.splits or None, metrics=TRANSFERRED, seed=seed)
