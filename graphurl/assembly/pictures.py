"""Runs on pictures: draw of views, encoder, heads and terms from a recipe."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphurl import registry
from graphurl.assembly.parts import Parts
from graphurl.data.pixels import Gallery, Pixels
from graphurl.data.samples import Samples
from graphurl.encoders.base import Encoder, Inputs, as_encoder
from graphurl.encoders.foreign import Named
from graphurl.encoders.heads import build_head
from graphurl.errors import InputError
from graphurl.functional.randomness import drawn_from
from graphurl.functional.ranks import current
from graphurl.recipes.pictures import LARGEST_SIDE, PictureRecipe
from graphurl.relations.draws import ViewBatches, Viewing
from graphurl.relations.knowledge import Knowledge
from graphurl.relations.objective import Objective
from graphurl.relations.relation import Draw
from graphurl.terms.context import Builder, Context
from graphurl.terms.teachers import method

#: Splits whose pictures are trained on, where there are splits.
TRAINED_ON = ("train", "unlabeled", "unlabelled")


def assemble_pictures(
    samples: Samples,
    recipe: PictureRecipe,
    *,
    encoder: nn.Module | None = None,
    add: Sequence[Builder] = (),
    device: torch.device | str = "cpu",
    teacher: Knowledge | None = None,
) -> Parts:
    """Builds draw, encoder and terms from a recipe.

    Args:
        samples: The pictures.
        recipe: The choices.
        encoder: A module to use instead of the recipe's.
        add: Terms of the user's own, built after those of the recipe.
        device: Where views are made.
        teacher: What a teacher knows of the samples.

    Returns:
        The parts.
    """
    assert samples.images is not None
    generator = torch.Generator().manual_seed(recipe.seed)
    images, rows = samples.images, training_rows(samples)
    pixels = Pixels.fit(images, recipe.side_for(images.shape), rows)
    label, classes = class_numbers(samples.y)
    draw = ViewBatches(
        images, viewing(recipe, pixels), recipe.batch_size, rows=rows, label=label, device=device
    )
    model = as_encoder(encoder) if encoder is not None else build_encoder(recipe, pixels, generator)
    width = feature_width(model, pixels.apply(images.take(rows[:2])))
    head = build_head(recipe.head, width, recipe.dim, hidden=recipe.hidden, generator=generator)
    known = None if teacher is None else teacher.among(rows)
    context = Context(recipe, model, width, head, len(rows), classes, generator, teacher=known)
    objective = compare(context, draw, add)
    name = recipe.encoder if encoder is None else "custom"
    kept = head if recipe.output == "projection" and recipe.head != "none" else None
    return Parts(objective, None, pixels, Gallery(images, pixels), name, kept)


def compare(context: Context, draw: Draw, add: Sequence[Builder] = ()) -> Objective:
    """The objective of a recipe's terms and the user's own, calibrated on a first batch."""
    if current().size > 1:
        raise InputError(
            f"{current().size} processes share a run on views of pictures: so far only runs on a graph are divided, "
            "start one process, without torchrun"
        )
    recipe = context.recipe
    for name in recipe.terms:
        known = name in registry.names("terms") or name not in registry.names("recipes")
        context.terms.append(registry.resolve("terms", name)(context) if known else method(context, name))
    for builder in add:
        context.terms.append(builder(context))
    # The method's own term alone: in an addition's similarity σ is its temperature.
    own = Objective(context.encoder, draw, context.terms[:1])
    own.calibrate(context.generator, mu=recipe.mu_z == "auto", sigma=recipe.sigma_z == "auto")
    return Objective(context.encoder, draw, context.terms)


def training_rows(samples: Samples) -> Tensor:
    """Numbers of the pictures that are trained on: never those of a test split."""
    chosen = [mask for name, mask in samples.splits.items() if name in TRAINED_ON]
    if chosen:
        return torch.stack(chosen).any(dim=0).nonzero()[:, 0]
    held_out = [torch.zeros(len(samples), dtype=torch.bool), *samples.splits.values()]
    return (~torch.stack(held_out).any(dim=0)).nonzero()[:, 0]


def class_numbers(y: Tensor | None) -> tuple[Tensor | None, int]:
    """Classes counted from 0 without gaps, however the user numbers them (-1 stays), and how many there are."""
    if y is None:
        return None, 0
    found, place = torch.unique(y, return_inverse=True)
    unknown = int((found < 0).sum())
    return place - unknown, len(found) - unknown


def viewing(recipe: PictureRecipe, pixels: Pixels) -> Viewing:
    """How pictures become views."""
    plan = registry.resolve("views", recipe.views)
    mix = recipe.mix if recipe.mixes else "none"
    return Viewing(plan, recipe.num_views, pixels.side, pixels.mean, pixels.std, mix)


def build_encoder(recipe: PictureRecipe, pixels: Pixels, generator: torch.Generator) -> Encoder:
    """The recipe's encoder with freshly drawn weights; the global random state is left alone."""
    with drawn_from(generator):
        if ":" in recipe.encoder:
            return Named(recipe.encoder, channels=pixels.channels, side=pixels.side)
        kind = registry.resolve("encoders", recipe.encoder)
        if kind.needs != "pictures":
            raise InputError(f"the encoder {recipe.encoder!r} reads no pictures: choose one of {', '.join(readers())}")
        settings: dict[str, Any] = {"channels": pixels.channels}
        if "stem" in kind.__init__.__annotations__:
            found = "cifar" if pixels.side <= LARGEST_SIDE else "imagenet"
            settings["stem"] = found if recipe.stem == "auto" else recipe.stem
        elif recipe.stem != "auto":
            raise InputError(f"stem is {recipe.stem!r} and {recipe.encoder} begins in one way only: leave it at auto")
        encoder: Encoder = kind(**settings)
        return encoder


def readers() -> list[str]:
    """Names of the encoders that read pictures."""
    return [name for name in registry.names("encoders") if registry.resolve("encoders", name).needs == "pictures"]


def feature_width(model: Encoder, example: Tensor) -> int:
    """Dimension of the features, known or found by one pass."""
    known = getattr(model, "width", None)
    if isinstance(known, int):
        return known
    training = model.training
    model.eval()
    with torch.no_grad():
        z = model(Inputs(example)).z
    model.train(training)
    if z.ndim != 2:
        raise InputError(f"the encoder returns {tuple(z.shape)} for 2 pictures: it has to return a row a picture")
    return int(z.shape[1])
