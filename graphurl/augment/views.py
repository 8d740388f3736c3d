"""Random views of a batch of pictures, and the whole pictures for evaluation."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from graphurl.augment.colour import Normalisation, recolour, solarise
from graphurl.augment.crop import centre_square, crop
from graphurl.augment.draws import Draw, draw
from graphurl.augment.foreign import augment
from graphurl.augment.policy import Plan, Policy
from graphurl.errors import InputError

# The papers blur views of 224 pixels with a kernel of 23; smaller views take one of the same share.
_KERNEL_SHARE = 23 / 224
# Numbers of a block of pictures; in single precision 4 MiB.
_BLOCK = 2**20


def make_views(
    pixels: Tensor,
    plan: Plan,
    count: int,
    side: int,
    generator: torch.Generator,
    *,
    mean: Sequence[float],
    std: Sequence[float],
) -> tuple[list[Tensor], list[Tensor]]:
    """Makes random views of every picture, on the pictures' device.

    The generator lies on the processor, so that every device draws the same numbers. Against torchvision's
    views the boxes are not rounded to whole pixels, the four changes of colour come in a fixed order with
    one clamp at the end, and the hue turns about the grey axis.

    Args:
        pixels: n×C×H×W with C 1 or 3: bytes, or floating point in [0, 1].
        plan: Which policy makes which view.
        count: Number of full-size views.
        side: Of the full-size views.
        generator: Of all randomness.
        mean: A number for every channel; views are (x - mean) / std.
        std: Likewise.

    Returns:
        The full-size views, n×C×side×side in float32, and the plan's small ones.

    Raises:
        InputError: Where the pictures, the sizes or the normalisation do not fit.
    """
    if count < 0:
        raise InputError(f"count is {count}: give the number of views, 0 or more")
    normalise = _check(pixels, side, mean, std)
    policies = [plan.policies[v % len(plan.policies)] for v in range(count)]
    full = [_view(pixels, policy, side, generator, normalise) for policy in policies]
    if plan.small is None:
        return full, []
    small_side = plan.small_side(side)
    return full, [_view(pixels, plan.small, small_side, generator, normalise) for _ in range(plan.small_views)]


def whole(pixels: Tensor, side: int, *, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """The centre square of every picture, resized with antialiasing and normalised: what evaluation looks at.

    Args:
        pixels: n×C×H×W with C 1 or 3: bytes, or floating point in [0, 1].
        side: Of the result.
        mean: A number for every channel.
        std: Likewise.

    Returns:
        n×C×side×side in float32.

    Raises:
        InputError: As `make_views`.
    """
    normalise = _check(pixels, side, mean, std)
    box = torch.tensor(centre_square(*pixels.shape[2:]), device=pixels.device).expand(len(pixels), 4)
    return render(pixels, Policy(), Draw(box), side, normalise)


@torch.no_grad()
def render(pixels: Tensor, policy: Policy, drawn: Draw, side: int, normalise: Normalisation) -> Tensor:
    """Makes the view that was drawn.

    Args:
        pixels: As they are stored, n×C×H×W.
        policy: What was drawn from.
        drawn: The random numbers, on the pixels' device.
        side: Of the view.
        normalise: Scale, mean and standard deviation.

    Returns:
        Normalised pixels, n×C×side×side in float32.
    """
    n, channels, height, width = pixels.shape
    views = torch.empty(n, channels, side, side, device=pixels.device)
    # A processor is fastest on blocks that stay in its cache; an accelerator takes all at once.
    size = max(1, _BLOCK // (channels * height * width)) if pixels.device.type == "cpu" else max(1, n)
    inner = normalise if drawn.seed is None else Normalisation((0.0,) * channels, (1.0,) * channels, normalise.full)
    for rows in (slice(start, start + size) for start in range(0, n, size)):
        _render_block(pixels[rows], policy, drawn.part(rows), inner, out=views[rows])
    if drawn.seed is None:
        return views
    return Normalisation(normalise.mean, normalise.std)(augment(views, policy.extra, drawn.seed))


def _render_block(pixels: Tensor, policy: Policy, drawn: Draw, normalise: Normalisation, out: Tensor) -> None:
    side = out.shape[-1]
    radius = max(1, int(side * _KERNEL_SHARE / 2))
    x = crop(pixels.float(), drawn.box, side, sigma=drawn.sigma, radius=radius, antialias=policy.antialias)
    if drawn.matrix is not None and drawn.lift is not None:
        recolour(x, drawn.matrix, drawn.lift, normalise, out=out)
    else:
        normalise(x, out=out)
    if drawn.solarised is not None:
        out.copy_(solarise(out, drawn.solarised, normalise))
    if drawn.noise is not None:
        out.addcdiv_(drawn.noise, out.new_tensor(normalise.std)[:, None, None])


def _view(pixels: Tensor, policy: Policy, side: int, generator: torch.Generator, normalise: Normalisation) -> Tensor:
    n, channels, height, width = pixels.shape
    drawn = draw(policy, (n, channels, height, width), side, generator).to(pixels.device)
    return render(pixels, policy, drawn, side, normalise)


def _check(pixels: Tensor, side: int, mean: Sequence[float], std: Sequence[float]) -> Normalisation:
    """Refuses pictures that are none; tells how they are normalised."""
    if pixels.ndim != 4 or pixels.shape[1] not in (1, 3) or 0 in pixels.shape[2:]:
        raise InputError(f"pixels have shape {tuple(pixels.shape)}: give n x C x H x W with 1 or 3 channels")
    if pixels.dtype != torch.uint8 and not pixels.is_floating_point():
        raise InputError(f"pixels are {pixels.dtype}: give bytes (uint8), or floating point in [0, 1]")
    if side < 1:
        raise InputError(f"side is {side}: give at least 1 pixel")
    return Normalisation.of(mean, std, pixels.shape[1], 255.0 if pixels.dtype == torch.uint8 else 1.0)
