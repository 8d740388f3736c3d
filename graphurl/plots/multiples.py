"""Small maps side by side: one setting, several values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graphurl.errors import InputError
from graphurl.plots.canvas import Theme, blank, save, strip_frame, theme_of
from graphurl.plots.colors import NAMED_UP_TO, class_colors
from graphurl.plots.labels import read_labels
from graphurl.plots.layout import lay_out
from graphurl.plots.paint import paint_density, paint_points

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DENSITY_ABOVE, MOST_COLUMNS = 20_000, 4


def maps(
    embeddings: Mapping[str, Any],
    y: Any = None,
    classes: Sequence[str] | None = None,
    *,
    title: str | None = None,
    path: str | Path | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Maps of the same rows side by side, such as one for each ν_Z (GenURL, Figs. 9 and 12).

    Args:
        embeddings: An embedding (N, d) by what stands above it, in this order; each has its own scale.
        y: Class of every row, or a number, for the colours; as in `scatter`.
        classes: Names of the classes 0, 1, 2, …
        title: Above all.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.

    Raises:
        InputError: No embedding, or embeddings of different numbers of rows.
    """
    sizes = {name: len(z) for name, z in embeddings.items()}
    if not sizes:
        raise InputError("there is no embedding to draw: give one or more")
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name}: {size:,}" for name, size in sizes.items())
        raise InputError(f"maps side by side have to be of the same rows, these differ ({told})")
    theme = theme_of(theme)
    values, codes, names = read_labels(y, next(iter(sizes.values())), classes)
    columns = min(MOST_COLUMNS, len(sizes))
    lines = math.ceil(len(sizes) / columns)
    figure = blank(max(3.0 * columns, 4.0), 3.2 * lines + 0.7, theme)
    panels = figure.subplots(lines, columns, squeeze=False).ravel()
    for panel, (name, z) in zip(panels, embeddings.items(), strict=False):
        layout = lay_out(z, codes)
        strip_frame(panel, theme)
        if layout.labels[0] != "z":
            panel.set_aspect("equal", adjustable="datalim")
        paint = paint_density if len(layout.points) > DENSITY_ABOVE else paint_points
        shades = values[layout.kept].astype(float) if values is not None and codes is None else None
        kept = None if codes is None else codes[layout.kept]
        paint(panel, layout.points, kept, class_colors(len(names)), shades, theme)
        for dots in panel.collections:
            dots.set_sizes(np.maximum(1.0, 0.2 * dots.get_sizes()))
        panel.set_title(name, fontsize=11, color=theme.ink)
        panel.set_xlabel(" ".join(filter(None, layout.labels)), fontsize=7, color=theme.soft)
    for panel in panels[len(sizes) :]:
        panel.set_visible(False)
    if 0 < len(names) <= NAMED_UP_TO:
        _legend(figure, names, codes, theme)
    if title:
        figure.suptitle(title, fontsize=14, color=theme.ink, x=0.02, ha="left")
    return save(figure, path)


def _legend(figure: Figure, names: Sequence[str], codes: Any, theme: Theme) -> None:
    from matplotlib.lines import Line2D

    style: Any = {"marker": "o", "ls": "", "ms": 6, "mew": 0}
    colors = class_colors(len(names))
    dots = [Line2D([], [], color=colors[code], label=names[code], **style) for code in np.unique(codes[codes >= 0])]
    figure.legend(
        handles=dots, loc="outside lower center", ncols=min(10, len(dots)), frameon=False, fontsize=9,
        labelcolor=theme.ink, handletextpad=0.1,
    )  # fmt: skip
