"""The colour map against step by step, against kornia factor by factor, and its normalisation."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from graphurl.augment.colour import LUMINANCE, Normalisation, colour_map, recolour, solarise
from graphurl.errors import InputError

PLAIN = Normalisation((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
SKEWED = Normalisation((0.49, 0.48, 0.45), (0.25, 0.2, 0.3), 255.0)


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


def factors(b: float = 1, c: float = 1, s: float = 1, h: float = 0, n: int = 1) -> Tensor:
    return torch.tensor([[b, c, s, h]], dtype=torch.float32).repeat(n, 1)


def recoloured(x: Tensor, values: Tensor, gray: Tensor | None = None, normalise: Normalisation = PLAIN) -> Tensor:
    return recolour(x, *colour_map(values, gray, x.shape[1]), normalise)


def luminance(x: Tensor) -> Tensor:
    return (x * x.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)


def rotated(x: Tensor, turn: float) -> Tensor:
    """Rodrigues' formula for the grey axis k: x cos + (k × x) sin + k (k·x)(1 - cos)."""
    k = torch.full((1, 3, 1, 1), 1 / math.sqrt(3), dtype=x.dtype).expand_as(x)
    angle = 2 * math.pi * turn
    along = k * (k * x).sum(1, keepdim=True)
    return x * math.cos(angle) + torch.linalg.cross(k, x, dim=1) * math.sin(angle) + along * (1 - math.cos(angle))


@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("values", [(0.7, 1.3, 0.6, 0.1), (1.4, 0.6, 1.4, -0.2), (1.2, 0.0, 0.0, 0.5)])
def test_one_map_is_the_five_steps(values: tuple[float, float, float, float], gray: bool) -> None:
    b, c, s, h = values
    x = noise(3, 3, 8, 8)
    y = b * x.double()
    y = c * y + (1 - c) * luminance(y).mean((1, 2, 3), keepdim=True)
    y = s * y + (1 - s) * luminance(y)
    y = rotated(y, h)
    y = (luminance(y).expand_as(y) if gray else y).clamp(0, 1)
    made = recoloured(x, factors(*values, n=3), torch.tensor([gray]).repeat(3))
    torch.testing.assert_close(made.double(), y, atol=2e-6, rtol=0)


def test_every_picture_has_its_own_map() -> None:
    x, gray = noise(2, 3, 8, 8), torch.tensor([False, True])
    values = torch.cat([factors(1.2, 0.8, 1.1, 0.05), factors(0.9, 1.1, 0.7, -0.05)])
    both = recoloured(x, values, gray)
    for i in range(2):
        alone = recoloured(x[i : i + 1], values[i : i + 1], gray[i : i + 1])
        torch.testing.assert_close(both[i : i + 1], alone)


def test_brightness_contrast_saturation_and_grey_are_kornias() -> None:
    enhance = pytest.importorskip("kornia.enhance")
    color = pytest.importorskip("kornia.color")
    x = noise(2, 3, 16, 16)
    for value in (0.0, 0.6, 1.0, 1.4):
        torch.testing.assert_close(
            recoloured(x, factors(b=value, n=2)), enhance.adjust_brightness_accumulative(x, value)
        )
        contrast = enhance.adjust_contrast_with_mean_subtraction(x[:1], value)
        torch.testing.assert_close(recoloured(x[:1], factors(c=value)), contrast, atol=2e-6, rtol=0)
        saturation = enhance.adjust_saturation_with_gray_subtraction(x, value)
        torch.testing.assert_close(recoloured(x, factors(s=value, n=2)), saturation, atol=2e-6, rtol=0)
    grey = recoloured(x, factors(n=2), torch.tensor([True, True]))
    torch.testing.assert_close(grey, color.rgb_to_grayscale(x).expand_as(x), atol=2e-6, rtol=0)


def test_hue_is_kornias_for_thirds_and_near_it_between() -> None:
    enhance = pytest.importorskip("kornia.enhance")
    # Moderate colours, as photographs have them.
    x = 0.5 + 0.2 * (noise(4, 3, 16, 16) - 0.5)
    for turn in (-1 / 3, 1 / 3):
        exact = enhance.adjust_hue(x, 2 * math.pi * turn)
        torch.testing.assert_close(recoloured(x, factors(h=turn, n=4)), exact, atol=1e-5, rtol=0)
    for turn in (-0.1, 0.1):
        exact = enhance.adjust_hue(x, 2 * math.pi * turn)
        moved = (exact - x).abs().mean()
        assert (recoloured(x, factors(h=turn, n=4)) - exact).abs().mean() < 0.75 * moved
        assert (recoloured(x, factors(h=-turn, n=4)) - exact).abs().mean() > 1.2 * moved


