"""Mixtures of two pictures, for the interpolation relation of EIR (Eq. 7)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from graphurl.errors import InputError


def mixup(x: Tensor, partner: Tensor, ratio: float) -> Tensor:
    """Mixup, r x_i + (1 - r) x_j (EIR, Eq. 7).

    Args:
        x: Pictures, n×C×H×W.
        partner: n: the number j of every picture's partner.
        ratio: r in [0, 1].

    Raises:
        InputError: Where the ratio is no share.
    """
    _check_ratio(ratio)
    return torch.lerp(x[partner.to(x.device)], x, ratio)


def cutmix(x: Tensor, partner: Tensor, ratio: float, generator: torch.Generator) -> tuple[Tensor, float]:
    """x_i with a rectangle of x_j in it, the same place for the whole batch (CutMix).

    The rectangle has the picture's proportions and (1 - r) of its area, rounded to whole pixels, and lies inside the
    picture; CutMix cuts it off at the border instead, which keeps more than r.

    Args:
        x: Pictures, n×C×H×W.
        partner: n: the number j of every picture's partner.
        ratio: r in [0, 1]: the share of x_i to keep.
        generator: On the processor; places the rectangle.

    Returns:
        The mixtures, and the share of x_i that they keep.

    Raises:
        InputError: Where the ratio is no share.
    """
    _check_ratio(ratio)
    height, width = x.shape[2:]
    tall, wide = (round(length * math.sqrt(1 - ratio)) for length in (height, width))
    top = int(torch.randint(height - tall + 1, (), generator=generator))
    left = int(torch.randint(width - wide + 1, (), generator=generator))
    inside = (..., slice(top, top + tall), slice(left, left + wide))
    mixed = x.clone()
    mixed[inside] = x[inside][partner.to(x.device)]
    return mixed, 1 - tall * wide / (height * width)


def _check_ratio(ratio: float) -> None:
    if not 0 <= ratio <= 1:
        raise InputError(f"ratio is {ratio}: give a share from 0 to 1")
