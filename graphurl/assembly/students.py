"""Runs of a student on rows of numbers: draw, encoder and terms from a recipe and a teacher."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from graphurl import registry
from graphurl.assembly.parts import Parts
from graphurl.assembly.pictures import compare
from graphurl.data.preparation import Preparation
from graphurl.data.samples import Samples
from graphurl.encoders.base import Encoder, Inputs, as_encoder
from graphurl.encoders.heads import build_head
from graphurl.errors import InputError
from graphurl.functional.distance import unit_rows
from graphurl.functional.projection import leading_directions
from graphurl.functional.randomness import drawn_from
from graphurl.graphs import knn
from graphurl.recipes.distill import DistillRecipe
from graphurl.relations.feeds import RowFeed
from graphurl.relations.knowledge import Knowledge
from graphurl.relations.relation import Draw
from graphurl.relations.shuffled import NearBatches, RowBatches
from graphurl.terms.context import Builder, Context


def assemble_student(
    samples: Samples,
    recipe: DistillRecipe,
    teacher: Knowledge,
    *,
    encoder: nn.Module | None = None,
    add: Sequence[Builder] = (),
) -> Parts:
    """Builds everything that is trained.

    Args:
        samples: The data.
        recipe: The choices.
        teacher: What the teacher knows of them.
        encoder: A module to use instead of the recipe's.
        add: Terms of the user's own.

    Returns:
        The parts.
    """
    if samples.x is None:
        raise InputError(f"{samples.name}: the student reads rows of numbers and there are none: give features")
    if recipe.add not in ("", "none"):
        raise InputError(f"add is {recipe.add!r} and the student reads rows: what is added compares views of pictures")
    generator = torch.Generator().manual_seed(recipe.seed)
    preparation = Preparation.fit(kind_of_features(recipe, samples.x, teacher), samples.x)
    x = preparation.apply(samples.x)
    model = as_encoder(encoder) if encoder is not None else build_student(recipe, x.shape[1], generator)
    model.learn(Inputs(x), leading_places(x, recipe.dim, teacher, generator), generator)
    with torch.no_grad():
        width = model(Inputs(x[:2])).z.shape[1]
    head = build_head(recipe.head, width, recipe.dim, hidden=recipe.hidden, generator=generator)
    context = Context(recipe, model, width, head, len(samples), 0, generator, teacher=teacher)
    objective = compare(context, build_draw(recipe, teacher, RowFeed(x)), add)
    name = recipe.encoder if encoder is None else "custom"
    kept = head if recipe.output == "projection" and recipe.head != "none" else None
    return Parts(objective, None, preparation, Inputs(x), name, kept)


def kind_of_features(recipe: DistillRecipe, x: Tensor, teacher: Knowledge) -> str:
    """How rows are prepared: those of the teacher itself become unit rows, as the teacher is compared."""
    if recipe.features != "auto":
        return recipe.features
    said = teacher.vectors
    own = said is not None and teacher.numbers is None and said.shape == x.shape and x.layout == torch.strided
    return "l2" if own and (said is x or torch.equal(said, x)) else "scale"  # type: ignore[arg-type]


def leading_places(x: Tensor, dim: int, teacher: Knowledge, generator: torch.Generator) -> Tensor:
    """The teacher's unit rows along their leading directions: the best linear map of them, from which a student starts.

    A graph has no vectors; the student's own rows take their place.
    """
    rows = x if teacher.vectors is None else teacher.of(torch.arange(len(x)))
    unit = unit_rows(rows.to_dense() if rows.layout != torch.strided else rows)
    places = unit @ leading_directions(unit, dim, generator).T
    return torch.nn.functional.pad(places, (0, dim - places.shape[1]))


def build_student(recipe: DistillRecipe, num_features: int, generator: torch.Generator) -> Encoder:
    """The recipe's encoder with freshly drawn weights; the global random state is left alone."""
    kind = registry.resolve("encoders", recipe.encoder)
    if kind.needs != "rows":
        raise InputError(
            f"the encoder {recipe.encoder!r} reads no rows of numbers: use mlp, or hand over pictures to a student "
            "that reads them"
        )
    with drawn_from(generator):
        encoder: Encoder = kind(num_features, recipe.dim, hidden=recipe.hidden, depth=recipe.depth)
    return encoder


def build_draw(recipe: DistillRecipe, teacher: Knowledge, feed: RowFeed) -> Draw:
    """Rows in a new order each epoch; with `near` a part of a batch are the teacher's neighbours of the rest."""
    if not recipe.near:
        return RowBatches(len(teacher), feed, recipe.batch_size)
    k = min(recipe.n_neighbors, len(teacher) - 1)
    graph = teacher.graph
    if graph is None:
        assert teacher.vectors is not None
        graph = knn(teacher.vectors, k, metric="cosine", seed=recipe.seed)
    return NearBatches(graph.crow, graph.col, feed, recipe.batch_size, recipe.near)
