"""Colours that colour-blind readers can tell apart, and that can be seen on white and on black."""

from __future__ import annotations

from typing import Any

import numpy as np

UNKNOWN = "#c9c9c9"
PLAIN = "#31688e"

# Ten colours after Petroff (2021), ordered so that the first ones differ most under every colour blindness; then
# ten found by search, as far as they can be from all others, also as those without red or green cones see them.
_TWENTY = (
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
    "#005aff",
    "#f0b45a",
    "#871e3c",
    "#b4d2b4",
    "#b43ca5",
    "#1e4b69",
    "#69c3f0",
    "#960f1e",
    "#0000ff",
    "#0087ff",
)
NAMED_UP_TO = len(_TWENTY)


def class_colors(count: int) -> np.ndarray:
    """Returns one RGB colour per class, the same on every paper.

    Up to twenty have a colour of their own; more classes cannot be told apart by colour and lie along a colour map
    in the order of their numbers.

    Args:
        count: Number of classes.

    Returns:
        Values of [0, 1], (count, 3).
    """
    from matplotlib import colormaps
    from matplotlib.colors import to_rgb

    if count > NAMED_UP_TO:
        return np.asarray(colormaps["turbo"](np.linspace(0.05, 0.95, count))[:, :3])
    return np.array([to_rgb(color) for color in _TWENTY[:count]]).reshape(-1, 3)


def contrast(first: Any, second: Any) -> float:
    """The contrast ratio of two colours, 1 to 21, as WCAG 2 has it; text needs 4.5, large text and marks 3.

    Args:
        first: RGB of [0, 1], or anything that matplotlib calls a colour.
        second: Likewise.
    """
    from matplotlib.colors import to_rgb

    light = []
    for color in (first, second):
        c = np.array(to_rgb(color))
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        light.append(float(linear @ [0.2126, 0.7152, 0.0722]))
    return (max(light) + 0.05) / (min(light) + 0.05)


def readable(color: Any, paper: Any, ink: Any, ratio: float = 4.5) -> tuple[float, float, float]:
    """Brings a colour towards that of the ink, as little as it takes to read it on the paper.

    Args:
        color: What to start from.
        paper: The background.
        ink: Where to.
        ratio: Contrast that is enough.

    Returns:
        RGB of [0, 1].
    """
    from matplotlib.colors import to_rgb

    start, end = np.array(to_rgb(color)), np.array(to_rgb(ink))
    shares = np.linspace(0, 1, 21)
    mixed = next((c for c in ((1 - s) * start + s * end for s in shares) if contrast(c, paper) >= ratio), end)
    red, green, blue = map(float, mixed)
    return red, green, blue
