"""Pictures: maps and curves, and maps that grow. matplotlib is imported by the functions, not by this package."""

from __future__ import annotations

from graphurl.plots.animate import animate
from graphurl.plots.contact import contact_sheet
from graphurl.plots.curves import curves
from graphurl.plots.page import page
from graphurl.plots.scatter import scatter
from graphurl.plots.sweep import sweep

__all__ = ["animate", "contact_sheet", "curves", "page", "scatter", "sweep"]
