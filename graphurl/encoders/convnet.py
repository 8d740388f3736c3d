"""A small convolutional network: self-supervised learning on a CPU in minutes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import ClassVar, Literal

import torch.nn.functional as F
from torch import Tensor, nn

from graphurl.encoders.pictures import PictureEncoder
from graphurl.errors import InputError, unknown

ORDERS = ("late", "early")
#: Where the shifts of normalisations after a max-pool start: about the mean of the largest of four neighbours
#: that each are N(0, 1) and alike, so that as many units are active at first as with the pool behind them.
EARLY_SHIFT = 0.7


class ConvNet(PictureEncoder):
    """3 × 3 convolutions with batch normalisation and ReLU, max-pooled by 2 between, averaged at the end.

    Works from 1 pixel up: a pool that would leave nothing is skipped.

    Args:
        channels: Number of colour channels.
        widths: Number of channels after each convolution; None for `standard`.
        pool: "late": convolution, normalise, ReLU, pool. "early": convolution, pool, normalise, ReLU, which
            normalises a quarter of the numbers and makes a training step about a fifth shorter.
    """

    standard: ClassVar[tuple[int, ...]] = (16, 32, 64, 128)

    def __init__(
        self,
        channels: int = 3,
        widths: Sequence[int] | None = None,
        *,
        pool: Literal["late", "early"] = "late",
    ) -> None:
        """Builds the layers with PyTorch's default initialisation."""
        super().__init__()
        widths = self.standard if widths is None else widths
        if not widths or min(widths) < 1:
            raise InputError(f"widths is {list(widths)}: give one or more numbers of channels, each at least 1")
        if pool not in ORDERS:
            raise unknown("pool", pool, ORDERS)
        self.channels, self.width, self.pool = channels, widths[-1], pool
        # The shift of the normalisation stands for a bias.
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1, bias=False) for a, b in pairwise([channels, *widths]))
        norms = [nn.BatchNorm2d(width) for width in widths]
        if pool == "early":
            for norm in norms[:-1]:
                nn.init.constant_(norm.bias, EARLY_SHIFT)
        self.norms = nn.ModuleList(norms)
        self._config = {"channels": channels, "widths": list(widths), "pool": pool}

    def pooled(self, x: Tensor) -> Tensor:
        """The blocks, then the mean over the places."""
        last = len(self.convs) - 1
        for position, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            x = conv(x)
            if self.pool == "early" and position < last:
                x = _halved(x)
            x = norm(x)
            # ReLU and maximum commute, and the pool leaves it a quarter of the work.
            if self.pool == "late" and position < last:
                x = _halved(x)
            x = F.relu(x, inplace=True)
        return x.mean((2, 3))

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return self._config


class WideConvNet(ConvNet):
    """The same with four times as many channels, for a teacher that a CPU can train."""

    standard = (64, 128, 256, 512)


def _halved(x: Tensor) -> Tensor:
    return F.max_pool2d(x, 2) if min(x.shape[2:]) > 1 else x
