"""What a report tells, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Chapter:
    """One run.

    Attributes:
        name: What to call it.
        about: What it is, in a line.
        given: What its figures may be drawn of, see `figures.known`.
        metrics: Value, protocol and interval by metric, as in report.json.
        skipped: By metric: why there is no number.
        recipe: The recipe that it is nearest to.
        changed: Settings that are not that recipe's: name, value here, value there.
        facts: Further facts by group and name.
        command: What repeats the run.
        config: The configuration that the command reads.
        warning: What is wrong with the run; "" for nothing.
    """

    name: str
    about: str
    given: Mapping[str, Any]
    metrics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    skipped: Mapping[str, str] = field(default_factory=dict)
    recipe: str = ""
    changed: Sequence[tuple[str, str, str]] = ()
    facts: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    command: str = ""
    config: str = ""
    warning: str = ""


@dataclass(frozen=True)
class Comparison:
    """Methods side by side.

    Attributes:
        metrics: Names of the columns.
        rows: Of every method its name, the number of its seeds, and a text and whether it is the best by metric.
        notes: Why the numbers may not compare.
        legend: What the marks mean.
        maps: Embeddings of the same rows by what stands above them; None where they are of different rows.
    """

    metrics: Sequence[str]
    rows: Sequence[tuple[str, int, Sequence[tuple[str, bool]]]]
    notes: Sequence[str] = ()
    legend: str = ""
    maps: Mapping[str, Any] | None = None
