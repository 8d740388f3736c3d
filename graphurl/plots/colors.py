"""Colours that colour-blind readers can tell apart, and dark enough to be seen as points on white."""

from __future__ import annotations

import numpy as np

UNKNOWN = "#c9c9c9"
PLAIN = "#31688e"

# Ten colours after Petroff (2021), ordered so that the first ones differ most under every colour blindness.
_TEN = (
    "#3f90da",
    "#ffa90e",
    "#bd1f01",
    "#94a4a2",
    "#832db6",
    "#a96b59",
    "#e76300",
    "#b9ac70",
    "#717581",
    "#92dadd",
)
NAMED_UP_TO = 20


def class_colors(count: int) -> np.ndarray:
    """Returns one RGB colour per class.

    Up to ten are the palette itself, up to twenty the palette and its dark half; more classes cannot be
    told apart by colour and lie along a colour map in the order of their numbers.

    Args:
        count: Number of classes.

    Returns:
        Values of [0, 1], (count, 3).
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if count > NAMED_UP_TO:
        return np.asarray(colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3])
    ten = np.array([to_rgb(color) for color in _TEN])
    return np.concatenate([ten, ten * 0.55])[:count]


def darker(color: np.ndarray, share: float = 0.6) -> tuple[float, float, float]:
    """Returns a colour that can be read as text on white.

    Args:
        color: RGB of [0, 1].
        share: How much of its lightness stays.
    """
    red, green, blue = (float(value) * share for value in color[:3])
    return red, green, blue
