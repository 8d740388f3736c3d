"""The linear probe over many random splits: one split cannot tell methods apart that differ by half a point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows
from graphurl.evaluation.probe import GRID, linear_probe

#: Splits, and shares of training and validation rows, as in Zhu et al. (2020, arXiv:2006.04131) and later papers.
SPLITS, TRAIN, VAL = 10, 0.1, 0.1


def random_splits(
    y: Any, count: int = SPLITS, *, train: float = TRAIN, val: float = VAL, seed: int = 0
) -> Iterator[dict[str, np.ndarray]]:
    """Draws splits of the rows with a known label, uniformly and not by class.

    Split number s depends on the seed and on s alone, so that more splits repeat the first ones, and two
    embeddings of the same rows are judged on the same splits.

    Args:
        y: Class of every row, -1 where unknown.
        count: Number of splits.
        train: Share of training rows.
        val: Share of validation rows; the rest is for the test.
        seed: Draws the splits.

    Yields:
        Row numbers by name: train, val, test.

    Raises:
        InputError: Shares that leave a part empty.
    """
    labels = np.asarray(y)
    known = np.flatnonzero(labels != UNKNOWN)
    if count < 1:
        raise InputError(f"{count} splits: give at least 1")
    learnt, chosen = int(train * len(known)), int(val * len(known))
    if min(learnt, chosen) < 1 or learnt + chosen >= len(known):
        raise InputError(
            f"shares {train:g} (train) and {val:g} (val) of {len(known)} labelled rows: "
            "each part, the test rows too, needs at least one row"
        )
    for number in range(count):
        order = known[np.random.default_rng((seed, number)).permutation(len(known))]
        yield {
            "train": order[:learnt], "val": order[learnt : learnt + chosen], "test": order[learnt + chosen :],
        }  # fmt: skip


def split_probe(
    z: Any,
    y: Any,
    *,
    count: int = SPLITS,
    train: float = TRAIN,
    val: float = VAL,
    grid: Sequence[float] = GRID,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean accuracy of `linear_probe` over random splits 10/10/80; in each C is chosen on its validation rows.

    The deviation over splits tells how much the choice of the labelled rows matters, which is the same for all methods.
    Compare two methods split by split: the values come in the order of the splits.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown.
        count: Number of splits.
        train: Share of training rows.
        val: Share of validation rows.
        grid: Candidates of C.
        seed: Draws the splits.

    Returns:
        accuracy (mean), std (over splits), values, splits (their number), converged and protocol.

    Raises:
        InputError: As in `random_splits` and `linear_probe`.
    """
    rows = as_rows(z)
    labels = as_labels(y, len(rows))
    drawn = random_splits(labels, count, train=train, val=val, seed=seed)
    found = [linear_probe(rows, labels, split, grid=grid) for split in drawn]
    values = [entry["accuracy"] for entry in found]
    test = 1 - train - val
    return {
        "accuracy": float(np.mean(values)),
        "std": float(np.std(values)),
        "values": values,
        "splits": count,
        "converged": all(entry["converged"] for entry in found),
        "protocol": f"logistic regression, unit rows, C chosen on validation rows, mean of {count} random splits "
        f"{100 * train:g}/{100 * val:g}/{100 * test:g}, seed {seed}",
    }
