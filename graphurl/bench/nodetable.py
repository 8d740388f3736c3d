"""The table of node embeddings in words: every seed, and what training adds, split by split."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from graphurl.bench.nodes import Row
from graphurl.bench.tables import difference, p_value, spread

HEADER = ("method", "test", "validation", "random splits", "dim", "CPU s", "GiB", "seeds")

Measured = Mapping[str, Sequence[Mapping[str, Any]]]


def markdown(rows: Sequence[Row], measured: Measured) -> str:
    """Mean ± deviation over the seeds of the method; for random splits the mean over splits of each seed."""
    lines = [" | ".join(HEADER), " | ".join("---" for _ in HEADER)]
    for row in rows:
        runs = measured.get(row.name, ())
        if runs:
            cells = [spread([run.get(key) for run in runs]) for key in ("test", "val", "split_mean")]
            cells += [str(runs[0]["dim"]), f"{statistics.median(run['cpu'] for run in runs):.1f}"]
            cells += [f"{max(run['memory'] for run in runs) / 2**30:.2f}", str(len(runs))]
            lines.append(" | ".join([row.name, *cells]))
    return "\n".join(f"| {line} |" for line in lines)


def seeds(rows: Sequence[Row], measured: Measured) -> str:
    """Test accuracy of every seed on the given split."""
    lines = []
    for row in rows:
        found = [f"{run['test']:.1f}" for run in measured.get(row.name, ()) if "test" in run]
        if found:
            lines.append(f"{row.name}: {' '.join(found)}")
    return "\n".join(lines)


def gains(rows: Sequence[Row], measured: Measured) -> str:
    """On the random splits, what each trained row adds over the best untrained one: paired by split, seeds averaged."""
    means = {row.name: by_split(measured.get(row.name, ())) for row in rows}
    plain = {row.name: means[row.name] for row in rows if untrained(row) and means[row.name]}
    if not plain:
        return ""
    best = max(plain, key=lambda name: statistics.fmean(plain[name]))
    lines = [f"method | gain over {best} | p", "--- | --- | ---"]
    for row in rows:
        found = means[row.name]
        if not found or untrained(row) or len(found) != len(plain[best]):
            continue
        mean, p = difference([a - b for a, b in zip(found, plain[best], strict=True)])
        lines.append(f"{row.name} | {mean:+.2f} | {p_value(p)}")
    return "\n".join(f"| {line} |" for line in lines)


def untrained(row: Row) -> bool:
    """Whether nothing in a row was trained."""
    return row.kind == "filter" or row.changes.get("epochs") == 0


def by_split(runs: Sequence[Mapping[str, Any]]) -> list[float]:
    """Accuracy on each random split, the mean over seeds."""
    found = [run["splits"] for run in runs if "splits" in run]
    return [statistics.fmean(each) for each in zip(*found, strict=True)]
