"""Figures inside a page: one for light screens and paper, one for dark screens."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphurl import registry
from graphurl.errors import InputError
from graphurl.plots.canvas import THEMES
from graphurl.plots.figures import draw, lacking
from graphurl.plots.report.markup import Html, tag

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Colours of a stored picture: figures have few, and a quarter of the bytes is left.
_COLORS = 256
_DPI = 130
#: Figures that take the whole width of a page.
WIDE = ("curves", "neighbors", "views")


def drawing(name: str, given: Mapping[str, Any]) -> Html:
    """A figure with its caption; a note in its place where it cannot be drawn of these data.

    Args:
        name: Name of a figure.
        given: What there is, see `figures.known`.
    """
    about = registry.describe("figures")[name]
    heading = tag("h3", name.replace("-", " "))
    try:
        light, dark = (_encoded(draw(name, given, theme=theme)) for theme in THEMES)
    except InputError as error:
        return tag("figure", heading, tag("p", f"Not drawn: {error}", class_="note"), class_=name)
    source = tag("source", srcset=dark, media="screen and (prefers-color-scheme: dark)")
    picture = tag("picture", source, tag("img", src=light, alt=about))
    return tag("figure", heading, picture, tag("figcaption", about), class_=name)


def further(given: Mapping[str, Any]) -> tuple[list[Html], list[Html]]:
    """All figures of a run but its map.

    Args:
        given: What there is.

    Returns:
        Those that are read at half the width of the page, and wide ones.
    """
    names = [name for name in registry.names("figures") if name != "map" and not lacking(name, given)]
    if given.get("metric_z") == "euclidean":
        # The angle between two means of a map, as seen from its middle, says nothing.
        names = [name for name in names if name != "class-means"]
    shown = {**given, "history": telling(given.get("history") or ())}
    made = {name: drawing(name, shown) for name in sorted(names, key=WIDE.__contains__)}
    return [made[name] for name in made if name not in WIDE], [made[name] for name in made if name in WIDE]


def telling(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A record of training without the clock and without numbers that never change.

    Args:
        history: A record an epoch.
    """
    keys = {key for record in history for key in record}
    same = {key for key in keys if len({repr(record.get(key)) for record in history}) == 1} - {"loss", "epoch"}
    return [{key: value for key, value in record.items() if key not in {*same, "seconds"}} for record in history]


def _encoded(figure: Figure) -> str:
    from PIL import Image

    figure.set_dpi(_DPI)
    canvas: Any = figure.canvas
    canvas.draw()
    small = io.BytesIO()
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    picture.quantize(_COLORS, dither=Image.Dither.NONE).save(small, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(small.getvalue()).decode()}"
