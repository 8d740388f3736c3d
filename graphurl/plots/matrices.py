"""Square matrices with classes along their sides: similarities of rows, cosines of class means."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.arrays import as_rows, finite_rows
from graphurl.functional.distance import unit_rows
from graphurl.functional.spread import nlad
from graphurl.plots.canvas import Theme, add_bar, blank, save, strip_frame, theme_of
from graphurl.plots.colors import contrast
from graphurl.plots.labels import read_labels
from graphurl.similarity import Similarity

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Up to so many classes names stand at the sides, and numbers in the cells.
NAMES_UP_TO, NUMBERS_UP_TO = 40, 12


def similarity_map(
    z: Any,
    y: Any,
    classes: Sequence[str] | None = None,
    *,
    similarity: Similarity | None = None,
    rows: int = 500,
    seed: int = 0,
    title: str | None = None,
    path: str | Path | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Similarities of rows that are sorted by their class: blocks on the diagonal where classes hold together.

    Args:
        z: The embedding, (N, d).
        y: Class of every row, numbers or names; -1 is left out.
        classes: Names of the classes 0, 1, 2, …
        similarity: p_Z; absent means the cosine.
        rows: So many rows at most, as many of each class as can be, the same ones whatever is drawn.
        seed: Draws the rows.
        title: Above the picture.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.

    Raises:
        InputError: Labels that are no classes, or no finite row with one.
    """
    values, codes, names = _known(z, y, classes)
    chosen = stratified(codes, rows, seed)
    part, kinds = torch.from_numpy(values[chosen].astype(np.float64)), codes[chosen]
    if similarity is None:
        units = unit_rows(part)
        matrix, words = (units @ units.T).numpy(), "cosine"
    else:
        scaled = similarity.calibrated(part) if len(part) > 1 else similarity
        matrix, words = scaled.of(part).exp().numpy(), "p_Z"
    theme = theme_of(theme)
    figure = blank(7.4, 6.6, theme)
    axes = _matrix(figure, matrix, words, theme)
    borders = np.flatnonzero(np.diff(kinds)) + 1
    for border in borders:
        for line in (axes.axhline, axes.axvline):
            line(border - 0.5, color=theme.ink, lw=0.7 if len(borders) < NAMES_UP_TO else 0.3, alpha=0.8)
    starts = np.concatenate([[0], borders, [len(kinds)]])
    middles = (starts[:-1] + starts[1:] - 1) / 2
    _name_sides(axes, middles, [names[code] for code in kinds[starts[:-1]]], theme)
    same = kinds[:, None] == kinds
    inside = same & ~np.eye(len(kinds), dtype=bool)
    told = [f"{matrix[mask].mean():.2f} {where}" for mask, where in
            ((inside, "within classes"), (~same, "between them")) if mask.any()]  # fmt: skip
    kernel = "" if similarity is None else f"t-kernel, ν = {similarity.nu:g}, scale of these rows"
    _caption(axes, title, [f"{len(chosen):,} of {len(z):,} rows", kernel, " mean ".join(["", ", ".join(told)])], theme)
    return save(figure, path)


