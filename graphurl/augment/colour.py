"""Brightness, contrast, saturation, hue and grey as one affine map of the colours of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from graphurl.errors import InputError

#: Share of red, green and blue in the luminance (ITU-R BT.601).
LUMINANCE = (0.299, 0.587, 0.114)
# Rotations about the grey axis are cos (I - J) + sin K + J, with J the mean of the channels, and grey is 1 yᵀ.
_J = torch.full((3, 3), 1 / 3)
_K = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) / math.sqrt(3)
_GRAY = torch.tensor(LUMINANCE).expand(3, 3)
_PARTS = torch.stack([torch.eye(3) - _J, _K, _J, _GRAY])


@dataclass(frozen=True)
class Normalisation:
    """(x - mean) / std of every channel, for pixels that are stored on a scale from 0 to `full`.

    Attributes:
        mean: A number for every channel, for pixels in [0, 1].
        std: Likewise.
        full: The stored value of the brightest pixel: 255 for bytes.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    full: float = 1.0

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float], channels: int, full: float = 1.0) -> Normalisation:
        """The normalisation of pictures with so many channels.

        Args:
            mean: A number for every channel.
            std: Likewise.
            channels: How many the pictures have.
            full: The stored value of the brightest pixel.

        Raises:
            InputError: Where mean or std does not fit.
        """
        for name, values in (("mean", mean), ("std", std)):
            if len(values) != channels:
                raise InputError(f"{name} has {len(values)} values: give one for each of the {channels} channels")
        if not all(0 < value < math.inf for value in std):
            raise InputError(f"std is {tuple(std)}: give finite numbers above 0")
        return cls(tuple(map(float, mean)), tuple(map(float, std)), full)

    def line(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Slope and intercept of every channel, C×1, where x lies."""
        mean, std = x.new_tensor([self.mean, self.std])[:, :, None]
        return 1 / (std * self.full), -mean / std

    def limits(self) -> list[tuple[float, float]]:
        """What 0 and 1 become in each channel."""
        return [((0 - m) / s, (1 - m) / s) for m, s in zip(self.mean, self.std, strict=True)]

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Normalises stored pixels, n×C×H×W; `out` may be x itself."""
        slope, intercept = self.line(x)
        return torch.addcmul(intercept[..., None], x, slope[..., None], out=out)

    def undo(self, x: Tensor) -> Tensor:
        """Brings normalised views back to the stored scale."""
        slope, intercept = self.line(x)
        return (x - intercept[..., None]) / slope[..., None]


def recolour(x: Tensor, matrix: Tensor, lift: Tensor, normalise: Normalisation, out: Tensor | None = None) -> Tensor:
    """Maps the colours of every picture, clamps to [0, 1] once, and normalises.

    The normalisation is folded into the map, and the clamp is that of the normalised values.

    Args:
        x: n×C×H×W, stored on normalise's scale; C is 1 or 3.
        matrix: n×C×C, see `colour_map`.
        lift: n, see `colour_map`.
        normalise: Scale, mean and standard deviation.
        out: Where to write, n×C×H×W and contiguous; None makes a new tensor.

    Returns:
        Normalised pixels, n×C×H×W.
    """
    slope, intercept = normalise.line(x)
    brightness = x.flatten(2).mean(2) @ x.new_tensor(_luminance(x.shape[1]))
    shift = torch.addcmul(intercept, (lift * brightness)[:, None, None], slope)
    out = torch.empty_like(x) if out is None else out
    torch.bmm(matrix * slope, x.flatten(2), out=out.flatten(2)).add_(shift)
    for channel, (low, high) in enumerate(normalise.limits()):
        out[:, channel].clamp_(low, high)
    return out


def colour_map(factors: Tensor, gray: Tensor | None, channels: int) -> tuple[Tensor, Tensor]:
    """The affine map x ↦ A x + l m 1 of each picture, with m its mean luminance.

    In this order: brightness b x; contrast c x + (1 - c) m; saturation s x + (1 - s) Y with Y = yᵀx the luminance of
    the pixel; hue, the rotation H by 2πh about the grey axis; grey, 1 yᵀ. All of them leave the direction 1 of the
    greys alone, so A = b c [s H + (1 - s) 1 yᵀ], or 1 yᵀA for grey, and l = b (1 - c).
    H is the linear stand-in for the shift of the hue in HSV: for thirds of a turn both exchange the channels.

    Args:
        factors: n×4: b, c, s and h, on the processor.
        gray: n: which pictures are grey; None for none.
        channels: 3, or 1: such pictures have neither saturation nor hue, and A = b c.

    Returns:
        A, n×C×C, and l, n.
    """
    b, c, s, h = factors.unbind(1)
    lift = b * (1 - c)
    if channels == 1:
        return (b * c)[:, None, None], lift
    angle = 2 * math.pi * h
    weights = (b * c)[:, None] * torch.stack([s * angle.cos(), s * angle.sin(), s, 1 - s], 1)
    matrix = weights @ _PARTS.flatten(1)
    if gray is not None:
        matrix = torch.where(gray[:, None], weights @ (_GRAY @ _PARTS).flatten(1), matrix)
    return matrix.view(-1, 3, 3), lift


def solarise(x: Tensor, chosen: Tensor, normalise: Normalisation) -> Tensor:
    """Turns what is brighter than the middle into its opposite, x ↦ 1 - x for x ≥ 1/2, in some pictures.

    Args:
        x: Normalised views, n×C×H×W.
        chosen: n: which pictures.
        normalise: Tells where the middle lies.
    """
    middle = x.new_tensor([(low + high) / 2 for low, high in normalise.limits()])[:, None, None]
    return torch.where(chosen[:, None, None, None], middle - (x - middle).abs(), x)


def _luminance(channels: int) -> tuple[float, ...]:
    return LUMINANCE if channels == 3 else (1.0,)
