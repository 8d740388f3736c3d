"""Crop, resize, flip and blur against naive sums and torch's own samplers."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import affine_grid, grid_sample, interpolate

from graphurl.augment.crop import blur_weights, centre_square, crop, hat_weights


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def boxes(n: int, height: int, width: int) -> Tensor:
    """Boxes inside the picture, every second one mirrored."""
    size = torch.tensor([width, height]) * (0.2 + 0.8 * noise(n, 2))
    corner = (torch.tensor([width, height]) - size) * noise(n, 2).flip(0)
    box = torch.cat([corner, size], 1)
    box[::2, 0] += box[::2, 2]
    box[::2, 2] *= -1
    return box


def naive_weights(start: float, length: float, size: int, side: int, antialias: bool) -> Tensor:
    weights = torch.zeros(side, size, dtype=torch.float64)
    wide = max(1.0, abs(length) / side) if antialias else 1.0
    for k in range(side):
        centre = min(max(start + (k + 0.5) * length / side - 0.5, 0.0), size - 1.0)
        for j in range(size):
            weights[k, j] = max(0.0, 1 - abs(centre - j) / wide)
    return weights / weights.sum(1, keepdim=True)


@given(
    st.floats(-5, 12), st.one_of(st.floats(0.5, 12), st.floats(-12, -0.5)),
    st.integers(1, 9), st.integers(1, 11), st.booleans(),
)  # fmt: skip
def test_weights_are_the_formula(start: float, length: float, size: int, side: int, antialias: bool) -> None:
    start, length = float(torch.tensor(start)), float(torch.tensor(length))
    # A box longer than the picture shrinks where the sides alone would not say so.
    length = math.copysign(min(abs(length), size), length)
    arguments = torch.tensor([start]), torch.tensor([length]), size, side
    expected = naive_weights(start, length, size, side, antialias)
    weights = hat_weights(*arguments, antialias=antialias)[0]
    torch.testing.assert_close(weights.double(), expected, atol=2e-5, rtol=0)
    assert torch.equal(hat_weights(*arguments, antialias=antialias, as_columns=True)[0], weights.T)


@pytest.mark.parametrize("side", [24, 32, 48])
def test_without_antialiasing_it_is_grid_sample(side: int) -> None:
    n, height, width = 8, 32, 40
    x, box = noise(n, 3, height, width), boxes(n, height, width)
    left, top, wide, high = box.unbind(1)
    theta = torch.zeros(n, 2, 3)
    theta[:, 0, 0], theta[:, 1, 1] = wide / width, high / height
    theta[:, 0, 2], theta[:, 1, 2] = (2 * left + wide) / width - 1, (2 * top + high) / height - 1
    grid = affine_grid(theta, [n, 3, side, side], align_corners=False)
    expected = grid_sample(x, grid, padding_mode="border", align_corners=False)
    torch.testing.assert_close(crop(x, box, side, antialias=False), expected, atol=2e-5, rtol=0)


@pytest.mark.parametrize("side", [1, 7, 16, 24, 32, 45])
def test_a_whole_picture_is_resized_as_torch_does(side: int) -> None:
    x = noise(2, 3, 32, 32)
    box = torch.tensor([[0.0, 0, 32, 32]]).expand(2, 4)
    expected = interpolate(x, (side, side), mode="bilinear", antialias=True, align_corners=False)
    torch.testing.assert_close(crop(x, box, side), expected, atol=2e-6, rtol=0)


def test_the_inside_of_a_shrunk_box_is_the_cut_out_shrunk() -> None:
    x = noise(1, 1, 40, 40)
    expected = interpolate(x[..., 4:34, 10:40], (10, 10), mode="bilinear", antialias=True, align_corners=False)
    view = crop(x, torch.tensor([[10.0, 4, 30, 30]]), 10)
    torch.testing.assert_close(view[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], atol=2e-6, rtol=0)


def test_antialiasing_changes_only_what_shrinks() -> None:
    x = noise(2, 1, 32, 32)
    box = torch.tensor([[3.0, 5, 20, 30], [3.0, 5, 20, 20]])
    smooth, rough = crop(x, box, 24), crop(x, box, 24, antialias=False)
    torch.testing.assert_close(smooth[1], rough[1])
    assert (smooth[0] - rough[0]).abs().max() > 0.05


def test_the_whole_picture_at_its_own_size_is_the_picture() -> None:
    x = 255 * noise(2, 3, 9, 9)
    assert torch.equal(crop(x, torch.tensor([[0.0, 0, 9, 9]]).expand(2, 4), 9), x)


def test_a_mirrored_box_is_the_flipped_picture_and_twice_is_none() -> None:
    x, mirrored = noise(2, 3, 9, 9), torch.tensor([[9.0, 0, -9, 9]]).expand(2, 4)
    once = crop(x, mirrored, 9)
    assert torch.equal(once, x.flip(3))
    assert torch.equal(crop(once, mirrored, 9), x)


def test_a_box_of_whole_pixels_is_a_slice() -> None:
    x = noise(1, 3, 12, 20)
    assert torch.equal(crop(x, torch.tensor([[11.0, 3, 8, 8]]), 8), x[..., 3:11, 11:19])


def test_beyond_the_picture_the_border_repeats() -> None:
    x = noise(1, 1, 4, 4)
    view = crop(x, torch.tensor([[-2.0, 3, 4, 4]]), 4)
    row = x[0, 0, 3, [0, 0, 0, 1]]
    assert torch.equal(view[0, 0], row.expand(4, 4))


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_blur_is_a_gaussian_mean_of_the_pixels_there_are(radius: int) -> None:
    sigma, side = 1.3, 7
    weights = blur_weights(torch.tensor([sigma, 0.0]), side, radius)
    expected = torch.zeros(side, side, dtype=torch.float64)
    for k in range(side):
        for j in range(max(0, k - radius), min(side, k + radius + 1)):
            expected[k, j] = math.exp(-((k - j) ** 2) / (2 * sigma**2))
    expected /= expected.sum(1, keepdim=True)
    torch.testing.assert_close(weights[0].double(), expected, atol=1e-6, rtol=0)
    assert torch.equal(weights[1], torch.eye(side))


def test_blur_of_the_crop_is_the_crop_then_blurred() -> None:
    x, box, sigma = noise(4, 3, 20, 20), boxes(4, 20, 20), torch.tensor([0.0, 0.5, 1.0, 2.0])
    whole = torch.tensor([[0.0, 0, 16, 16]]).expand(4, 4)
    sharp = crop(x, box, 16)
    blurred = crop(x, box, 16, sigma=sigma, radius=2)
    torch.testing.assert_close(blurred, crop(sharp, whole, 16, sigma=sigma, radius=2), atol=1e-6, rtol=0)
    torch.testing.assert_close(blurred[0], sharp[0])
    assert (blurred[1:] - sharp[1:]).abs().amax((1, 2, 3)).min() > 0.02


def test_the_centre_square_lies_in_the_middle() -> None:
    assert centre_square(32, 32) == (0, 0, 32, 32)
    assert centre_square(10, 25) == (7.5, 0, 10, 10)
    assert centre_square(25, 10) == (0, 7.5, 10, 10)
