"""Light and dark paper: what is written can be read, what is drawn can be seen and told apart."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.colors import to_rgb
from PIL import Image

from graphurl.errors import InputError
from graphurl.plots import DARK, LIGHT, curves, scatter
from graphurl.plots.canvas import THEMES, Theme, theme_of
from graphurl.plots.colors import NAMED_UP_TO, class_colors, contrast, readable

# Machado, Oliveira and Fernandes (2009), severity 1: what linear RGB becomes without red, without green cones.
SEEN = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)


def lab(rgb: np.ndarray, seen: str) -> np.ndarray:
    """CIE L*a*b* (D65) of sRGB colours as an eye sees them."""
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ SEEN[seen].T, 0, 1) @ XYZ.T / np.array([0.95047, 1, 1.08883])
    f = np.where(xyz > 0.008856, np.cbrt(np.maximum(xyz, 1e-12)), 7.787 * xyz + 16 / 116)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1)


def smallest_gap(rgb: np.ndarray, seen: str) -> float:
    at = lab(rgb, seen)
    gaps = np.linalg.norm(at[:, None] - at, axis=-1) + np.diag(np.full(len(at), np.inf))
    return float(gaps.min())


@pytest.mark.parametrize("seen", SEEN)
@pytest.mark.parametrize(("classes", "least"), [(4, 40), (10, 17), (NAMED_UP_TO, 17)])
def test_class_colours_can_be_told_apart_by_every_eye(seen: str, classes: int, least: float) -> None:
    assert smallest_gap(class_colors(classes), seen) > least


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_text_can_be_read_and_points_can_be_seen(theme: Theme) -> None:
    assert contrast(theme.ink, theme.paper) > 7
    assert contrast(theme.soft, theme.paper) > 4.5
    assert contrast(theme.plain, theme.paper) > 4.5
    assert contrast(theme.unknown, theme.paper) > 1.5
    for color in class_colors(NAMED_UP_TO):
        assert contrast(color, theme.paper) > 1.5
        assert contrast(readable(color, theme.paper, theme.ink), theme.paper) >= 4.5


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_colours_of_numbers_rise_evenly_and_never_sink_into_the_paper(theme: Theme) -> None:
    ramp = theme.shades()(np.linspace(0, 1, 32))[:, :3]
    for seen in SEEN:
        assert (np.diff(lab(ramp, seen)[:, 0]) > 0).all()
    assert min(contrast(color, theme.paper) for color in ramp) > 1.25
    low, middle, high = (theme.signed()(value)[:3] for value in (0.0, 0.5, 1.0))
    assert middle == pytest.approx(to_rgb(theme.paper), abs=0.02)
    assert min(contrast(end, theme.paper) for end in (low, high)) > 3
    for seen in SEEN:
        assert smallest_gap(np.array([low, middle, high]), seen) > 40
    rising = [contrast(theme.rising()(value)[:3], theme.paper) for value in np.linspace(0, 1, 16)]
    assert rising[0] < 1.02 and (np.diff(rising) > 0).all()


def test_contrast_is_that_of_wcag() -> None:
    assert contrast("white", "black") == pytest.approx(21)
    assert contrast("#777777", "white") == pytest.approx(4.48, abs=0.01)
    assert contrast("red", "red") == 1


@given(st.tuples(*[st.floats(0, 1)] * 3), st.sampled_from(list(THEMES.values())))
def test_any_colour_becomes_readable_and_one_that_is_stays(color: tuple[float, float, float], theme: Theme) -> None:
    made = readable(color, theme.paper, theme.ink)
    assert contrast(made, theme.paper) >= 4.5
    if contrast(color, theme.paper) >= 4.5:
        assert made == pytest.approx(color)


def test_a_theme_is_asked_for_by_name_or_given() -> None:
    own = dataclasses.replace(LIGHT, name="sepia", paper="#f4ecd8")
    assert (theme_of("dark"), theme_of(own)) == (DARK, own)
    assert own.signed()(1.0) == LIGHT.signed()(1.0), "a bright paper takes the full colours of the light theme"
    with pytest.raises(InputError, match="unknown theme 'drak': did you mean 'dark'"):
        theme_of("drak")


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_the_paper_reaches_every_corner(theme: Theme, tmp_path: Path) -> None:
    z = np.random.default_rng(0).normal(size=(60, 2))
    scatter(z, np.arange(60) % 3, path=tmp_path / "map.png", theme=theme.name, title="t")
    curves([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0}], path=tmp_path / "curves.png", theme=theme)
    for name in ("map.png", "curves.png"):
        pixels = np.asarray(Image.open(tmp_path / name).convert("RGB")) / 255
        for corner in (pixels[0, 0], pixels[-1, -1], pixels[len(pixels) // 2, 0]):
            assert corner == pytest.approx(to_rgb(theme.paper), abs=0.01)
        assert (np.abs(pixels - to_rgb(theme.paper)).max(axis=2) < 0.02).mean() > 0.5
