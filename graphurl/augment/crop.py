"""Crop, resize, flip and blur of a whole batch as two matrix products.

All four are linear and separable: view = rows · picture · columns. A row of the left matrix (a column of the right
one) holds the weights with which one pixel of the view averages the pixels of the source, and sums to one.
"""

from __future__ import annotations

import torch
from torch import Tensor


def crop(
    pixels: Tensor, box: Tensor, side: int, *, sigma: Tensor | None = None, radius: int = 1, antialias: bool = True
) -> Tensor:
    """Cuts a box out of every picture and resizes it to side x side.

    A pixel of the view lies at its share of the box and is interpolated bilinearly between the pixels of the source,
    those just outside the box included. Beyond the picture its border repeats.

    Args:
        pixels: n×C×H×W, floating point.
        box: n×4: where the view begins from the left and from the top, its width and height, in pixels of the source.
            A negative width runs from right to left, which mirrors the view.
        side: Of the view.
        sigma: n: σ of a Gaussian blur of the view, in its pixels; 0 leaves a view sharp.
        radius: Of the blur's kernel.
        antialias: Whether shrinking widens the interpolation to all the pixels that fall together (as Pillow,
            torchvision and `interpolate(antialias=True)`); without it views alias, and cost a little less.

    Returns:
        n×C×side×side.
    """
    left, top, width, height = box.unbind(1)
    columns = hat_weights(left, width, pixels.shape[3], side, antialias=antialias, as_columns=True)
    rows = hat_weights(top, height, pixels.shape[2], side, antialias=antialias)
    if sigma is not None:
        blur = blur_weights(sigma, side, radius)
        columns, rows = torch.bmm(columns, blur.mT), torch.bmm(blur, rows)
    narrow = torch.bmm(pixels.flatten(1, 2), columns).view(*pixels.shape[:3], side)
    return torch.matmul(rows[:, None], narrow)


def hat_weights(
    start: Tensor, length: Tensor, size: int, side: int, *, antialias: bool = True, as_columns: bool = False
) -> Tensor:
    """Bilinear interpolation along one axis, as a matrix for each picture.

    Pixel k of the view has its centre at c_k = start + (k + 1/2) length/side - 1/2, and takes of pixel j of the source
    the share max(0, 1 - |c_k - j| / w), normalised over j. w = max(1, |length|/side) where shrinking antialiases.

    Args:
        start: n: where the box begins; pixel j covers [j, j + 1].
        length: n: how long it is, negative where it runs backwards.
        size: Pixels of the source.
        side: Pixels of the view.
        antialias: Whether the hat widens when the box shrinks.
        as_columns: Whether the matrices are wanted transposed, n×size×side.

    Returns:
        n×side×size; rows (or columns) sum to 1.
    """
    view, source = (2, 1) if as_columns else (1, 2)
    step = (length / side)[:, None]
    # Clamping repeats the border; inside the picture it changes only what the normalisation would change back.
    centre = torch.addcmul(start[:, None] - 0.5, torch.arange(0.5, side, device=start.device), step).clamp_(0, size - 1)
    pixel = torch.arange(0.0, size, device=start.device)
    apart = (centre.unsqueeze(source) - pixel.unsqueeze(view - 1)).abs_()
    # Without shrinking two neighbours share the weight, and it sums to 1 as it is.
    if not (antialias and size > side):
        return torch.sub(centre.new_tensor(1.0), apart, out=apart).clamp_min_(0)
    half_width = step.abs().clamp_min_(1)[:, None]
    weights = torch.sub(half_width, apart, out=apart).clamp_min_(0)
    return weights.div_(weights.sum(source, keepdim=True))


def blur_weights(sigma: Tensor, side: int, radius: int) -> Tensor:
    """Gaussian blur along one axis, as a matrix for each picture; what lies beyond the border has no weight.

    Args:
        sigma: n: σ in pixels; 0 gives the identity.
        side: Pixels of the view.
        radius: Pixels farther apart have no weight.

    Returns:
        n×side×side; rows sum to 1.
    """
    at = torch.arange(side, device=sigma.device, dtype=sigma.dtype)
    apart = (at[:, None] - at).square()
    apart = apart.masked_fill(apart > radius**2, torch.inf)
    # The least σ makes the nearest neighbour's weight vanish: exp(-1/2σ²) is 0 in single precision.
    weights = torch.exp(apart * (-0.5 / sigma.clamp_min(0.02).square())[:, None, None])
    return weights / weights.sum(2, keepdim=True)


def centre_square(height: int, width: int) -> tuple[float, float, float, float]:
    """The box of the largest square in the middle of a picture.

    Args:
        height: Of the picture.
        width: Of the picture.

    Returns:
        Left, top, width and height.
    """
    side = min(height, width)
    return (width - side) / 2, (height - side) / 2, side, side
