"""Assembly: the one place where names become parts."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from graphurl.assembly.graphs import (
    assemble_graph,
    build_draw,
    build_encoder,
    build_feed,
    prepared,
    similarity_graph,
    similarity_parts,
)
from graphurl.assembly.message import message_edges, settled
from graphurl.assembly.parts import Parts
from graphurl.assembly.pictures import assemble_pictures
from graphurl.assembly.students import assemble_student
from graphurl.data.samples import Samples
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph
from graphurl.recipes import Choices, DistillRecipe, PictureRecipe, Recipe
from graphurl.relations.knowledge import Knowledge
from graphurl.terms.context import Builder

__all__ = [
    "Parts",
    "assemble",
    "build_draw",
    "build_encoder",
    "build_feed",
    "message_edges",
    "prepared",
    "settled",
    "similarity_graph",
    "similarity_parts",
]


def assemble(
    samples: Samples,
    recipe: Choices,
    *,
    graph: Graph | None = None,
    encoder: nn.Module | None = None,
    add: Sequence[Builder] = (),
    device: torch.device | str = "cpu",
    teacher: Knowledge | None = None,
) -> Parts:
    """Builds everything that is trained, from a recipe.

    Args:
        samples: The data.
        recipe: The choices; their kind says what is built.
        graph: A similarity graph to use instead of the recipe's.
        encoder: A module to use instead of the recipe's.
        add: Terms of the user's own, for pictures.
        device: Where views of pictures are made, and a layout that is to be learnt.
        teacher: What a teacher knows of the samples.

    Returns:
        The parts.
    """
    if (teacher is not None) != isinstance(recipe, DistillRecipe):
        lacking = (
            "a teacher and a recipe that reads none" if teacher is not None else "a recipe for students and no teacher"
        )
        raise InputError(f"{lacking} are given: use graphurl.Distiller or graphurl distill --teacher")
    if isinstance(recipe, DistillRecipe):
        assert teacher is not None
        teacher = teacher.centred() if recipe.centre else teacher
        if not recipe.pictures:
            return assemble_student(samples, recipe, teacher, encoder=encoder, add=add)
    if isinstance(recipe, PictureRecipe):
        if graph is not None:
            raise InputError("a similarity graph and a method for pictures are both given: views relate the pictures")
        return assemble_pictures(samples, recipe, encoder=encoder, add=add, device=device, teacher=teacher)
    assert isinstance(recipe, Recipe)
    if add:
        raise InputError("terms to add are given to a recipe for graphs: choose a method for pictures, such as simclr")
    return assemble_graph(samples, recipe, graph=graph, encoder=encoder, device=device)