def class_means(
    z: Any,
    y: Any,
    classes: Sequence[str] | None = None,
    *,
    title: str | None = None,
    path: str | Path | None = None,
    theme: str | Theme = "light",
) -> Figure:
    """Cosines of the mean vectors of the classes, and NLAD = -log |det M| of their matrix M (DE, Fig. 2).

    The means are of the rows as given, as the metric nlad takes them.

    Args:
        z: The embedding, (N, d).
        y: Class of every row, numbers or names; -1 is left out.
        classes: Names of the classes 0, 1, 2, …
        title: Above the picture.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.

    Raises:
        InputError: Labels that are no classes, or no finite row with one.
    """
    values, codes, names = _known(z, y, classes)
    present = np.unique(codes)
    rows = torch.from_numpy(values.astype(np.float64))
    means = torch.stack([rows[torch.from_numpy(codes == code)].mean(0) for code in present])
    units = unit_rows(means)
    matrix = (units @ units.T).numpy()
    theme = theme_of(theme)
    figure = blank(7.0, 6.2, theme)
    axes = _matrix(figure, matrix, "cosine", theme)
    _name_sides(axes, np.arange(len(present)), [names[code] for code in present], theme)
    if len(present) <= NUMBERS_UP_TO:
        _numbers(axes, matrix, theme)
    notes = [f"{len(present)} class means in {values.shape[1]} dimensions"]
    if len(present) > 1:
        others = matrix[~np.eye(len(present), dtype=bool)]
        notes.append(f"mean cosine {others.mean():.2f}")
    if 2 <= len(present) <= values.shape[1]:
        spread = float(nlad(rows, torch.from_numpy(codes)))
        notes.append("NLAD infinite" if math.isinf(spread) else f"NLAD {spread:.2f}")
    _caption(axes, title, notes, theme)
    return save(figure, path)


def stratified(codes: np.ndarray, rows: int, seed: int) -> np.ndarray:
    """Draws as many rows of each class as can be, sorted by class.

    Args:
        codes: Class of every row, none unknown.
        rows: How many at most; with more classes than that, one row of each of the most frequent ones.
        seed: Draws them.

    Returns:
        Row numbers.
    """
    present, sizes = np.unique(codes, return_counts=True)
    if len(present) > rows:
        present = np.sort(present[np.argsort(-sizes, kind="stable")[:rows]])
    share = rows // len(present)
    generator = np.random.default_rng(seed)
    found = []
    for code in present:
        of = np.flatnonzero(codes == code)
        found.append(of if len(of) <= share else np.sort(generator.choice(of, share, replace=False)))
    return np.concatenate(found)


def _known(z: Any, y: Any, classes: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Rows that are finite and have a class."""
    rows = as_rows(z)
    _, codes, names = read_labels(y, len(rows), classes)
    if codes is None:
        raise InputError("y has fractions or is missing: a matrix by class needs classes, whole numbers or names")
    kept = finite_rows(rows) & (codes >= 0)
    if not kept.any():
        raise InputError(f"none of the {len(rows)} rows is finite and has a class: there is nothing to draw")
    return rows[kept], codes[kept], names


def _matrix(figure: Figure, matrix: np.ndarray, words: str, theme: Theme) -> Axes:
    """Draws numbers up to 1: around 0 where some lie below, else from the smallest (up to a few) on."""
    axes = figure.add_subplot()
    strip_frame(axes, theme)
    low = math.floor(20 * float(np.quantile(matrix, 0.005))) / 20
    style: Any = {"cmap": theme.signed(), "vmin": -1} if low < 0 else {"cmap": theme.shades(), "vmin": min(low, 0.95)}
    add_bar(axes, axes.imshow(matrix, vmax=1, interpolation="nearest", **style), theme, words)
    return axes


def _name_sides(axes: Axes, at: Any, names: Sequence[str], theme: Theme) -> None:
    if len(names) > NAMES_UP_TO:
        return
    size = 9 if len(names) <= 20 else 6
    upright = sum(map(len, names)) > 60
    axes.set_xticks(at, names, fontsize=size, color=theme.ink, rotation=90 if upright else 0)
    axes.set_yticks(at, names, fontsize=size, color=theme.ink)
    axes.tick_params(length=0)


def _numbers(axes: Axes, matrix: np.ndarray, theme: Theme) -> None:
    (image,) = axes.images
    for (row, column), value in np.ndenumerate(matrix):
        ground = image.to_rgba(np.array([value]))[0, :3]
        ink = max((theme.ink, theme.paper), key=lambda color: contrast(color, ground))
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=ink)


def _caption(axes: Axes, title: str | None, notes: Sequence[str], theme: Theme) -> None:
    axes.set_xlabel(" · ".join(note.strip() for note in notes if note.strip()), fontsize=9, color=theme.soft)
    if title:
        axes.set_title(title, fontsize=13, color=theme.ink, loc="left", pad=10)
