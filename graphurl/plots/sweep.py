"""A number over the values of one setting: the mean over seeds as a line, every seed as a dot."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from graphurl.errors import InputError
from graphurl.plots.canvas import Theme, blank, plain_axes, save, theme_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def sweep(
    runs: Mapping[float, Sequence[float]],
    setting: str,
    number: str,
    title: str | None = None,
    path: str | Path | None = None,
    *,
    theme: str | Theme = "light",
) -> Figure:
    """Draws what came out for each value of a setting.

    Args:
        runs: What was measured, a list of seeds for each value, which is above 0: the axis is logarithmic.
        setting: Name of the setting, below the picture.
        number: Name of the number, beside it.
        title: Above the picture.
        path: Where to write it; the suffix names the format.
        theme: light or dark.

    Returns:
        The figure.

    Raises:
        InputError: Without any measurement, or for a value that has no logarithm.
    """
    found = {float(value): list(runs[value]) for value in sorted(runs) if len(runs[value])}
    if not found:
        raise InputError(f"nothing was measured for any {setting}: there is no curve to draw")
    if min(found) <= 0:
        raise InputError(f"{setting} is {min(found):g}: the axis is logarithmic, give values above 0")
    theme = theme_of(theme)
    figure = blank(6.0, 4.0, theme)
    axes = figure.subplots()
    for value, measured in found.items():
        axes.plot([value] * len(measured), measured, color=theme.plain, marker="o", ms=4, lw=0, alpha=0.4)
    means = [statistics.fmean(measured) for measured in found.values()]
    axes.plot(list(found), means, color=theme.plain, lw=1.8, marker="o", ms=6)
    axes.set_xscale("log")
    axes.set_xlabel(setting, fontsize=10, color=theme.soft)
    axes.set_ylabel(number, fontsize=10, color=theme.soft)
    plain_axes(axes, theme)
    if title:
        axes.set_title(title, fontsize=12, color=theme.ink, loc="left")
    return save(figure, path)
