"""The interactive page: one file with an embedding, everything known about it, and the script that shows it."""

from __future__ import annotations

from graphurl.plots.page.write import page

__all__ = ["page"]
