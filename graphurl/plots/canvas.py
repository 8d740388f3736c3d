"""A figure that belongs to nobody: no window, no pyplot, no global state; and the two papers that it is drawn on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.errors import unknown
from graphurl.plots.colors import PLAIN, UNKNOWN, contrast

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

DPI = 150


@dataclass(frozen=True)
class Theme:
    """What a figure is drawn with. Ink and soft can be read on the paper; points can be seen on it.

    Attributes:
        name: How it is asked for.
        paper: Background.
        ink: Titles and names.
        soft: Captions and numbers at axes.
        line: Grid lines.
        unknown: Points without a class.
        plain: Points and lines where there are no classes.
        low: Share of the colour map that is left out at its dark end, which would sink into the paper.
        high: The last share that is used: its bright end would do so on white.
    """

    name: str
    paper: str
    ink: str
    soft: str
    line: str
    unknown: str
    plain: str
    low: float
    high: float

    @property
    def bright(self) -> bool:
        """Whether the paper is nearer to white than to black."""
        return contrast(self.paper, "white") < contrast(self.paper, "black")

    def shades(self) -> ListedColormap:
        """The colours of a number, from small to large; even steps for every kind of colour vision."""
        import numpy as np
        from matplotlib import colormaps
        from matplotlib.colors import ListedColormap

        return ListedColormap(colormaps["viridis"](np.linspace(self.low, self.high, 256)), name="shades")

    def rising(self) -> ListedColormap:
        """From the paper to a full colour: for counts, of which none is nothing to see."""
        import numpy as np
        from matplotlib.colors import ListedColormap, to_rgb

        shades, paper = self.shades(), np.array(to_rgb(self.paper))
        full = shades(np.linspace(1, 0, 256) if self.bright else np.linspace(0, 1, 256))[:, :3]
        share = np.minimum(1, np.linspace(0, 3, 256))[:, None]
        return ListedColormap(np.clip((1 - share) * paper + share * full, 0, 1), name="rising")

    def signed(self) -> ListedColormap:
        """From blue through the paper to orange: for numbers on both sides of 0."""
        from matplotlib.colors import LinearSegmentedColormap, ListedColormap

        ends = ("#1f5fa8", "#b34700") if self.bright else ("#6bb1f0", "#ff9a4d")
        mixed = LinearSegmentedColormap.from_list("signed", [ends[0], self.paper, ends[1]], 257)
        return ListedColormap(mixed(range(257)), name="signed")


LIGHT = Theme("light", "#ffffff", "#2b2b2b", "#6b6b6b", "#e8e8e8", UNKNOWN, PLAIN, 0.0, 0.95)
DARK = Theme("dark", "#16181c", "#e8e8e8", "#a3a7ad", "#33373d", "#585d64", "#6db3dd", 0.22, 1.0)
THEMES = {theme.name: theme for theme in (LIGHT, DARK)}


def theme_of(theme: str | Theme) -> Theme:
    """The theme of a name; a theme is returned as it is.

    Args:
        theme: light, dark, or one of the user's own.

    Raises:
        InputError: For another name.
    """
    if isinstance(theme, Theme):
        return theme
    if theme not in THEMES:
        raise unknown("theme", theme, THEMES)
    return THEMES[theme]


def blank(width: float, height: float, theme: Theme = LIGHT) -> Figure:
    """Makes an empty figure on the Agg canvas.

    Args:
        width: In inches.
        height: In inches.
        theme: Whose paper it is.

    Returns:
        The figure; it is freed with its last reference.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=DPI, layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def strip_frame(axes: Axes, theme: Theme = LIGHT) -> None:
    """Takes ticks and frame away: the axes of a map have no scale to read.

    Args:
        axes: Where.
        theme: Whose paper it is.
    """
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor(theme.paper)
    for spine in axes.spines.values():
        spine.set_visible(False)


def plain_axes(axes: Axes, theme: Theme) -> None:
    """Leaves the axes of a curve a base line, numbers and faint lines across.

    Args:
        axes: Where.
        theme: Its colours.
    """
    axes.set_facecolor(theme.paper)
    axes.grid(axis="y", color=theme.line, lw=0.8)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=theme.soft, length=0)
    for side, spine in axes.spines.items():
        spine.set_visible(side == "bottom")
        spine.set_color(theme.unknown)


def add_bar(axes: Axes, mappable: Any, theme: Theme, words: str = "") -> None:
    """Adds the scale of a colour map beside axes.

    Args:
        axes: Where.
        mappable: What was drawn with the map.
        theme: Its colours.
        words: What the numbers are.
    """
    figure = axes.get_figure()
    if figure is None:
        return
    bar: Any = figure.colorbar(mappable, ax=axes, shrink=0.5, aspect=28, pad=0.02)
    bar.outline.set_visible(False)
    if bar.solids is not None:
        bar.solids.set_alpha(1)
    bar.ax.tick_params(labelsize=9, colors=theme.soft, length=0)
    if words:
        bar.set_label(words, fontsize=9, color=theme.soft)


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
        figure.savefig(path, dpi=DPI, facecolor=figure.get_facecolor())
    return figure
