"""MobileNetV2 (Sandler, Howard, Zhu, Zhmoginov and Chen 2018, "Inverted Residuals and Linear Bottlenecks")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from graphurl.encoders.pictures import Depthwise, PictureEncoder, Stem, check_stem, draw_he
from graphurl.errors import InputError

# Table 2 of the paper: expansion t, channels c, number of blocks n, stride s of the first of them.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class _Capped(torch.autograd.Function):
    """min(max(x, 0), 6) in the place of x; the gradient passes where the result lies between."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Overwrites x."""
        ctx.mark_dirty(x.clamp_(0, 6))
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        """The gradient of x."""
        (out,) = ctx.saved_tensors
        found: Tensor = torch.ops.aten.hardtanh_backward(grads[0], out, 0.0, 6.0)
        return found


class ReLU6(nn.Module):
    """min(max(x, 0), 6), in place.

    PyTorch's own saves a copy of x in training, which its result can stand for: a quarter of what a pass keeps.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Overwrites x."""
        out: Tensor = _Capped.apply(x)  # type: ignore[no-untyped-call]
        return out


class InvertedResidual(nn.Module):
    """Widens by t, filters each channel by itself, narrows without an activation; adds x where the shapes agree.

    Args:
        before: Number of channels that come in.
        after: Number of channels that go out.
        stride: Stride of the filter.
        expansion: t; at 1 nothing is widened.
    """

    def __init__(self, before: int, after: int, stride: int, expansion: int) -> None:
        """Builds the block."""
        super().__init__()
        inner = before * expansion
        widen = [] if expansion == 1 else [_conv(before, inner, 1)]
        filtered = nn.Sequential(Depthwise(inner, stride), nn.BatchNorm2d(inner), ReLU6())
        self.conv = nn.Sequential(*widen, filtered, nn.Conv2d(inner, after, 1, bias=False), nn.BatchNorm2d(after))
        self.adds = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        """F(x), or x + F(x)."""
        out: Tensor = self.conv(x)
        return x + out if self.adds else out


class MobileNetV2(PictureEncoder):
    """MobileNetV2: 1280 features from 2.2 million weights.

    The names in the state dict are torchvision's: its published weights load once `classifier.1.weight` and
    `classifier.1.bias` are taken out (multiplier 1, stem "imagenet", 3 channels).

    Args:
        channels: Number of colour channels.
        multiplier: Factor on the number of channels of all layers, rounded to multiples of 8; the last layer
            keeps 1280 below 1.
        stem: "cifar" drops the stride of the first convolution and of the second stage, which leaves 4 × 4
            places of 32 × 32 pixels; "imagenet" is the paper's.
    """

    def __init__(self, channels: int = 3, *, multiplier: float = 1.0, stem: Stem = "cifar") -> None:
        """Draws weights after He."""
        super().__init__()
        check_stem(stem)
        if multiplier <= 0:
            raise InputError(f"multiplier is {multiplier}: give a number above 0")
        self.channels, self.width = channels, by_eight(1280 * max(1.0, multiplier))
        before = by_eight(32 * multiplier)
        layers: list[nn.Module] = [_conv(channels, before, 3, 1 if stem == "cifar" else 2)]
        for stage, (expansion, count, depth, stride) in enumerate(_STAGES):
            after = by_eight(count * multiplier)
            first = 1 if stem == "cifar" and stage == 1 else stride
            for position in range(depth):
                layers.append(InvertedResidual(before, after, first if position == 0 else 1, expansion))
                before = after
        self.features = nn.Sequential(*layers, _conv(before, self.width, 1))
        draw_he(self)
        self._config = {"channels": channels, "multiplier": multiplier, "stem": stem}

    def pooled(self, x: Tensor) -> Tensor:
        """All layers, then the mean over the places."""
        out: Tensor = self.features(x)
        return out.mean((2, 3))

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return self._config


def by_eight(count: float) -> int:
    """The nearest multiple of 8, and the next one up where that would lose over a tenth."""
    nearest = 8 * int(count / 8 + 0.5)
    return nearest if nearest >= 0.9 * count else nearest + 8


def _conv(before: int, after: int, size: int, stride: int = 1) -> nn.Sequential:
    conv = nn.Conv2d(before, after, size, stride, padding=size // 2, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(after), ReLU6())
