"""Does the embedding use its space? Effective rank, direction statistics, and class means."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, check_finite, subset_rows
from graphurl.functional import spread as formulas
from graphurl.functional.spread import collapse

__all__ = ["class_spread", "collapse", "spread"]

_PAIRS_OF = 2000


def spread(z: Any, *, subset: int | None = 10_000, seed: int = 0) -> dict[str, Any]:
    """Effective rank, mean cosine, standard deviation of unit rows, and uniformity.

    They tell whether an embedding has collapsed (rank near 1, mean cosine near 1, std near 0, uniformity
    near 0), not whether it means anything: random numbers score best on all four. All but the rank depend
    on the origin, so they speak about embeddings compared by angle and say little about a 2-D map.

    Args:
        z: Embeddings, (N, d).
        subset: Above this number of rows a random subset is used (uniformity: at most 2,000 rows, it needs
            pairs).
        seed: Draws the subset.

    Returns:
        effective_rank, mean_cosine, normalised_std, uniformity, dim, collapsed, reason and protocol.

    Raises:
        InputError: Fewer than two rows, or rows that are not finite.
    """
    rows = _tensor(z)
    if len(rows) < 2:
        raise InputError(f"{len(rows)} row: spread is a property of two rows or more")
    used = rows[torch.from_numpy(subset_rows(len(rows), subset, seed))]
    pairs = rows[torch.from_numpy(subset_rows(len(rows), _PAIRS_OF, seed))]
    verdict = collapse(used)
    return {
        "effective_rank": float(formulas.effective_rank(used)),
        "mean_cosine": float(formulas.mean_cosine(used)),
        "normalised_std": float(formulas.std_of_normalised(used)),
        "uniformity": float(formulas.uniformity(pairs)),
        "dim": rows.shape[1],
        "collapsed": verdict["collapsed"],
        "reason": verdict["reason"],
        "protocol": f"{len(used):,} of {len(rows):,} rows, uniformity on {len(pairs):,}, seed {seed}",
    }


def class_spread(z: Any, y: Any) -> dict[str, Any]:
    """NLAD of the class means: -log |det M|, M their cosine matrix.

    0 for orthogonal class means, large for similar ones; it does not see how wide the classes are, and it
    needs at least as many dimensions as classes. The means are of the rows as given, neither centred nor
    scaled: features after a ReLU have far larger values than the embedding behind them, so compare only rows
    of the same layer.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.

    Returns:
        nlad, classes and protocol.

    Raises:
        InputError: Fewer than two classes, or more classes than dimensions.
    """
    rows = _tensor(z)
    labels = as_labels(y, len(rows))
    classes = len(np.unique(labels[labels != UNKNOWN]))
    if not 2 <= classes <= rows.shape[1]:
        raise InputError(f"{classes} classes in {rows.shape[1]} dimensions: NLAD needs 2 to d")
    value = float(formulas.nlad(rows, torch.from_numpy(labels)))
    if math.isinf(value):
        raise InputError("two class means point the same way: NLAD is infinite")
    protocol = f"cosines of {classes} class means of the {rows.shape[1]}-D rows as given"
    return {"nlad": value, "classes": classes, "protocol": protocol}


def _tensor(z: Any) -> Tensor:
    rows = as_rows(z)
    check_finite(rows, "z")
    return torch.from_numpy(np.array(rows))
