"""Runs of several methods over the same seeds: means, and which differences are more than chance."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphurl.errors import InputError
from graphurl.evaluation.metrics import LOWER

LEVEL = 0.05


@dataclass(frozen=True)
class Cell:
    """One method on one metric.

    Attributes:
        mean: Mean over its seeds.
        std: Standard deviation over its seeds (n - 1), or None for one seed.
        values: Value by seed.
        best: Whether no other mean is better.
        difference: Mean difference to the best method over the seeds that both have; None for the best itself.
        low: Lower end of the 95 % interval of that difference.
        high: Its upper end.
        p: Of the paired t-test against the best method, adjusted for the number of tests of the metric (Holm); None
            where both have fewer than two seeds in common.
    """

    mean: float
    std: float | None
    values: Mapping[int, float]
    best: bool = False
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None

    @property
    def level(self) -> bool:
        """Whether a test was made and cannot tell the method from the best one."""
        return self.p is not None and self.p > LEVEL


def compare(runs: Mapping[str, Mapping[int, Mapping[str, float]]], metrics: Sequence[str]) -> dict[str, dict[str,
Cell]]:
    """Sets methods side by side; each is tested against the best on every metric, paired by seed.

    Runs of one seed share data, splits and draws, so differences by seed are what is tested: t = mean(d) / (s_d / √n).
    The test supposes differences that are about normal, and seeds that are all the chance there is: it cannot see that
    other data would have given another order, and among two or three seeds it finds large differences only. The best
    method was chosen by looking, which makes small p-values a little too small; Holm's adjustment covers the number of
    methods, not of metrics.

    Args:
        runs: Metric values by method and seed.
        metrics: Which metrics; a method without one gets no cell.

    Returns:
        Cells by method and metric; methods sorted by the first metric, the best one first.

    Raises:
        InputError: No metric, or none of the methods has the first.
    """
    if not metrics:
        raise InputError("there is no metric that the runs share: evaluate them with the same inputs")
    cells: dict[str, dict[str, Cell]] = {name: {} for name in runs}
    for metric in metrics:
        seeds = {name: {seed: row[metric] for seed, row in of.items() if metric in row} for name, of in runs.items()}
        for name, cell in _column({name: found for name, found in seeds.items() if found}, metric in LOWER).items():
            cells[name][metric] = cell
    first, sign = metrics[0], 1 if metrics[0] in LOWER else -1
    if not any(first in row for row in cells.values()):
        raise InputError(f"none of the runs has {first}: evaluate them with what it needs")
    order = sorted(cells, key=lambda name: sign * cells[name][first].mean if first in cells[name] else np.inf)
    return {name: cells[name] for name in order}


def paired(differences: Sequence[float]) -> tuple[float, float, float]:
    """Student's t-test of differences around 0.

    Args:
        differences: Two or more.

    Returns:
        The ends of the 95 % interval of their mean, and p. Equal differences of one sign have p = 0.
    """
    from scipy.stats import t

    d = np.asarray(differences, dtype=float)
    n, mean, error = len(d), float(d.mean()), float(d.std(ddof=1)) / len(d) ** 0.5
    if error == 0:
        return mean, mean, 1.0 if mean == 0 else 0.0
    reach = float(t.ppf(1 - LEVEL / 2, n - 1)) * error
    return mean - reach, mean + reach, float(2 * t.sf(abs(mean) / error, n - 1))


def holm(p: Sequence[float]) -> list[float]:
    """P-values of several tests, adjusted so that all at or below a level hold together at that level (Holm, 1979).

    Args:
        p: Of every test.
    """
    order, adjusted, largest = np.argsort(p, kind="stable"), [0.0] * len(p), 0.0
    for place, index in enumerate(order):
        largest = max(largest, min(1.0, (len(p) - place) * p[index]))
        adjusted[index] = largest
    return adjusted


def _column(values: Mapping[str, Mapping[int, float]], lower: bool) -> dict[str, Cell]:
    means = {name: statistics.fmean(of.values()) for name, of in values.items()}
    if not means:
        return {}
    top = min(means.values()) if lower else max(means.values())
    best = next(name for name in means if means[name] == top)
    tests: dict[str, dict[str, Any]] = {}
    for name in values:
        shared = sorted(values[name].keys() & values[best].keys())
        found = [values[name][seed] - values[best][seed] for seed in shared]
        if name == best or not found:
            continue
        tests[name] = {"difference": statistics.fmean(found)}
        if len(found) > 1:
            tests[name]["low"], tests[name]["high"], tests[name]["p"] = paired(found)
    tested = [name for name in tests if "p" in tests[name]]
    for name, p in zip(tested, holm([tests[name]["p"] for name in tested]), strict=True):
        tests[name]["p"] = p
    return {
        name: Cell(
            means[name], statistics.stdev(of.values()) if len(of) > 1 else None, dict(of), means[name] == top,
            **tests.get(name, {}),
        )
        for name, of in values.items()
    }  # fmt: skip
