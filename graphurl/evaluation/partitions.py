"""Agreement of two partitions, and how sure it is: everything from the table of how often a class meets a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.special import xlogy

from graphurl.evaluation.intervals import DRAWS, around

#: Numbers in the tables that are drawn together.
_BUDGET = 4_000_000


def agreement(truth: np.ndarray, guess: np.ndarray, seed: int = 0) -> dict[str, Any]:
    """NMI and AMI (arithmetic normalisation), ARI, the accuracy of the best one-to-one match, and their intervals.

    Drawing rows with replacement is drawing the table from a multinomial. What AMI expects by chance is that of the
    table as it is, also in the draws.

    Args:
        truth: Class of every row.
        guess: Cluster of every row.
        seed: Draws the tables.

    Returns:
        nmi, ami, ari, clustering_accuracy, and `intervals` with the two ends of each.
    """
    from sklearn.metrics import adjusted_mutual_info_score

    table = contingency(truth, guess)
    values = {name: float(found[0]) for name, found in _scores(table[None]).items()}
    ami = float(adjusted_mutual_info_score(truth, guess))
    drawn = _drawn(table, seed)
    shared, entropy = (float(found[0]) for found in _information(table[None]))
    # AMI = (I - E) / (H - E): what it expects by chance is known from its value.
    chance = 0.0 if ami == 1 else (shared - ami * entropy) / (1 - ami)
    of_draws = {name: np.concatenate([_scores(part)[name] for part in drawn]) for name in values}
    of_draws["ami"] = np.concatenate([_adjusted(part, chance) for part in drawn])
    values["ami"] = ami
    least = {"nmi": 0.0, "clustering_accuracy": 0.0}
    ends = {name: around(value, of_draws[name], least=least.get(name, -1.0)) for name, value in values.items()}
    return {**values, "intervals": ends}


def contingency(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """How often each class meets each cluster, classes × clusters."""
    classes, codes = np.unique(truth, return_inverse=True)
    names, members = np.unique(guess, return_inverse=True)
    table = np.zeros((len(classes), len(names)), dtype=np.int64)
    np.add.at(table, (codes, members), 1)
    return table


def matched(table: np.ndarray) -> float:
    """The share of rows in the right class under the best one-to-one match of clusters to classes."""
    from scipy.optimize import linear_sum_assignment

    return float(table[linear_sum_assignment(table, maximize=True)].sum() / table.sum())


def _drawn(table: np.ndarray, seed: int) -> list[np.ndarray]:
    """Tables of as many rows, drawn with replacement, some at a time."""
    generator, size = np.random.default_rng(seed), max(1, _BUDGET // table.size)
    shares = table.ravel() / table.sum()
    counts = [min(size, DRAWS - start) for start in range(0, DRAWS, size)]
    return [generator.multinomial(table.sum(), shares, count).reshape(-1, *table.shape) for count in counts]


def _scores(tables: np.ndarray) -> Mapping[str, np.ndarray]:
    """Of some tables, (D, classes, clusters)."""
    shared, entropy = _information(tables)
    return {
        "nmi": np.where(entropy > 0, shared / np.where(entropy > 0, entropy, 1), 1.0),
        "ari": _rand(tables),
        "clustering_accuracy": np.array([matched(table) for table in tables]),
    }


def _information(tables: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """I(class; cluster), and the mean of both entropies: from Σ p log p."""
    share = tables / tables.sum((1, 2), keepdims=True)
    both = xlogy(share, share).sum((1, 2))
    sides = [-xlogy(part, part).sum(1) for part in (share.sum(2), share.sum(1))]
    return np.maximum(0.0, sides[0] + sides[1] + both), (sides[0] + sides[1]) / 2


def _adjusted(tables: np.ndarray, chance: float) -> np.ndarray:
    shared, entropy = _information(tables)
    room = entropy - chance
    found: np.ndarray = np.where(room > 0, (shared - chance) / np.where(room > 0, room, 1), 1.0)
    return found


def _rand(tables: np.ndarray) -> np.ndarray:
    """Hubert and Arabie's index: pairs that are together in both partitions, above what chance gives."""
    n = tables.sum((1, 2))
    both, first, second = (
        (part * (part - 1) / 2).sum(axis)
        for part, axis in ((tables, (1, 2)), (tables.sum(2), 1), (tables.sum(1), 1))
    )
    chance = first * second / np.maximum(n * (n - 1) / 2, 1)
    room = (first + second) / 2 - chance
    found: np.ndarray = np.where(room == 0, 1.0, (both - chance) / np.where(room == 0, 1, room))
    return found
