"""Tables of measurements: means over seeds, and differences of paired seeds with their test."""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from graphurl.bench.images import Row

COLUMNS = ("knn200_h", "knn20_h", "linear_h", "knn20_z", "nlad_z")
HEADER = ("method", "kNN200 h", "kNN20 h", "linear h", "kNN20 z", "NLAD z", "CPU s", "seeds")
#: A direction holds where a two-sided paired t-test rejects chance at this level.
LEVEL = 0.05
#: Two pairs reject nothing of size that a third could not overturn.
FEWEST_PAIRS = 3

Measured = Mapping[str, Sequence[Mapping[str, Any]]]


def markdown(rows: Sequence[Row], measured: Measured, pixels: Mapping[str, float | None] | None = None) -> str:
    """The table of all rows: mean ± standard deviation over seeds.

    Args:
        rows: In the order of the table.
        measured: Measurements by name of the row, a mapping for each seed.
        pixels: What raw pixels give.
    """
    lines = [" | ".join(HEADER), " | ".join("---" for _ in HEADER)]
    if pixels is not None:
        lines.append(" | ".join(["raw pixels", *(f"{pixels[key]:.1f}" for key in COLUMNS[:3]), "", "", "", ""]))
    for row in rows:
        runs = measured.get(row.name, ())
        if runs:
            cells = [spread([run[key] for run in runs]) for key in COLUMNS]
            cells += [f"{statistics.median(run['cpu'] for run in runs):.0f}", str(len(runs))]
            lines.append(" | ".join([row.name, *cells]))
    return "\n".join(f"| {line} |" for line in lines)


def directions(rows: Sequence[Row], measured: Measured) -> str:
    """Each row against the one that it is compared with, seed by seed."""
    keys = ("knn20_h", "linear_h", "knn20_z", "nlad_z")
    header = ("method", "against", "kNN20 h", "linear h", "kNN20 z", "NLAD z", "claim", "verdict")
    lines = [" | ".join(header), " | ".join("---" for _ in header)]
    for row in rows:
        pairs = paired(measured.get(row.name, ()), measured.get(row.against, ()))
        if not pairs:
            continue
        found = {key: difference([a[key] - b[key] for a, b in pairs if None not in (a[key], b[key])]) for key in keys}
        cells = ["" if math.isnan(mean) else f"{mean:+.1f} (p {p_value(p)})" for mean, p in found.values()]
        lines.append(" | ".join([row.name, row.against, *cells, row.claim, verdict(row, found, len(pairs))]))
    return "\n".join(f"| {line} |" for line in lines)


def paired(
    runs: Sequence[Mapping[str, Any]], others: Sequence[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Measurements of the same seed on both sides."""
    by_seed = {run["seed"]: run for run in others}
    return [(run, by_seed[run["seed"]]) for run in runs if run["seed"] in by_seed]


def difference(values: Sequence[float]) -> tuple[float, float]:
    """Mean of paired differences and the p-value of the paired t-test; NaN for no pair, and fewer than two."""
    from scipy.stats import ttest_1samp

    if not values:
        return math.nan, math.nan
    mean = statistics.fmean(values)
    if len(values) < 2:
        return mean, math.nan
    if max(values) == min(values):
        return mean, 1.0 if mean == 0 else 0.0
    return mean, float(ttest_1samp(values, 0.0).pvalue)


def verdict(row: Row, found: Mapping[str, tuple[float, float]], pairs: int) -> str:
    """Whether the claim holds, does not, or is hidden by noise, by what the claim speaks of."""
    if not row.claim:
        return ""
    lower = "NLAD" in row.claim
    plane = "few dimensions" in row.claim
    mean, p = found["nlad_z" if lower else "knn20_z" if plane else "knn20_h"]
    if pairs < FEWEST_PAIRS:
        return "too few seeds"
    if not p <= LEVEL:
        return "hidden by noise"
    return "holds" if (mean < 0) == lower else "does not hold"


def spread(measured: Sequence[float | None]) -> str:
    """Mean ± standard deviation of what could be measured."""
    values = [value for value in measured if value is not None]
    if not values:
        return ""
    mean = f"{statistics.fmean(values):.1f}"
    return f"{mean} ± {statistics.stdev(values):.1f}" if len(values) > 1 else mean


def p_value(value: float) -> str:
    """A p-value in few letters."""
    return "-" if math.isnan(value) else f"{value:.2f}" if value >= 0.01 else "<.01"
