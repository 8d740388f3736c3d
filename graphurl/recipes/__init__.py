"""Recipes: named sets of plain values, one file a task."""

from __future__ import annotations

from graphurl.recipes.recipe import Recipe

__all__ = ["Recipe"]
