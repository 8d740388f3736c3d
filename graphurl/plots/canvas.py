"""A figure that belongs to nobody: no window, no pyplot, no global state."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK = "#2b2b2b"
SOFT = "#8a8a8a"
DPI = 150


def blank(width: float, height: float) -> Figure:
    """Makes an empty figure on the Agg canvas.

    Args:
        width: In inches.
        height: In inches.

    Returns:
        The figure; it is freed with its last reference.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def strip_frame(axes: Axes) -> None:
    """Takes ticks and frame away: the axes of a map have no scale to read.

    Args:
        axes: Where.
    """
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor("white")
    for spine in axes.spines.values():
        spine.set_visible(False)


def save(figure: Figure, path: str | Path | None) -> Figure:
    """Writes a figure where a path is given; its suffix names the format (png, pdf, svg).

    Args:
        figure: What to write.
        path: Where; missing folders are made.

    Returns:
        The same figure.
    """
    if path is not None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=DPI, facecolor="white")
    return figure
