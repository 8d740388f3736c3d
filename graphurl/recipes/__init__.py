"""Recipes: named sets of plain values, one file a task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphurl.errors import unknown
from graphurl.recipes.choices import Choices
from graphurl.recipes.distill import DistillRecipe
from graphurl.recipes.pictures import PictureRecipe
from graphurl.recipes.recipe import Recipe

__all__ = ["Choices", "DistillRecipe", "PictureRecipe", "Recipe", "recipe_of"]


def recipe_of(values: Mapping[str, Any]) -> Choices:
    """The recipe of plain values, of the kind that their task needs; without one, a recipe for graphs."""
    kinds: tuple[type[Choices], ...] = (Recipe, PictureRecipe, DistillRecipe)
    task = values.get("task", Recipe.task)
    for kind in kinds:
        if task in kind.tasks:
            return kind.from_dict(values)
    raise unknown("task", task, [task for kind in kinds for task in kind.tasks])
