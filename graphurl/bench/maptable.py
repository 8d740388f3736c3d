"""The table of maps in words: medians over repeats, ratios to other methods, held-out rows, growth with the rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from graphurl.bench.maps import Row
from graphurl.bench.tables import paired

Run = Mapping[str, Any]
Measured = Mapping[str, Sequence[Run]]

#: Title, key, form.
QUALITY = (
    ("Trust", "trust", ".3f"), ("Cont", "cont", ".3f"), ("linear", "linear", ".1f"), ("kNN", "knn", ".1f"),
    ("NMI k-means", "kmeans", ".3f"), ("NMI HDBSCAN", "hdbscan", ".3f"),
)  # fmt: skip
SPENT = (
    ("fit wall s", "wall", ".1f"), ("fit CPU s", "cpu", ".1f"), ("peak GiB", "memory", ".2f"),
    ("new rows wall s", "new_wall", ".2f"), ("new rows CPU s", "new_cpu", ".2f"),
)  # fmt: skip
HELD = (
    ("Trust fitted", "trust_fitted", ".3f"), ("Trust held out", "trust_held", ".3f"),
    ("kNN fitted", "knn_fitted", ".1f"), ("kNN held out", "knn_held", ".1f"),
)  # fmt: skip
SCALE = {"memory": 2**30}


def markdown(rows: Sequence[Row], measured: Measured) -> str:
    """The median of each number over the repeats of a line."""
    return _medians(rows, measured, (*QUALITY, *SPENT))


def held(rows: Sequence[Row], measured: Measured) -> str:
    """Held-out rows beside fitted ones, where rows were held out; a line that places no new rows is left out."""
    placing = {name: [run for run in runs if "trust_held" in run] for name, runs in measured.items()}
    return _medians(rows, placing, HELD) if any(placing.values()) else ""


def ratios(rows: Sequence[Row], measured: Measured) -> str:
    """Each line of graphurl beside each peer: the median over repeats of ours / peer within the same repeat."""
    header = ("method", "against", *(title.removesuffix(" s").removesuffix(" GiB") for title, _, _ in SPENT), "repeats")
    lines = []
    for own in (row for row in rows if row.kind == "recipe"):
        for peer in (row for row in rows if row.kind == "peer"):
            pairs = paired(measured.get(own.name, ()), measured.get(peer.name, ()))
            if pairs:
                found = [ratio(pairs, key) for _, key, _ in SPENT]
                cells = ["" if math.isnan(value) else f"{value:.3g}" for value in found]
                lines.append([own.name, peer.name, *cells, str(len(pairs))])
    return _table(header, lines)


def ratio(pairs: Sequence[tuple[Run, Run]], key: str) -> float:
    """Median of the ratios of one number; NaN where a side has none."""
    found = [ours[key] / theirs[key] for ours, theirs in pairs if key in ours and theirs.get(key)]
    return statistics.median(found) if found else math.nan


def growth(rows: Sequence[Row], measured: Measured) -> str:
    """CPU seconds at each number of rows, and the exponent b of seconds ∝ rows^b; "" for fewer than two numbers."""
    sizes = sorted({run["rows"] for runs in measured.values() for run in runs})
    if len(sizes) < 2:
        return ""
    lines = []
    for row in rows:
        spent = by_size(measured.get(row.name, ()))
        if spent:
            cells = [f"{spent[size]:.1f}" if size in spent else "" for size in sizes]
            slope = exponent(spent)
            lines.append([row.name, *cells, "" if math.isnan(slope) else f"{slope:.2f}"])
    return _table(("CPU s", *(f"{size:,} rows" for size in sizes), "exponent"), lines)


def by_size(runs: Sequence[Run]) -> dict[int, float]:
    """Median CPU seconds by number of rows."""
    return {
        size: statistics.median(run["cpu"] for run in runs if run["rows"] == size) for size in {r["rows"] for r in runs}
    }


def exponent(spent: Mapping[int, float]) -> float:
    """The slope of log seconds over log rows by least squares; NaN for fewer than two sizes."""
    points = [(math.log(size), math.log(seconds)) for size, seconds in spent.items() if seconds > 0]
    if len(points) < 2:
        return math.nan
    return statistics.linear_regression(*zip(*points, strict=True)).slope


def made_by(measured: Measured) -> str:
    """Every version that took part, so that one that changed between two calls is seen."""
    found = sorted({pair for runs in measured.values() for run in runs for pair in run["versions"].items()})
    return "Versions: " + ", ".join(f"{name} {version}" for name, version in found) if found else ""


def _medians(rows: Sequence[Row], measured: Measured, columns: Sequence[tuple[str, str, str]]) -> str:
    lines = []
    for row in rows:
        runs = measured.get(row.name, ())
        if not runs:
            continue
        cells = []
        for _, key, form in columns:
            values = [run[key] for run in runs if key in run]
            cells.append(format(statistics.median(values) / SCALE.get(key, 1), form) if values else "")
        lines.append([row.name, *cells, str(len(runs))])
    return _table(("method", *(title for title, _, _ in columns), "repeats"), lines)


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    if not lines:
        return ""
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (header, ["---"] * len(header), *lines))
