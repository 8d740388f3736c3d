"""How sure a mean over rows is: percentile bootstrap."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

DRAWS, LEVEL = 1000, 0.95
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
