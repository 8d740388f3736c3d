"""What a term on views is built from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import nn

from graphurl.encoders.base import Encoder
from graphurl.encoders.heads import build_head
from graphurl.errors import InputError
from graphurl.losses.base import Loss
from graphurl.recipes.pictures import PictureRecipe
from graphurl.relations.knowledge import Knowledge
from graphurl.relations.momentum import Momentum
from graphurl.relations.objective import Term
from graphurl.relations.relation import Source
from graphurl.similarity import Similarity
from graphurl.terms.comparison import loss_of, similarity_of


@dataclass
class Context:
    """The parts of a run that a term may use.

    Attributes:
        recipe: All choices.
        encoder: The encoder that is trained.
        width: Dimension of its features.
        head: The instance head, shared by all terms that compare instances.
        pictures: Number of pictures trained on.
        classes: Number of classes, 0 without labels.
        generator: Source of starting weights.
        terms: What has been built so far, the method's own term first.
        teacher: What a teacher knows of the samples, where there is one.
    """

    recipe: PictureRecipe
    encoder: Encoder
    width: int
    head: nn.Module
    pictures: int
    classes: int
    generator: torch.Generator
    terms: list[Term] = field(default_factory=list)
    teacher: Knowledge | None = None

    @property
    def dim(self) -> int:
        """Dimension of what the instance head returns."""
        return self.width if self.recipe.head == "none" else self.recipe.dim

    @property
    def loss(self) -> Loss:
        """The recipe's loss."""
        return loss_of(self.recipe)

    @property
    def similarity(self) -> Similarity:
        """The recipe's embedded similarity."""
        return similarity_of(self.recipe, self.loss)

    def new_head(self, kind: str) -> nn.Module:
        """A head of a term's own, from the encoder's features to `dim` numbers."""
        recipe = self.recipe
        return build_head(kind, self.width, recipe.dim, hidden=recipe.hidden, generator=self.generator)

    def require_two_views(self, name: str) -> None:
        """Refuses a term that compares two views where there is one."""
        if self.recipe.num_views < 2:
            raise InputError(f"num_views is {self.recipe.num_views}: {name} compares two views of a picture, give 2")

    def slow_copy(self) -> Momentum:
        """A slow copy of encoder and instance head."""
        recipe, precision = self.recipe, self.recipe.precision
        return Momentum(
            self.encoder, self.head, recipe.ema, rising=recipe.ema_rising, narrow=precision == "bfloat16"
        )

    def term(self, name: str, source: Source) -> Term:
        """A term that compares instances as the recipe says."""
        return Term(name, source, self.similarity, self.loss, head=self.head)


Builder = Callable[[Context], Term]
