"""A map of an embedding: points in the colours of their classes, or shades where there are too many."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.plots.canvas import INK, SOFT, blank, save, strip_frame
from graphurl.plots.colors import NAMED_UP_TO, UNKNOWN, class_colors, darker
from graphurl.plots.layout import drawable_edges, lay_out
from graphurl.plots.paint import paint_density, paint_edges, paint_points

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DENSITY_ABOVE = 50_000
# A name up to this length fits on its cluster; longer ones go into a legend.
_SHORT = 4
# Names nearer than this share of the picture overlap.
_LETTER = 0.025
_NAME_STYLES = ("auto", "labels", "legend", "none")


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
) -> Figure:
    """Draws an embedding.

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

    Returns:
        The figure, which knows nothing of pyplot.

    Raises:
        InputError: Nothing to draw, or labels and edges that do not fit.
    """
    if names not in _NAME_STYLES:
        raise InputError(f"names={names!r}: choose one of {', '.join(_NAME_STYLES)}")
    count = len(z)
    values = None if y is None else _column(y, count)
    continuous = values is not None and values.dtype.kind == "f" and _has_fractions(values)
    codes, labels = _classes(values, classes) if values is not None and not continuous else (None, [])
    layout = lay_out(z, codes)
    figure = blank(width, height)
    axes = figure.add_subplot()
    strip_frame(axes)
    if layout.labels[0] != "z":
        axes.set_aspect("equal", adjustable="datalim")
    notes = [_missing(layout.kept)]
    if edges is not None:
        pairs, total = drawable_edges(edges, layout.kept)
        paint_edges(axes, layout.points, pairs)
        notes.append(f"{len(pairs):,} of {total:,} edges" if len(pairs) < total else f"{total:,} edges")
    paint = paint_density if len(layout.points) > DENSITY_ABOVE else paint_points
    kept_codes = None if codes is None else codes[layout.kept]
    shades = values[layout.kept].astype(float) if continuous and values is not None else None
    paint(axes, layout.points, kept_codes, class_colors(len(labels)), shades)
    if kept_codes is not None:
        notes.append(_name_classes(axes, layout.points, kept_codes, labels, names))
    _write_around(axes, title, layout.labels, [f"{len(layout.points):,} points", *filter(None, notes)])
    return save(figure, path)


def _column(y: Any, count: int) -> np.ndarray:
    values = np.asarray(y.detach().cpu() if isinstance(y, torch.Tensor) else y)
    if values.shape != (count,):
        raise InputError(f"y has shape {values.shape} for {count} points: give one value per point")
    return values


def _has_fractions(values: np.ndarray) -> bool:
    finite = values[np.isfinite(values)]
    return not np.array_equal(finite, np.round(finite))


def _classes(values: np.ndarray, names: Sequence[str] | None) -> tuple[np.ndarray, list[str]]:
    """Codes 0, 1, … of the classes that occur, -1 where unknown, and their names."""
    if values.dtype.kind in "OUS":
        found, codes = np.unique(values.astype(str), return_inverse=True)
        return codes, [str(name) for name in found]
    whole = np.where(np.isfinite(values.astype(float)), values, -1).astype(int)
    found, codes = np.unique(whole[whole >= 0], return_inverse=True)
    full = np.full(len(whole), -1)
    full[whole >= 0] = codes
    # Colours follow the class number when all classes have names, so that pictures of parts agree.
    if names is not None and len(found) and found[-1] < len(names):
        return np.where(whole >= 0, whole, -1), [str(name) for name in names]
    return full, [str(label) for label in found]


def _name_classes(
    axes: Axes, points: np.ndarray, codes: np.ndarray, labels: Sequence[str], style: str
) -> str:
    """Writes the class names; returns a note when there are too many."""
    if len(labels) > NAMED_UP_TO:
        return f"{len(labels)} classes"
    present = [code for code in range(len(labels)) if (codes == code).any()]
    medians = {code: np.median(points[codes == code], axis=0) for code in present}
    colors = class_colors(len(labels))
    if style == "auto":
        short = max((len(labels[code]) for code in present), default=0) <= _SHORT
        style = "labels" if short and not _crowded(points, medians) else "legend"
    if style == "labels":
        _on_medians(axes, medians, labels, colors)
    elif style == "legend":
        _beside(axes, {labels[code]: colors[code] for code in present}, unknown=bool((codes < 0).any()))
    return ""


def _crowded(points: np.ndarray, medians: dict[int, np.ndarray]) -> bool:
    """Whether two names would lie on each other."""
    at = np.array(list(medians.values())).reshape(-1, 2)
    gaps = np.abs(at[:, None] - at) / np.maximum(np.ptp(points, axis=0), 1e-300)
    apart = np.maximum(gaps[..., 0], gaps[..., 1]) + np.eye(len(at))
    return bool((apart < _LETTER).any())


def _on_medians(
    axes: Axes, medians: dict[int, np.ndarray], labels: Sequence[str], colors: np.ndarray
) -> None:
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=3.5, foreground="white", alpha=0.9)]
    for code, (x, y) in medians.items():
        axes.text(
            x, y, labels[code], color=darker(colors[code]), fontsize=15, fontweight="bold",
            ha="center", va="center", path_effects=halo, zorder=5,
        )  # fmt: skip


def _beside(axes: Axes, colors: dict[str, np.ndarray], unknown: bool) -> None:
    from matplotlib.lines import Line2D

    shown: dict[str, Any] = {**colors, **({"unknown": UNKNOWN} if unknown else {})}
    style: Any = {"marker": "o", "ls": "", "ms": 7, "mew": 0}
    dots = [Line2D([], [], color=color, label=name, **style) for name, color in shown.items()]
    axes.legend(
        handles=dots, loc="center left", bbox_to_anchor=(1.0, 0.5), frameon=False,
        fontsize=10, labelcolor=INK, handletextpad=0.2, labelspacing=0.6,
    )  # fmt: skip


def _missing(kept: np.ndarray) -> str:
    left_out = int((~kept).sum())
    return f"{left_out:,} left out: not finite" if left_out else ""


def _write_around(axes: Axes, title: str | None, labels: tuple[str, str], notes: Sequence[str]) -> None:
    if title:
        axes.set_title(title, fontsize=15, color=INK, loc="left", pad=10)
    axes.set_xlabel("\n".join(filter(None, [labels[0], " · ".join(notes)])), fontsize=9, color=SOFT)
    axes.set_ylabel(labels[1], fontsize=9, color=SOFT)
