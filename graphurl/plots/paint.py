"""Colour on axes: points, density and edges."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphurl.plots.canvas import Theme, add_bar

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_CELLS = 640


def paint_points(
    axes: Axes,
    points: np.ndarray,
    codes: np.ndarray | None,
    colors: np.ndarray,
    shades: np.ndarray | None,
    theme: Theme,
) -> None:
    """Draws every point; size and opacity fall with their number.

    Args:
        axes: Where.
        points: (n, 2).
        codes: Class of every point, -1 unknown; None without classes.
        colors: RGB of every class.
        shades: A continuous value of every point; None without.
        theme: The other colours.
    """
    count = len(points)
    style: Any = {
        "s": float(np.clip(45_000 / max(count, 1), 3.0, 60.0)),
        "alpha": float(np.clip(1.2 - 0.1 * np.log10(max(count, 1)) ** 1.3, 0.35, 0.9)),
        "linewidths": 0,
        "rasterized": True,
        "zorder": 2,
    }
    if shades is not None:
        known = np.isfinite(shades)
        axes.scatter(*points[~known].T, color=theme.unknown, **style)
        dots = axes.scatter(points[known, 0], points[known, 1], c=shades[known], cmap=theme.shades(), **style)
        add_bar(axes, dots, theme)
    elif codes is None:
        axes.scatter(*points.T, color=theme.plain, **style)
    else:
        # Mixed at random, or the last class would lie on top of all others; the unknown ones lie below.
        order = np.random.default_rng(0).permutation(count)
        order = order[np.argsort(codes[order] >= 0, kind="stable")]
        axes.scatter(*points[order].T, color=_palette(colors, theme)[codes[order]], **style)


def paint_density(
    axes: Axes,
    points: np.ndarray,
    codes: np.ndarray | None,
    colors: np.ndarray,
    shades: np.ndarray | None,
    theme: Theme,
) -> None:
    """Draws how many points lie in a cell (opacity, on a log scale) and which (the mean of their colours).

    Args:
        axes: Where.
        points: (n, 2).
        codes: Class of every point, -1 unknown; None without classes.
        colors: RGB of every class.
        shades: A continuous value of every point; None without.
        theme: The other colours.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize, to_rgb

    if shades is not None:
        known = np.isfinite(shades)
        low, high = np.percentile(shades[known], [1, 99]) if known.any() else (0.0, 1.0)
        scale = Normalize(low, high, clip=True)
        colored = theme.shades()(scale(np.where(known, shades, low)))[:, :3]
        paint = np.where(known[:, None], colored, to_rgb(theme.unknown))
        add_bar(axes, ScalarMappable(scale, theme.shades()), theme)
    elif codes is None:
        paint = np.broadcast_to(to_rgb(theme.plain), (len(points), 3))
    else:
        paint = _palette(colors, theme)[codes]
    image, extent = _shaded(points, paint)
    style: Any = {"origin": "lower", "interpolation": "bilinear", "aspect": axes.get_aspect()}
    axes.imshow(image, extent=extent, zorder=2, **style)


def paint_edges(axes: Axes, points: np.ndarray, pairs: np.ndarray, theme: Theme) -> None:
    """Draws edges as thin grey lines below the points.

    Args:
        axes: Where.
        points: (n, 2).
        pairs: Rows of points, (E, 2).
        theme: Its colours.
    """
    from matplotlib.collections import LineCollection

    alpha = float(np.clip(300 / max(len(pairs), 1) ** 0.75, 0.12, 0.6))
    lines = LineCollection(points[pairs], colors=theme.soft, linewidths=0.4, alpha=alpha, zorder=1, rasterized=True)
    axes.add_collection(lines)


def _palette(colors: np.ndarray, theme: Theme) -> np.ndarray:
    """The colours of the classes, and last, where index -1 finds it, that of unknown."""
    from matplotlib.colors import to_rgb

    return np.concatenate([colors.reshape(-1, 3), [to_rgb(theme.unknown)]])


def _shaded(points: np.ndarray, paint: np.ndarray) -> tuple[np.ndarray, tuple[float, float, float, float]]:
    low, high = points.min(0), points.max(0)
    middle, half = (low + high) / 2, np.maximum((high - low) / 2 * 1.02, 1e-12)
    cell = np.clip(((points - middle) / half + 1) / 2 * _CELLS, 0, _CELLS - 1).astype(int)
    flat = cell[:, 1] * _CELLS + cell[:, 0]
    counts = np.bincount(flat, minlength=_CELLS**2)
    sums = np.stack([np.bincount(flat, weights=channel, minlength=_CELLS**2) for channel in paint.T], axis=1)
    image = np.ones((_CELLS**2, 4))
    filled = counts > 0
    image[filled, :3] = sums[filled] / counts[filled, None]
    # Full opacity at the 99th percentile: a single heap must not fade all others out.
    top = np.log1p(np.percentile(counts[filled], 99))
    image[:, 3] = np.where(filled, 0.25 + 0.75 * np.clip(np.log1p(counts) / top, 0, 1), 0)
    (left, bottom), (right, upper) = middle - half, middle + half
    return image.reshape(_CELLS, _CELLS, 4), (float(left), float(right), float(bottom), float(upper))
