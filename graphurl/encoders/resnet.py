"""Residual networks (He, Zhang, Ren and Sun 2016, "Deep Residual Learning for Image Recognition")."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from graphurl.encoders.pictures import PictureEncoder, Stem, check_stem, draw_he


class Block(nn.Module):
    """y = relu(x + F(x)); x is projected where its shape differs from that of F(x).

    The last normalisation of F starts at zero, so that a new network is the identity along its shortcuts
    (Goyal et al. 2017, Section 5.1).
    """

    expansion: ClassVar[int] = 1
    downsample: nn.Module

    def add_shortcut(self, before: int, after: int, stride: int) -> None:
        """Sets the way around the block: nothing, or a 1 × 1 projection (option B of the paper)."""
        same = before == after and stride == 1
        self.downsample = (
            nn.Identity()
            if same
            else nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        )

    def residual(self, x: Tensor) -> Tensor:
        """F(x)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Adds the shortcut."""
        return F.relu(self.residual(x) + self.downsample(x), inplace=True)


class Basic(Block):
    """Two 3 × 3 convolutions."""

    def __init__(self, before: int, inner: int, stride: int) -> None:
        """Builds the block; the first convolution strides."""
        super().__init__()
        self.conv1 = nn.Conv2d(before, inner, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        nn.init.zeros_(self.bn2.weight)
        self.add_shortcut(before, inner, stride)

    def residual(self, x: Tensor) -> Tensor:
        """F(x)."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out: Tensor = self.bn2(self.conv2(x))
        return out


class Bottleneck(Block):
    """1 × 1 down, 3 × 3, 1 × 1 up to four times the width.

    The 3 × 3 convolution strides ("v1.5"); in the paper the first one does.
    """

    expansion: ClassVar[int] = 4

    def __init__(self, before: int, inner: int, stride: int) -> None:
        """Builds the block; the 3 × 3 convolution strides."""
        super().__init__()
        after = inner * self.expansion
        self.conv1 = nn.Conv2d(before, inner, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(inner)
        self.conv2 = nn.Conv2d(inner, inner, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(inner)
        self.conv3 = nn.Conv2d(inner, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        nn.init.zeros_(self.bn3.weight)
        self.add_shortcut(before, after, stride)

    def residual(self, x: Tensor) -> Tensor:
        """F(x)."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = F.relu(self.bn2(self.conv2(x)), inplace=True)
        out: Tensor = self.bn3(self.conv3(x))
        return out


class ResNet(PictureEncoder):
    """Four stages of residual blocks, 64 to 512 inner channels, each from the second on at half the resolution.

    The names in the state dict are torchvision's: its published weights load once `fc.weight` and `fc.bias`
    are taken out (stem "imagenet", 3 channels).

    Args:
        channels: Number of colour channels.
        stem: "cifar": one 3 × 3 convolution at full resolution, for pictures of about 24 to 64 pixels;
            "imagenet": a 7 × 7 convolution and a max-pool, each of stride 2.
    """

    block: ClassVar[type[Basic] | type[Bottleneck]]
    depths: ClassVar[tuple[int, int, int, int]]

    def __init__(self, channels: int = 3, *, stem: Stem = "cifar") -> None:
        """Draws weights after He."""
        super().__init__()
        check_stem(stem)
        self.channels, self.width, self.stem = channels, 512 * self.block.expansion, stem
        size, stride = (3, 1) if stem == "cifar" else (7, 2)
        self.conv1 = nn.Conv2d(channels, 64, size, stride, padding=size // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = self._stage(64, 64, self.depths[0], 1)
        self.layer2 = self._stage(64 * self.block.expansion, 128, self.depths[1], 2)
        self.layer3 = self._stage(128 * self.block.expansion, 256, self.depths[2], 2)
        self.layer4 = self._stage(256 * self.block.expansion, 512, self.depths[3], 2)
        draw_he(self)

    def _stage(self, before: int, inner: int, depth: int, stride: int) -> nn.Sequential:
        after = inner * self.block.expansion
        rest = [self.block(after, inner, 1) for _ in range(depth - 1)]
        return nn.Sequential(self.block(before, inner, stride), *rest)

    def pooled(self, x: Tensor) -> Tensor:
        """Stem, four stages, mean over the places."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        if self.stem == "imagenet":
            x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return x.mean((2, 3))

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return {"channels": self.channels, "stem": self.stem}


class ResNet18(ResNet):
    """ResNet-18: 512 features from 11.2 million weights."""

    block = Basic
    depths = (2, 2, 2, 2)


class ResNet50(ResNet):
    """ResNet-50: 2048 features from 23.5 million weights."""

    block = Bottleneck
    depths = (3, 4, 6, 3)
