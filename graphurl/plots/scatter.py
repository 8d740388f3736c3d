"""A map of an embedding: points in the colours of their classes, or shades where there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphurl.errors import InputError
from graphurl.plots.canvas import Theme, blank, save, strip_frame, theme_of
from graphurl.plots.colors import NAMED_UP_TO, class_colors
from graphurl.plots.labels import read_labels
from graphurl.plots.layout import drawable_edges, lay_out
from graphurl.plots.names import STYLES, name_classes
from graphurl.plots.paint import paint_density, paint_edges, paint_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DENSITY_ABOVE = 50_000


def scatter(
    z: Any,
    y: Any = None,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    path: str | Path | None = None,
    *,
    edges: Any = None,
    names: str = "auto",
    width: float = 8.0,
    height: float = 7.0,
    theme: str | Theme = "light",
) -> Figure:
    """The embedding as points in the colours of their classes, as density above 50,000 points.

    More than two dimensions are projected on their principal axes (the axis labels say so), one becomes a
    strip. Above 50,000 points the picture shows density, in the mixed colours of the classes. Rows that are
    not finite are left out, and the caption counts them.

    Args:
        z: Embeddings, (N, d) or (N,).
        y: Whole numbers or names: classes, -1 unknown (grey). Fractions: a colour bar.
        classes: Names of the classes 0, 1, 2, …
        title: Above the picture.
        path: Where to write it; the suffix names the format.
        edges: Thin grey lines: a graph, a pair (rows, cols) or (2, E); at most 20,000 are drawn.
        names: Where class names go (up to 20 classes): "labels" on the median of the class, "legend" outside,
            "none", or "auto": labels when they are short.
        width: In inches.
        height: In inches.
        theme: light or dark.

    Returns:
        The figure, which knows nothing of pyplot.

    Raises:
        InputError: Nothing to draw, or labels and edges that do not fit.
    """
    if names not in STYLES:
        raise InputError(f"names={names!r}: choose one of {', '.join(STYLES)}")
    theme = theme_of(theme)
    values, codes, labels = read_labels(y, len(z), classes)
    layout = lay_out(z, codes)
    figure = blank(width, height, theme)
    axes = figure.add_subplot()
    strip_frame(axes, theme)
    if layout.labels[0] != "z":
        axes.set_aspect("equal", adjustable="datalim")
    notes = [_missing(layout.kept)]
    if edges is not None:
        pairs, total = drawable_edges(edges, layout.kept)
        paint_edges(axes, layout.points, pairs, theme)
        notes.append(f"{len(pairs):,} of {total:,} edges" if len(pairs) < total else f"{total:,} edges")
    paint = paint_density if len(layout.points) > DENSITY_ABOVE else paint_points
    kept_codes = None if codes is None else codes[layout.kept]
    shades = values[layout.kept].astype(float) if values is not None and codes is None else None
    paint(axes, layout.points, kept_codes, class_colors(len(labels)), shades, theme)
    note = f"{len(labels)} classes" if len(labels) > NAMED_UP_TO else ""
    notes = [f"{len(layout.points):,} points", *filter(None, [*notes, note])]
    _write_around(axes, title, layout.labels, notes, theme)
    if kept_codes is not None:
        name_classes(axes, layout.points, kept_codes, labels, names, theme)
    return save(figure, path)


def _missing(kept: np.ndarray) -> str:
    left_out = int((~kept).sum())
    return f"{left_out:,} left out: not finite" if left_out else ""


def _write_around(
    axes: Axes, title: str | None, labels: tuple[str, str], notes: Sequence[str], theme: Theme
) -> None:
    if title:
        axes.set_title(title, fontsize=15, color=theme.ink, loc="left", pad=10)
    axes.set_xlabel("\n".join(filter(None, [labels[0], " · ".join(notes)])), fontsize=9, color=theme.soft)
    axes.set_ylabel(labels[1], fontsize=9, color=theme.soft)
