"""How sure a number is that was measured on some rows: percentile bootstrap."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

DRAWS, LEVEL = 1000, 0.95
#: Draws where the number has to be computed anew from each.
FEWER_DRAWS = 500
_BUDGET = 4_000_000


class Outcomes(dict[str, np.ndarray]):
    """The numbers of every row by metric: short when printed, and equal where all numbers are."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Makes arrays of them."""
        super().__init__({name: np.asarray(rows, dtype=float) for name, rows in values.items()})

    def __eq__(self, other: object) -> bool:
        """Whether the same metrics have the same numbers."""
        if not isinstance(other, dict) or self.keys() != other.keys():
            return False
        return all(np.array_equal(rows, other[name]) for name, rows in self.items())

    def __ne__(self, other: object) -> bool:
        """Not equal."""
        return not self == other

    def __repr__(self) -> str:
        """Names and counts."""
        return f"Outcomes({', '.join(f'{name}: {len(rows)} rows' for name, rows in self.items())})"


def interval(outcomes: Any, seed: int = 0, *, draws: int = DRAWS, level: float = LEVEL) -> tuple[float, float]:
    """Percentile bootstrap of a mean (Efron, 1979): the rows are drawn again with replacement, many times.

    It tells how far the number may lie from that of ever more rows of the same kind. It does not see what stays as it
    is while rows are drawn: the embedding, its seed, a fitted classifier, the subset.

    Args:
        outcomes: The number of every row, (N,), two or more; the value is their mean.
        seed: Draws the rows.
        draws: How many means.
        level: Share of the means between the two ends.

    Returns:
        The lower and the upper end.
    """
    values = np.asarray(outcomes, dtype=float).ravel()
    generator, n = np.random.default_rng(seed), len(values)
    low, high = float(values.min()), float(values.max())
    if np.isin(values, (low, high)).all():
        # Of two values only the count of the larger one matters, and that is binomial: the same law, at once.
        means = low + (high - low) * generator.binomial(n, np.mean(values == high), draws) / n
    else:
        size = max(1, _BUDGET // n)
        parts = [min(size, draws - start) for start in range(0, draws, size)]
        means = np.concatenate([values[generator.integers(n, size=(part, n))].mean(1) for part in parts])
    ends = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(ends[0]), float(ends[1])


def resampled(
    statistic: Callable[[np.ndarray], Mapping[str, float]],
    rows: int,
    values: Mapping[str, float],
    seed: int = 0,
    *,
    draws: int = FEWER_DRAWS,
) -> dict[str, tuple[float, float]]:
    """The same for numbers that are no means over rows, and are computed anew from every draw.

    Args:
        statistic: The numbers by name, given how often each row was drawn, (N,).
        rows: N.
        values: The numbers of all rows.
        seed: Draws the rows.
        draws: How many times.

    Returns:
        The lower and the upper end, by name.
    """
    generator = np.random.default_rng(seed)
    found = [
        statistic(np.bincount(generator.integers(rows, size=rows), minlength=rows).astype(float)) for _ in range(draws)
    ]
    return {name: around(value, np.array([draw[name] for draw in found])) for name, value in values.items()}


def around(value: float, drawn: np.ndarray, *, least: float = -1.0, level: float = LEVEL) -> tuple[float, float]:
    """The ends between which the draws of a number lie, once what they are too high on average is taken off.

    Rows that come twice agree with themselves, so the draws of what measures agreement are too high.

    Args:
        value: The number of all rows, at most 1.
        drawn: That of each draw.
        least: What no such number is below.
        level: Share of the draws between the two ends.
    """
    ends = np.quantile(drawn - (drawn.mean() - value), [(1 - level) / 2, (1 + level) / 2]).clip(least, 1.0)
    return float(ends[0]), float(ends[1])
