"""Runs as one page to send on: figures, metrics, settings and how to repeat them, in a file that needs nothing else."""

from __future__ import annotations

from graphurl.plots.report.chapter import Chapter, Comparison
from graphurl.plots.report.page import report

__all__ = ["Chapter", "Comparison", "report"]
