"""Loss and embedded similarity of a recipe, and what they allow."""

from __future__ import annotations

from graphurl import registry
from graphurl.functional.field import DIMENSIONS
from graphurl.losses.base import Loss
from graphurl.recipes.choices import Choices
from graphurl.recipes.recipe import Recipe
from graphurl.relations.routes import is_radial
from graphurl.similarity import Similarity

#: Settings of a recipe that a loss may have.
_SETTINGS = ("gamma", "power", "temperature", "over", "push", "early_push", "early")


def loss_of(recipe: Choices) -> Loss:
    """The recipe's loss with the settings that it has."""
    kind = registry.resolve("losses", recipe.loss)
    known = {name: getattr(recipe, name) for name in _SETTINGS if hasattr(recipe, name)}
    fields = kind.__dataclass_fields__
    if recipe.loss == "infonce":
        known.pop("over")
    loss: Loss = kind(**{key: value for key, value in known.items() if key in fields})
    return loss


def similarity_of(recipe: Choices, loss: Loss) -> Similarity:
    """The kernel on the embedded side; what is auto starts at the loss's own default."""
    heavy_tail = 0.01 if loss.additive else 1.0
    return Similarity(
        nu=heavy_tail if recipe.nu_z == "auto" else float(recipe.nu_z),
        sigma=1.0 if recipe.sigma_z == "auto" else float(recipe.sigma_z),
        mu=0.0 if recipe.mu_z == "auto" else float(recipe.mu_z),
        metric=recipe.metric_z,
        normalised=recipe.normalised,
    )


def by_sums(recipe: Recipe) -> bool:
    """Whether all pairs are added up at once whatever their number: free coordinates, and a loss of radial sums.

    On a grid where there are few dimensions, else by some columns.
    """
    loss = loss_of(recipe)
    summed = recipe.dim in DIMENSIONS or recipe.columns > 0
    return recipe.free and summed and is_radial(loss, similarity_of(recipe, loss))
