"""The recipe for pictures: relations of their views, add-ons, and how views are made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from graphurl.errors import InputError
from graphurl.recipes.choices import Auto, Choices

#: Largest side of a view that is taken without being asked for.
LARGEST_SIDE = 64
#: Names for several additions at once.
TOGETHER = {"eir": ("intra", "inter")}


@dataclass(frozen=True)
class PictureRecipe(Choices):
    """Settings of a run on pictures without labels; those that every recipe has are listed in `Choices`.

    Attributes:
        task: Always ssl.
        relation: The first term: views (all views against all), queue (MoCo), bank (NPID), targets (BYOL,
            SimSiam), features (Barlow Twins) or classes (labels).
        add: Further terms, joined by +: cld, intra, inter, eir (both), de, class-de; or none.
        views: Name of a plan of views.
        num_views: Full-size views of a picture in a step.
        side: Height and width of a view, or auto: the pictures' own, at most 64.
        stem: How a deep network begins: cifar (at full resolution), imagenet (shrinking at once, a third to a sixth of
            the time), or auto: cifar up to a side of 64.
        head: none, linear, mlp, mlp3, norm-linear or norm-mlp: from the encoder's features to the embedding that
            is compared; `hidden` is its width, `dim` its output.
        output: What is kept as the embedding: features (below the head, as the papers do) or projection.
        ema: Momentum of the slow copy for queue and targets; 0 means no copy (SimSiam).
        ema_rising: Let it rise to 1 over the run.
        queue_size: Keys that MoCo remembers.
        bank_momentum: Share of the old row that the bank keeps.
        bank_negatives: Rows of the bank drawn for each batch; 0 takes all.
        redundancy: λ of Barlow Twins.
        cld_weight: λ of CLD.
        cld_groups: Clusters in a batch.
        cld_temperature: T_G.
        cld_head: Head of the groups.
        cld_detach: Cut the gradient through the centroids.
        intra_weight: λ₁ of EIR.
        intra_rising: Let λ₁ grow from 0 over the run; constant, as printed, it pulls all pictures together while the
            bank knows nothing (lab book).
        inter_weight: λ₂ of EIR.
        eir_temperature: τ of both.
        mix: mixup or cutmix, for inter.
        de_weight: λ of DE.
        rounds: Cycles of the learning rate, each from the weights of the last (EIR).
    """

    tasks: ClassVar[tuple[str, ...]] = ("ssl",)

    task: str = "ssl"
    encoder: str = "convnet"
    dim: int = 128
    loss: str = "infonce"
    temperature: float = 0.1
    nu_z: Auto = math.inf
    metric_z: str = "cosine"
    far_weight: Auto = 1.0
    hidden: int = 256
    depth: int = 2
    batch_size: int = 256
    epochs: int = 50
    lr: float = 2e-3
    optimiser: str = "adamw"
    weight_decay: float = 5e-4
    precision: str = "auto"
    relation: str = "views"
    add: str = "none"
    views: str = "cifar"
    num_views: int = 2
    side: Auto = "auto"
    stem: str = "auto"
    head: str = "mlp"
    output: str = "features"
    ema: float = 0.99
    ema_rising: bool = False
    queue_size: int = 4096
    bank_momentum: float = 0.5
    bank_negatives: int = 0
    redundancy: float = 5e-3
    cld_weight: float = 0.25
    cld_groups: int = 32
    cld_temperature: float = 0.2
    cld_head: str = "norm-linear"
    cld_detach: bool = False
    intra_weight: float = 15.0
    intra_rising: bool = True
    inter_weight: float = 2.0
    eir_temperature: float = 0.1
    mix: str = "mixup"
    de_weight: float = 0.1
    rounds: int = 1

    @property
    def pictures(self) -> bool:
        """Always."""
        return True

    @property
    def terms(self) -> list[str]:
        """The method's own term, then the additions, each once."""
        asked = [] if self.add in ("", "none") else self.add.split("+")
        added = [name for word in asked for name in TOGETHER.get(word.strip(), (word.strip(),))]
        names = [self.relation, *added]
        twice = next((name for name in added if names.count(name) > 1), None)
        if twice is not None:
            raise InputError(f"add is {self.add!r}: {twice!r} is named twice, give it once")
        return names

    @property
    def mixes(self) -> bool:
        """Whether a step also sees mixtures of its pictures."""
        return "inter" in self.terms

    def side_for(self, shape: tuple[int, ...]) -> int:
        """Height and width of a view of pictures of a shape (channels, height, width)."""
        if self.side == "auto":
            return min(LARGEST_SIDE, max(shape[1:]))
        if float(self.side) != int(self.side):
            raise InputError(f"side is {self.side}: give a whole number of pixels, or auto")
        return int(self.side)
