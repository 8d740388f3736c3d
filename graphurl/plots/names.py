"""Names of classes on a map: on their clusters, none on another, or in a legend beside."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphurl.plots.canvas import Theme
from graphurl.plots.colors import NAMED_UP_TO, class_colors, readable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Text

STYLES = ("auto", "labels", "legend", "none")
# A name up to this length fits on its cluster; longer ones go into a legend.
_SHORT = 4
# Medians nearer than this share of the picture: the classes lie on each other, and names would tell nothing.
_NEAR = 0.025
_ROUNDS = 400


def name_classes(
    axes: Axes, points: np.ndarray, codes: np.ndarray, labels: Sequence[str], style: str, theme: Theme
) -> None:
    """Writes the names of up to twenty classes; more are not told apart by their colours.

    Args:
        axes: Where.
        points: (n, 2).
        codes: Class of every point, -1 unknown.
        labels: Name of every class.
        style: One of STYLES.
        theme: The colours.
    """
    if len(labels) > NAMED_UP_TO:
        return
    present = [code for code in range(len(labels)) if (codes == code).any()]
    medians = {code: np.median(points[codes == code], axis=0) for code in present}
    colors = class_colors(len(labels))
    if style == "auto":
        short = max((len(labels[code]) for code in present), default=0) <= _SHORT
        style = "labels" if short and not _crowded(points, medians) else "legend"
    if style == "labels":
        _on_medians(axes, medians, labels, colors, theme)
    elif style == "legend":
        _beside(axes, {labels[code]: colors[code] for code in present}, bool((codes < 0).any()), theme)


def apart(centres: np.ndarray, sizes: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Moves boxes until none lies on another, each pair along the side where the way is shorter.

    Args:
        centres: (n, 2).
        sizes: Width and height, (n, 2).
        low: The corner of the room that they have, (2,).
        high: The opposite one.

    Returns:
        Their new centres; those that touched nothing stay where they are. Boxes that the room cannot hold overlap.
    """
    at = np.array(centres, dtype=float)
    for _ in range(_ROUNDS):
        still = True
        for first in range(len(at)):
            for second in range(first + 1, len(at)):
                gap = at[second] - at[first]
                over = (sizes[first] + sizes[second]) / 2 - np.abs(gap)
                if (over <= 0).any():
                    continue
                still = False
                side = int(over[1] <= over[0])
                push = (over[side] / 2 + 1e-6) * (1 if gap[side] >= 0 else -1)
                at[first, side] -= push
                at[second, side] += push
        if still:
            break
        at = np.clip(at, np.minimum(low + sizes / 2, centres), np.maximum(high - sizes / 2, centres))
    return at


def _crowded(points: np.ndarray, medians: dict[int, np.ndarray]) -> bool:
    """Whether two classes lie on each other."""
    at = np.array(list(medians.values())).reshape(-1, 2)
    gaps = np.abs(at[:, None] - at) / np.maximum(np.ptp(points, axis=0), 1e-300)
    far = np.maximum(gaps[..., 0], gaps[..., 1]) + np.eye(len(at))
    return bool((far < _NEAR).any())


def _on_medians(
    axes: Axes, medians: dict[int, np.ndarray], labels: Sequence[str], colors: np.ndarray, theme: Theme
) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3.5, foreground=theme.paper, alpha=0.9)]
    written = [
        axes.text(
            x, y, labels[code], color=readable(colors[code], theme.paper, theme.ink), fontsize=15, fontweight="bold",
            ha="center", va="center", path_effects=halo, zorder=5,
        )
        for code, (x, y) in medians.items()
    ]  # fmt: skip
    _move_apart(axes, written, theme)


def _move_apart(axes: Axes, written: Sequence[Text], theme: Theme) -> None:
    """Moves names that overlap; a line leads from one that went far to where it belongs."""
    figure: Any = axes.get_figure()
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in written]
    centres = np.array([[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] for box in boxes]).reshape(-1, 2)
    sizes = np.array([[box.width, box.height] for box in boxes]).reshape(-1, 2)
    room = axes.get_window_extent()
    moved = apart(centres, sizes, np.array([room.x0, room.y0]), np.array([room.x1, room.y1]))
    back = axes.transData.inverted()
    axes.autoscale(False)  # a line must not move what was just placed
    for text, old, new, size in zip(written, centres, moved, sizes, strict=True):
        if np.allclose(old, new):
            continue
        start, end = text.get_position(), back.transform(new)
        text.set_position((float(end[0]), float(end[1])))
        if np.abs(new - old).max() > size[1]:
            axes.plot([start[0], end[0]], [start[1], end[1]], color=theme.soft, lw=0.8, zorder=4)


def _beside(axes: Axes, colors: dict[str, np.ndarray], unknown: bool, theme: Theme) -> None:
    from matplotlib.lines import Line2D

    shown: dict[str, Any] = {**colors, **({"unknown": theme.unknown} if unknown else {})}
    style: Any = {"marker": "o", "ls": "", "ms": 7, "mew": 0}
    dots = [Line2D([], [], color=color, label=name, **style) for name, color in shown.items()]
    axes.legend(
        handles=dots, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False,
        fontsize=10, labelcolor=theme.ink, handletextpad=0.2, labelspacing=0.6,
    )  # fmt: skip
