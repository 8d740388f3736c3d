"""Pictures of 8 × 8 pixels, a network for them, and runs that end in a moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from graphurl import registry
from graphurl.assembly import Parts, assemble
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.recipes import PictureRecipe
from graphurl.relations import Objective
from graphurl.terms import Builder
from graphurl.training import Settings, Trained, Trainer
from graphurl.training.callbacks import Callback

NAMES = [name for name in registry.names("recipes") if registry.resolve("recipes", name).task == "ssl"]
SMALL: dict[str, Any] = {
    "dim": 8, "hidden": 16, "batch_size": 16, "epochs": 2, "queue_size": 24, "cld_groups": 4,
    "precision": "float32",
}  # fmt: skip


def samples(n: int = 40, channels: int = 3, **more: Any) -> Samples:
    """Coloured noise around one of four patterns, which is the class."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 4
    pattern = torch.rand(4, channels, 8, 8, generator=generator)
    noise = torch.rand(n, channels, 8, 8, generator=generator)
    pixels = (255 * (0.6 * pattern[y] + 0.4 * noise)).to(torch.uint8)
    return Samples(**{"name": "tiny", "images": Stack(pixels), "y": y, **more})


class Net(nn.Module):
    """A module of the user's own: two convolutions, a row of 12 numbers a picture."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first = nn.Conv2d(channels, 8, 3, stride=2)
            self.second = nn.Conv2d(8, 12, 3)
            self.norm = nn.BatchNorm2d(12)

    def forward(self, x: Tensor) -> Tensor:
        """The mean over places of the second layer."""
        return self.norm(self.second(self.first(x).relu())).relu().mean((2, 3))


def recipe_named(name: str, **changes: Any) -> PictureRecipe:
    """A recipe of the registry with small numbers."""
    recipe: PictureRecipe = registry.resolve("recipes", name)
    return recipe.but(**{**SMALL, **changes})


def parts_of(name: str, *, more: Sequence[Builder] = (), of: Samples | None = None, **changes: Any) -> Parts:
    """All parts of a small run."""
    return assemble(samples() if of is None else of, recipe_named(name, **changes), encoder=Net(), add=more)


def train(objective: Objective, epochs: int = 2, callbacks: Sequence[Callback] = (), **changes: Any) -> Trained:
    """A short run with the learning rate of the recipes."""
    settings = Settings(**{"epochs": epochs, "lr": 2e-3, "optimiser": "adamw", "warmup": 0.0, **changes})
    return Trainer(settings, callbacks=callbacks).fit(objective)
