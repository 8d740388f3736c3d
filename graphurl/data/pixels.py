"""Preparation of pictures: what every picture goes through before an encoder reads it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from graphurl.augment.views import whole
from graphurl.data.stacks import Images
from graphurl.encoders.base import Inputs
from graphurl.errors import InputError

#: Pictures from which mean and deviation are taken, spread evenly.
MEASURED = 2048
#: Pictures prepared or measured at a time.
CHUNK = 512


@dataclass(frozen=True)
class Pixels:
    """Whole pictures, shrunk to one side, every channel with mean 0 and deviation 1 over the fitted pictures.

    Attributes:
        side: Height and width.
        channels: 1 for grey pictures, 3 for colour.
        tensors: mean and std of each channel, of pixels in [0, 1].
    """

    side: int
    channels: int
    tensors: dict[str, Tensor]

    @classmethod
    def fit(cls, images: Images, side: int, rows: Tensor | None = None) -> Pixels:
        """Measures the channels.

        Args:
            images: The pictures.
            side: Height and width to shrink to.
            rows: Which pictures to measure; absent means all.
        """
        rows = torch.arange(len(images)) if rows is None else rows
        picked = torch.linspace(0, len(rows) - 1, min(len(rows), MEASURED)).long()
        channels = images.shape[0]
        count, total, square = 0, torch.zeros(channels).double(), torch.zeros(channels).double()
        for some in torch.split(rows[picked], CHUNK):
            flat = images.take(some).transpose(0, 1).flatten(1).double()
            count, total, square = count + flat.shape[1], total + flat.sum(dim=1), square + flat.square().sum(dim=1)
        mean = total / count
        # Bytes are whole numbers, so nothing is lost in the difference of the two sums.
        std = (square / count - mean**2).clamp_min(0).sqrt()
        # A channel without any contrast stays at 0 instead of becoming noise.
        std = torch.where(std > 0, std / 255, torch.ones_like(std))
        return cls(side, channels, {"mean": (mean / 255).float(), "std": std.float()})

    @property
    def mean(self) -> list[float]:
        """Mean of each channel."""
        return self.tensors["mean"].tolist()

    @property
    def std(self) -> list[float]:
        """Standard deviation of each channel."""
        return self.tensors["std"].tolist()

    def apply(self, pixels: Tensor) -> Tensor:
        """Prepares raw pictures n×C×H×W."""
        if pixels.shape[1] != self.channels:
            raise InputError(
                f"the pictures have {pixels.shape[1]} channel(s) and the model was fitted on {self.channels}: "
                "hand over pictures of the same kind"
            )
        return whole(pixels, self.side, mean=self.mean, std=self.std)

    def config(self) -> dict[str, object]:
        """What rebuilds this, beside the tensors."""
        return {"kind": "pixels", "side": self.side, "channels": self.channels}


@dataclass(frozen=True)
class Gallery:
    """Pictures as an encoder reads them, some at a time: nothing is kept in memory.

    Attributes:
        images: The pictures.
        pixels: Their preparation.
    """

    images: Images
    pixels: Pixels

    def __iter__(self) -> Iterator[Inputs]:
        """Prepared pictures in order."""
        for start in range(0, len(self.images), CHUNK):
            taken = self.images.take(torch.arange(start, min(start + CHUNK, len(self.images))))
            yield Inputs(self.pixels.apply(taken))
