"""Batches of views: pictures without replacement, each seen several times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphurl.augment.mix import cutmix, mixup
from graphurl.augment.policy import Plan
from graphurl.augment.views import make_views
from graphurl.data.stacks import Images
from graphurl.encoders.base import Inputs
from graphurl.errors import InputError, unknown
from graphurl.relations.relation import Batch
from graphurl.relations.shuffled import Shuffled

MIXTURES = ("none", "mixup", "cutmix")


@dataclass(frozen=True)
class Viewing:
    """How pictures become views.

    Attributes:
        plan: What is drawn for each view.
        count: Number of full-size views.
        side: Height and width of a full-size view.
        mean: Mean of each channel, in [0, 1].
        std: Standard deviation of each channel.
        mix: none, mixup or cutmix: one more row a picture, mixed with another of the batch (EIR).
    """

    plan: Plan
    count: int
    side: int
    mean: Sequence[float]
    std: Sequence[float]
    mix: str = "none"

    def __post_init__(self) -> None:
        """Refuses an unknown mixture."""
        if self.mix not in MIXTURES:
            raise unknown("mix", self.mix, MIXTURES)


class ViewBatches(Shuffled):
    """Every picture once an epoch, in a new order; the last pictures that fill no batch wait for another epoch.

    The nodes of a batch count the pictures drawn from, 0 to len(rows) - 1, as a memory bank does.

    Args:
        images: The pictures.
        viewing: How they become views.
        size: Pictures in a batch; at most as many as there are.
        rows: Which pictures to draw from; absent means all.
        label: Class of each picture, noted for methods that read labels.
        device: Where views are made.
    """

    def __init__(
        self,
        images: Images,
        viewing: Viewing,
        size: int,
        *,
        rows: Tensor | None = None,
        label: Tensor | None = None,
        device: torch.device | str = "cpu",
    ) -> None:
        """Starts before the first epoch."""
        super().__init__(len(images) if rows is None else len(rows), size)
        if self.count < 2:
            raise InputError(f"{self.count} picture: contrast needs at least 2")
        self._images, self.viewing, self._label = images, viewing, label
        self._rows = torch.arange(self.count) if rows is None else rows
        self.device = torch.device(device)

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch: views stacked view after view, then mixtures; small crops beside them."""
        nodes = self.taken(generator)
        taken = self._rows[nodes]
        pixels = self._images.take(taken).to(self.device, non_blocking=True)
        look = self.viewing
        extra = look.mix != "none"
        full, small = make_views(
            pixels, look.plan, look.count + extra, look.side, generator, mean=look.mean, std=look.std
        )
        notes = {} if self._label is None else {"label": self._label[taken]}
        if extra:
            # One ratio a batch, uniform in (0, 1), as EIR draws it.
            ratio = float(torch.rand((), generator=generator))
            partner = torch.randperm(self.size, generator=generator)
            plain = full.pop()
            if look.mix == "mixup":
                mixed = mixup(plain, partner, ratio)
            else:
                mixed, ratio = cutmix(plain, partner, ratio, generator)
            full.append(mixed)
            notes |= {"partner": partner, "ratio": torch.tensor(ratio)}
        inputs = Inputs(torch.cat(full), more=(torch.cat(small),) if small else ())
        return Batch(nodes, inputs, views=look.count, notes=notes)
