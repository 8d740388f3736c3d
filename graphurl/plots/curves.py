"""Curves of a training run: one small panel per number, all over the same epochs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.errors import InputError
from graphurl.plots.canvas import Theme, blank, plain_axes, save, theme_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_AXES = ("epoch", "step")
_COLUMNS = 3
# From this ratio of largest to smallest value on, a linear scale hides the end of a curve.
_LOG_FROM = 100.0


def curves(
    history: Sequence[Mapping[str, Any]],
    keys: Sequence[str] | None = None,
    title: str | None = None,
    path: str | Path | None = None,
    *,
    theme: str | Theme = "light",
) -> Figure:
    """Loss, rate, spread and every other number of a training over its epochs.

    Args:
        history: One dict per epoch, as the trainer records them; keys may come and go.
        keys: Which numbers; by default all, the loss first. "epoch", or "step", is the horizontal axis.
        title: Above the panels.
        path: Where to write the picture; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure, which knows nothing of pyplot.

    Raises:
        InputError: Without any number to draw, or with a key that is nowhere.
    """
    found = _numeric(history)
    chosen = found if keys is None else list(keys)
    absent = [key for key in chosen if key not in found]
    if absent or not chosen:
        given = f"no {absent[0]!r}" if absent else "no numbers"
        raise InputError(f"the history has {given}: it has {', '.join(found) or 'nothing to draw'}")
    columns = min(_COLUMNS, len(chosen))
    lines = math.ceil(len(chosen) / columns)
    theme = theme_of(theme)
    figure = blank(max(3.4 * columns, 5.0), 2.5 * lines + (0.5 if title else 0.2), theme)
    axis = next((name for name in _AXES if any(name in record for record in history)), "epoch")
    panels = figure.subplots(lines, columns, squeeze=False, sharex=True).ravel()
    for panel, key in zip(panels, chosen, strict=False):
        _draw(panel, key, *_series(history, key, axis), theme)
    for panel in panels[len(chosen) :]:
        panel.set_visible(False)
    for number in range(len(chosen)):
        if number + columns >= len(chosen):
            panels[number].set_xlabel(axis, fontsize=9, color=theme.soft)
            panels[number].tick_params(labelbottom=True)
    if title:
        figure.suptitle(title, fontsize=14, color=theme.ink, x=0.02, ha="left")
    return save(figure, path)


def _numeric(history: Sequence[Mapping[str, Any]]) -> list[str]:
    keys = dict.fromkeys(key for record in history for key, value in record.items() if _is_number(value))
    names = [key for key in keys if key not in _AXES]
    return sorted(names, key=lambda key: (key != "loss", not key.startswith("loss")))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _series(history: Sequence[Mapping[str, Any]], key: str, axis: str) -> tuple[list[float], list[float]]:
    pairs = [
        (float(record.get(axis, number)), float(record[key]))
        for number, record in enumerate(history, start=1)
        if _is_number(record.get(key)) and math.isfinite(record[key])
    ]
    return [x for x, _ in pairs], [y for _, y in pairs]


def _draw(axes: Axes, key: str, x: Sequence[float], y: Sequence[float], theme: Theme) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(x, y, color=theme.plain, lw=1.8, solid_capstyle="round")
    axes.set_title(key.replace("_", " "), fontsize=11, color=theme.ink, loc="left")
    if y:
        axes.set_title(f"{y[-1]:.4g}", fontsize=10, color=theme.plain, loc="right")
        axes.plot(x[-1:], y[-1:], color=theme.plain, marker="o", ms=4.5, clip_on=False)
    if y and min(y) > 0 and max(y) / min(y) > _LOG_FROM:
        axes.set_yscale("log")
        axes.minorticks_off()
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    plain_axes(axes, theme)
