"""How sure a mean over rows is: percentile bootstrap."""

from __future__ import annotations

from typing import Any

import numpy as np

DRAWS, LEVEL = 1000, 0.95
_BUDGET = 4_000_000


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
