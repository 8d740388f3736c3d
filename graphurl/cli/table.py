"""Text tables: two columns of names and values, or several columns with a header."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any


def facts(lines: Mapping[str, Any], indent: str = "") -> str:
    """Names and values, a line each.

    Args:
        lines: Value by name; a value of None is left out.
        indent: What stands before each line.
    """
    shown = {name: words(value) for name, value in lines.items() if value is not None}
    width = max(map(len, shown), default=0) + 2
    return "\n".join(f"{indent}{name:<{width}}{value}".rstrip() for name, value in shown.items())


def columns(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table with a header; the last column is not padded."""
    cells = [list(header), *([words(cell) for cell in row] for row in rows)]
    widths = [max(len(row[position]) for row in cells) for position in range(len(header))]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def words(value: Any) -> str:
    """A value as a person writes it."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return str(value)


def count(number: int, noun: str, plural: str | None = None) -> str:
    """1 edge, 2,000 edges."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def seconds(value: float) -> str:
    """0.4 s, 12 s, 3 min 20 s."""
    if value < 100:
        return f"{value:.1f} s" if value < 10 else f"{value:.0f} s"
    return f"{int(value // 60)} min {int(value % 60)} s"


def size(number: float) -> str:
    """Bytes as MB or GB."""
    return f"{number / 1e6:.0f} MB" if number < 1e9 else f"{number / 1e9:.2f} GB"


def metrics(report: Mapping[str, Any], *, skipped: bool = False) -> str:
    """The metrics of a report with their protocols; those that were not measured where asked for."""
    rows = [
        (name, f"{entry['value']:.4f}", between(entry), entry["protocol"])
        for name, entry in report.get("metrics", {}).items()
    ]
    if skipped:
        rows += [(name, "-", "", reason) for name, reason in report.get("skipped", {}).items()]
    return columns(("metric", "value", "95 %", "protocol"), rows) if rows else ""


def between(entry: Mapping[str, Any]) -> str:
    """The ends of a confidence interval, where there is one."""
    return f"{entry['low']:.4f} to {entry['high']:.4f}" if "low" in entry else ""
