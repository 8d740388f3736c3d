"""Static pictures: maps and curves. matplotlib is imported by the functions, not by this package."""

from __future__ import annotations

from graphurl.plots.contact import contact_sheet
from graphurl.plots.curves import curves
from graphurl.plots.scatter import scatter
from graphurl.plots.sweep import sweep

__all__ = ["contact_sheet", "curves", "scatter", "sweep"]