def test_turns_of_the_hue_add_up_and_leave_greys_alone() -> None:
    def turned(h: float) -> Tensor:
        return colour_map(factors(h=h), None, 3)[0][0]

    torch.testing.assert_close(turned(0.1) @ turned(0.15), turned(0.25))
    torch.testing.assert_close(turned(1.0), torch.eye(3), atol=1e-6, rtol=0)
    torch.testing.assert_close(turned(0.3) @ torch.ones(3), torch.ones(3))
    torch.testing.assert_close(turned(0.3) @ turned(0.3).T, torch.eye(3), atol=1e-6, rtol=0)


def test_grey_pictures_have_brightness_and_contrast_only() -> None:
    x = noise(2, 1, 8, 8)
    made = recoloured(x, factors(1.3, 0.6, 0.1, 0.4, n=2), normalise=Normalisation((0.0,), (1.0,)))
    y = 1.3 * x
    expected = (0.6 * y + 0.4 * y.mean((1, 2, 3), keepdim=True)).clamp(0, 1)
    torch.testing.assert_close(made, expected)


def test_the_normalisation_comes_after_the_clamp() -> None:
    x = 255 * noise(2, 3, 8, 8)
    values = factors(1.8, 1.3, 1.5, 0.1, n=2)
    plain = recoloured(x / 255, values)
    assert ((plain == 0) | (plain == 1)).float().mean() > 0.1
    mean, std = (torch.tensor(v)[:, None, None] for v in (SKEWED.mean, SKEWED.std))
    made = recoloured(x, values, normalise=SKEWED)
    torch.testing.assert_close(made, (plain - mean) / std, atol=2e-5, rtol=0)
    for channel, (low, high) in enumerate(SKEWED.limits()):
        assert made[:, channel].min() == pytest.approx(low)
        assert made[:, channel].max() == pytest.approx(high)


def test_recolour_writes_where_it_is_told() -> None:
    x, out = noise(2, 3, 8, 8), torch.empty(2, 3, 8, 8)
    matrix, lift = colour_map(factors(0.8, n=2), None, 3)
    assert recolour(x, matrix, lift, PLAIN, out=out) is out
    assert torch.equal(out, recolour(x, matrix, lift, PLAIN))


def test_normalisation_and_back() -> None:
    x = 255 * noise(2, 3, 4, 4)
    mean, std = (torch.tensor(v)[:, None, None] for v in (SKEWED.mean, SKEWED.std))
    torch.testing.assert_close(SKEWED(x), (x / 255 - mean) / std, atol=2e-6, rtol=1e-5)
    torch.testing.assert_close(SKEWED.undo(SKEWED(x)), x, atol=1e-4, rtol=0)


def test_solarised_pictures_are_turned_above_the_middle() -> None:
    x = torch.tensor([0.0, 0.2, 0.49, 0.51, 0.8, 1.0]).expand(2, 3, 1, 6)
    made = SKEWED.undo(solarise(SKEWED(255 * x), torch.tensor([True, False]), SKEWED)) / 255
    expected = torch.tensor([0.0, 0.2, 0.49, 0.49, 0.2, 0.0]).expand(3, 1, 6)
    torch.testing.assert_close(made[0], expected, atol=1e-6, rtol=0)
    torch.testing.assert_close(made[1], x[1], atol=1e-6, rtol=0)


def test_solarisation_is_kornias() -> None:
    enhance = pytest.importorskip("kornia.enhance")
    x = noise(2, 3, 8, 8)
    made = solarise(x, torch.tensor([True, True]), PLAIN)
    torch.testing.assert_close(made, enhance.solarize(x, 0.5))


def test_a_normalisation_that_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="mean has 1 values: give one for each of the 3 channels"):
        Normalisation.of([0.5], [1, 1, 1], 3)
    with pytest.raises(InputError, match="std has 3 values: give one for each of the 1 channels"):
        Normalisation.of([0.5], [1, 1, 1], 1)
    for bad in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(InputError, match="std is .*: give finite numbers above 0"):
            Normalisation.of([0.5], [bad], 1)
