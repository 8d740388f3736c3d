"""What encoders of pictures share: stacks of any size in, pooled features out."""

from __future__ import annotations

from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs, Needs
from graphurl.errors import InputError, unknown

#: How a deep network begins: at full resolution for pictures of 24 to 64 pixels, or shrinking for large ones.
Stem = Literal["cifar", "imagenet"]
STEMS: tuple[Stem, ...] = ("cifar", "imagenet")


class PictureEncoder(Encoder):
    """Maps n × C × H × W pictures to n × width features, averaged over the places of the last map.

    Stacks of other sizes (`inputs.more`) go through the same weights one after the other, and batch
    normalisation sees each stack by itself. Under autocast the features may come out in bfloat16.

    Attributes:
        channels: Number of colour channels it reads.
        width: Dimension of the features.
    """

    needs: ClassVar[Needs] = "pictures"
    channels: int
    width: int

    def pooled(self, x: Tensor) -> Tensor:
        """The features of one stack, n × width."""
        raise NotImplementedError

    def forward(self, inputs: Inputs) -> Encoded:
        """Embeds `inputs.x`, then each further stack; the rows keep that order."""
        stacks = (inputs.x, *inputs.more)
        return Encoded(inputs.pick(torch.cat([self.pooled(self._readable(x)) for x in stacks])))

    def _readable(self, x: Tensor) -> Tensor:
        if x.dim() != 4 or x.shape[1] != self.channels:
            raise InputError(
                f"the pictures have shape {tuple(x.shape)} and the encoder reads n × {self.channels} × H × W: "
                f"give such pictures, or build the encoder for another number of channels"
            )
        if not x.is_floating_point():
            raise InputError(f"the pictures are {x.dtype}: scale them to float32 first")
        return channels_last(x)


class Depthwise(nn.Conv2d):
    """A filter of its own for each channel.

    On a CPU the backward pass of such a filter is 5 to 55 times as slow in bfloat16 as in float32 where it has a stride
    or is larger than the picture (oneDNN falls back to a reference), half of a step of a MobileNet: there it works in
    float32, and the result goes on in bfloat16.

    Args:
        channels: Number of channels.
        stride: Stride of the filter.
        size: Places of the filter on a side.
    """

    def __init__(self, channels: int, stride: int = 1, size: int = 3) -> None:
        """Builds the filter."""
        super().__init__(channels, channels, size, stride, padding=size // 2, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """x, each channel filtered."""
        quick = self.stride == (1, 1) and min(x.shape[2:]) >= self.kernel_size[0]
        if quick or x.device.type != "cpu" or not torch.is_autocast_enabled("cpu"):
            return super().forward(x)
        with torch.autocast("cpu", enabled=False):
            return super().forward(x.float()).to(torch.get_autocast_dtype("cpu"))


def channels_last(x: Tensor) -> Tensor:
    """The same pictures with the channels innermost in memory, the fast order for convolutions on CPU and GPU."""
    if x.shape[1] > 1:
        return x.contiguous(memory_format=torch.channels_last)
    # With one channel both orders are the same bytes, PyTorch leaves the strides of the slow one, and all
    # layers would follow them; the way round through n × H × W × 1 sets the others without copying.
    return x.contiguous().squeeze(1).unsqueeze(-1).permute(0, 3, 1, 2)


def check_stem(stem: str) -> None:
    """Refuses a stem that does not exist."""
    if stem not in STEMS:
        raise unknown("stem", stem, STEMS)


def draw_he(module: nn.Module) -> None:
    """Draws all convolutions from N(0, 2 / fan_out), which keeps the variance through ReLU (He et al. 2015)."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
