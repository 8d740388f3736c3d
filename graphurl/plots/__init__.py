"""Pictures: maps and curves, and maps that grow. matplotlib is imported by the functions, not by this package."""

from __future__ import annotations

from graphurl.plots.animate import animate
from graphurl.plots.canvas import DARK, LIGHT, Theme
from graphurl.plots.contact import contact_sheet
from graphurl.plots.curves import curves
from graphurl.plots.figures import draw
from graphurl.plots.matrices import class_means, similarity_map
from graphurl.plots.multiples import maps
from graphurl.plots.nearest import neighbors
from graphurl.plots.page import page
from graphurl.plots.scatter import scatter
from graphurl.plots.shepard import shepard
from graphurl.plots.sweep import sweep
from graphurl.plots.views import views

__all__ = [
    "DARK",
    "LIGHT",
    "Theme",
    "animate",
    "class_means",
    "contact_sheet",
    "curves",
    "draw",
    "maps",
    "neighbors",
    "page",
    "scatter",
    "shepard",
    "similarity_map",
    "sweep",
    "views",
]
