"""A contact sheet: every row an original picture and the views that were made of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.plots.canvas import Theme, blank, save, strip_frame, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Paper between pictures, and between the originals and their views, as shares of a picture's side.
_GAP, _ASIDE = 1 / 16, 1 / 4


def contact_sheet(
    rows: Sequence[tuple[str, Tensor | Sequence[Tensor]]],
    path: str | Path | None = None,
    *,
    columns: Sequence[str] | None = None,
    title: str | None = None,
    cell: float = 0.9,
    theme: str | Theme = "light",
) -> Figure:
    """Draws pictures beside their views.

    Pixels are drawn as squares, nothing is smoothed. Views of another size are drawn at the same scale, in the middle
    of their places; values outside [0, 1] are cut off.

    Args:
        rows: For every original a label and its pictures, n×C×H×W or several C×H×W, in [0, 1] with 1 or 3 channels;
            the first is the original.
        path: Where to write it; the suffix names the format.
        columns: Words above the columns; by default "original", 1, 2, …
        title: Above the sheet.
        cell: Width of the largest picture, in inches.
        theme: light or dark.

    Returns:
        The figure, which knows nothing of pyplot.

    Raises:
        InputError: Where there is nothing to draw, or something that is no picture.
    """
    return save(lay_sheet(rows, columns, title, cell, theme_of(theme)).figure, path)


@dataclass(frozen=True)
class Sheet:
    """A contact sheet that more can be drawn on.

    Attributes:
        figure: The figure.
        axes: Its only axes, in pixels.
        boxes: For every row left, top, width and height of each of its pictures.
    """

    figure: Figure
    axes: Axes
    boxes: list[list[tuple[int, int, int, int]]]


def lay_sheet(
    rows: Sequence[tuple[str, Tensor | Sequence[Tensor]]],
    columns: Sequence[str] | None,
    title: str | None,
    cell: float,
    theme: Theme,
) -> Sheet:
    """Lays pictures out, see `contact_sheet`."""
    pictures = [[_paintable(picture, label) for picture in stack] for label, stack in rows]
    width = max(map(len, pictures), default=0)
    if width == 0:
        raise InputError("rows holds no picture: give a label and at least an original for every row")
    words = ["original", *(str(view) for view in range(1, width))] if columns is None else list(columns)
    if len(words) != width:
        raise InputError(f"columns has {len(words)} words: give one for each of the {width} columns")
    tall = max(picture.shape[0] for row in pictures for picture in row)
    wide = [max(row[column].shape[1] for row in pictures if column < len(row)) for column in range(width)]
    gap, aside = max(1, round(max(wide) * _GAP)), max(1, round(max(wide) * _ASIDE))
    tops = [row * (tall + gap) for row in range(len(pictures))]
    lefts = [sum(wide[:column]) + column * gap + (aside - gap if column else 0) for column in range(width)]
    boxes = [
        [
            (left + (room - p.shape[1]) // 2, top + (tall - p.shape[0]) // 2, p.shape[1], p.shape[0])
            for left, room, p in zip(lefts, wide, row, strict=False)
        ]
        for top, row in zip(tops, pictures, strict=True)
    ]
    figure = _paint(pictures, boxes, (tops[-1] + tall, lefts[-1] + wide[-1]), cell / max(wide), theme)
    axes = figure.axes[0]
    axes.xaxis.tick_top()
    middles = [left + (room - 1) / 2 for left, room in zip(lefts, wide, strict=True)]
    axes.set_xticks(middles, words, fontsize=9, color=theme.soft)
    axes.set_yticks(
        [top + (tall - 1) / 2 for top in tops], [label for label, _ in rows], fontsize=10, color=theme.ink
    )
    axes.tick_params(length=0)
    if title:
        axes.set_title(title, fontsize=13, color=theme.ink, loc="left", pad=10)
    return Sheet(figure, axes, boxes)


def _paint(
    pictures: Sequence[Sequence[np.ndarray]],
    boxes: Sequence[Sequence[tuple[int, int, int, int]]],
    size: tuple[int, int],
    inches: float,
    theme: Theme,
) -> Figure:
    """The figure with all pictures in their places, `inches` a pixel."""
    from matplotlib.colors import to_rgb

    sheet = np.ones((*size, 3)) * to_rgb(theme.paper)
    for row, places in zip(pictures, boxes, strict=True):
        for picture, (x, y, wide, tall) in zip(row, places, strict=True):
            sheet[y : y + tall, x : x + wide] = picture
    figure = blank(1 + inches * size[1], 0.6 + inches * size[0], theme)
    axes = figure.add_subplot()
    strip_frame(axes, theme)
    axes.imshow(sheet, interpolation="nearest")
    return figure


def _paintable(picture: Tensor, label: str) -> np.ndarray:
    """H×W×C in [0, 1]; one channel spreads over the three of the sheet."""
    if picture.ndim != 3 or picture.shape[0] not in (1, 3) or not picture.is_floating_point():
        kind = f"{picture.dtype} {tuple(picture.shape)}"
        raise InputError(f"row {label!r} holds {kind}: give C x H x W in floating point, with 1 or 3 channels")
    return picture.detach().to("cpu", torch.float32).clamp(0, 1).permute(1, 2, 0).numpy()
