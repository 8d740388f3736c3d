"""ShuffleNet (Zhang, Zhou, Lin and Sun 2018, "An Extremely Efficient Convolutional Neural Network")."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphurl.encoders.pictures import Depthwise, PictureEncoder, Stem, check_stem, draw_he
from graphurl.errors import InputError

# Table 1 of the paper: channels of stage 2 by number of groups (stages 3 and 4 double them), blocks a stage.
_WIDTHS = {1: 144, 2: 200, 3: 240, 4: 272, 8: 384}
_DEPTHS = (4, 8, 4)
_FIRST = 24


class ShuffleUnit(nn.Module):
    """1 × 1 grouped convolution, channel shuffle, 3 × 3 filter a channel, 1 × 1 grouped convolution.

    At stride 1 x is added to the result; at stride 2 its 3 × 3 average is put beside it.

    Args:
        before: Number of channels that come in.
        after: Number of channels that go out; a quarter of them inside.
        stride: 1 or 2.
        groups: Groups of both 1 × 1 convolutions.
        first_groups: Groups of the first one, where it differs.
    """

    def __init__(self, before: int, after: int, stride: int, groups: int, first_groups: int) -> None:
        """Builds the unit."""
        super().__init__()
        inner, made = after // 4, after - before if stride == 2 else after
        self.stride, self.groups = stride, groups
        self.squeeze = nn.Conv2d(before, inner, 1, groups=first_groups, bias=False)
        self.squeeze_norm = nn.BatchNorm2d(inner)
        self.filter = Depthwise(inner, stride)
        self.filter_norm = nn.BatchNorm2d(inner)
        self.expand = nn.Conv2d(inner, made, 1, groups=groups, bias=False)
        self.expand_norm = nn.BatchNorm2d(made)

    def forward(self, x: Tensor) -> Tensor:
        """Adds to x, or stands beside its average."""
        y = F.relu(self.squeeze_norm(self.squeeze(x)), inplace=True)
        y = self.filter_norm(self.filter(shuffled(y, self.groups)))
        y = self.expand_norm(self.expand(y))
        if self.stride == 1:
            return F.relu(x + y, inplace=True)
        return F.relu(torch.cat([F.avg_pool2d(x, 3, stride=2, padding=1), y], dim=1), inplace=True)


class ShuffleNetV1(PictureEncoder):
    """ShuffleNet 1×: 960 features from 0.9 million weights at 3 groups.

    Args:
        channels: Number of colour channels.
        groups: Groups of the 1 × 1 convolutions: 1, 2, 3, 4 or 8; more groups, more channels at the same cost.
        stem: "cifar": the first convolution at full resolution and no max-pool, which leaves 4 × 4 places of
            32 × 32 pixels; "imagenet": both at stride 2, as in the paper.
    """

    def __init__(self, channels: int = 3, *, groups: int = 3, stem: Stem = "cifar") -> None:
        """Draws weights after He."""
        super().__init__()
        check_stem(stem)
        if groups not in _WIDTHS:
            raise InputError(f"groups is {groups}: a ShuffleNet has {', '.join(map(str, _WIDTHS))} groups")
        self.channels, self.width, self.groups, self.stem = channels, 4 * _WIDTHS[groups], groups, stem
        self.conv = nn.Conv2d(channels, _FIRST, 3, 1 if stem == "cifar" else 2, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(_FIRST)
        units: list[nn.Module] = []
        before = _FIRST
        for stage, depth in enumerate(_DEPTHS):
            after = _WIDTHS[groups] * 2**stage
            for position in range(depth):
                # The very first 1 × 1 convolution reads too few channels to be split (Section 3.3).
                first_groups = groups if units else 1
                units.append(ShuffleUnit(before, after, 1 if position else 2, groups, first_groups))
                before = after
        self.units = nn.Sequential(*units)
        draw_he(self)

    def pooled(self, x: Tensor) -> Tensor:
        """Stem, three stages, mean over the places."""
        x = F.relu(self.norm(self.conv(x)), inplace=True)
        if self.stem == "imagenet":
            x = F.max_pool2d(x, 3, stride=2, padding=1)
        x = self.units(x)
        return x.mean((2, 3))

    def config(self) -> Mapping[str, object]:
        """All constructor arguments."""
        return {"channels": self.channels, "groups": self.groups, "stem": self.stem}


def shuffled(x: Tensor, groups: int) -> Tensor:
    """Deals the channels out to the groups: channel j of group i becomes channel i of group j (Figure 1 of the paper).

    Works on the innermost dimension of n × H × W × C, so that channels stay innermost in memory.
    """
    n, c, h, w = x.shape
    dealt = x.permute(0, 2, 3, 1).reshape(n, h, w, groups, c // groups).transpose(3, 4)
    return dealt.reshape(n, h, w, c).permute(0, 3, 1, 2)
