"""What chance decides about a view, drawn on the processor so that every device sees the same numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from graphurl.augment.colour import colour_map
from graphurl.augment.crop import centre_square
from graphurl.augment.policy import Policy, Span

# How often a crop is drawn until it lies inside the picture, as in torchvision.
_ATTEMPTS = 10
# Uniform numbers of a picture: two for every attempt, place and shift of the crop (2 + 2), flip, strengths of the
# four changes of colour and whether they happen, grey, blur and its σ, solarisation.
_SHARES = [_ATTEMPTS, _ATTEMPTS, 2, 2, 1, 4, 1, 1, 1, 1, 1]


@dataclass(frozen=True)
class Draw:
    """The random numbers of one view of n pictures; None where the policy leaves a step out.

    Attributes:
        box: n×4: where the view begins from left and top, its width (negative where it is mirrored, and then it
            begins at its right border) and height, in pixels of the source.
        matrix: n×C×C: the map of the colours.
        lift: n: the share of the mean luminance that contrast adds.
        sigma: n: σ of the blur, 0 for sharp pictures.
        solarised: n: which pictures are.
        noise: n×C×side×side: what is added to the pixels.
        seed: Of the foreign augmentations.
    """

    box: Tensor
    matrix: Tensor | None = None
    lift: Tensor | None = None
    sigma: Tensor | None = None
    solarised: Tensor | None = None
    noise: Tensor | None = None
    seed: int | None = None

    def to(self, device: torch.device) -> Draw:
        """The same numbers on another device."""
        return replace(self, **{name: value.to(device) for name, value in self._tensors().items()})

    def part(self, rows: slice) -> Draw:
        """The numbers of some of the pictures.

        Args:
            rows: Which.
        """
        return replace(self, **{name: value[rows] for name, value in self._tensors().items()})

    def _tensors(self) -> dict[str, Any]:
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, Tensor)}


def draw(policy: Policy, shape: tuple[int, int, int, int], side: int, generator: torch.Generator) -> Draw:
    """Draws one view for every picture of a batch.

    Every picture takes the same uniform numbers whatever the policy, so that policies can be compared on equal crops.

    Args:
        policy: What may happen, and how often.
        shape: Of the source: n, C, H, W.
        side: Of the view.
        generator: On the processor.
    """
    n, channels, height, width = shape
    shares = torch.split(torch.rand(n, sum(_SHARES), generator=generator), _SHARES, 1)
    area, aspect, place, shift, flip, strengths, jitter, gray, blur, sigma, solarise = shares
    box = _boxes(policy, area, aspect, place, height, width)
    if policy.shift:
        box[:, :2] += policy.shift * (2 * shift - 1) * box[:, 2:]
    if policy.flip:
        mirrored = flip[:, 0] < policy.flip
        box[:, 0] += box[:, 2] * mirrored
        box[:, 2] *= 1 - 2 * mirrored.float()
    matrix, lift = None, None
    if policy.recolours:
        grays = gray[:, 0] < policy.gray if policy.gray else None
        matrix, lift = colour_map(_factors(policy, strengths, jitter), grays, channels)
    return Draw(
        box,
        matrix,
        lift,
        sigma=(_within(policy.sigma, sigma) * (blur < policy.blur))[:, 0] if policy.blur else None,
        solarised=solarise[:, 0] < policy.solarise if policy.solarise else None,
        noise=policy.noise * torch.randn(n, channels, side, side, generator=generator) if policy.noise else None,
        seed=int(torch.randint(2**62, (), generator=generator)) if policy.extra else None,
    )


def _boxes(policy: Policy, area: Tensor, aspect: Tensor, place: Tensor, height: int, width: int) -> Tensor:
    """Left, top, width and height: the first of some attempts that fits, as torchvision draws them."""
    if policy.scale is None:
        return torch.tensor(centre_square(height, width)).repeat(len(area), 1)
    low, high = policy.ratio
    root = (height * width * _within(policy.scale, area)).sqrt_()
    slant = (0.5 * _within((math.log(low), math.log(high)), aspect)).exp_()
    # The last attempt always fits: the largest crop with the allowed ratio that is nearest to the picture's.
    nearest = min(max(width / height, low), high)
    limit = math.sqrt(policy.scale[1] * height * width)
    wide = pad(root * slant, (0, 1), value=min(width, height * nearest, limit * math.sqrt(nearest)))
    tall = pad(root / slant, (0, 1), value=min(height, width / nearest, limit / math.sqrt(nearest)))
    first = ((wide <= width) & (tall <= height)).byte().argmax(1, keepdim=True)
    size = torch.cat([wide.gather(1, first), tall.gather(1, first)], 1)
    return torch.cat([place * (torch.tensor([width, height]) - size), size], 1)


def _factors(policy: Policy, strengths: Tensor, jitter: Tensor) -> Tensor:
    """Factors around 1, and a turn around 0."""
    neutral = torch.tensor([1.0, 1.0, 1.0, 0.0])
    spread = torch.tensor(policy.jitter) * (jitter < policy.jitter_probability)
    factors = torch.addcmul(neutral, spread, 2 * strengths - 1)
    factors[:, :3].clamp_min_(0)
    return factors


def _within(span: Span, share: Tensor) -> Tensor:
    low, high = span
    return low + (high - low) * share
