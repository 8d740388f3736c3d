"""Rows, classes, and the rows that train and test a metric: given by splits, or drawn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, as_splits, check_finite
from graphurl.evaluation.probe import drawn_split, origin


@dataclass(frozen=True)
class Parts:
    """What a metric with a training and a test side reads.

    Attributes:
        z: Embeddings, (N, d).
        y: Class of every row from 0 to `classes` - 1, -1 where unknown.
        train: Row numbers that may be learnt from.
        val: Row numbers that choose a setting; None where none were given.
        test: Row numbers that are scored.
        drawn: Whether the rows were drawn here.
    """

    z: Tensor
    y: Tensor
    train: Tensor
    val: Tensor | None
    test: Tensor
    drawn: bool

    @property
    def classes(self) -> int:
        """Number of classes."""
        return int(self.y.max()) + 1

    def origin(self, seed: int) -> str:
        """Where the rows come from, in words."""
        return origin(len(self.train), len(self.test), seed, drawn=self.drawn)


def parts_of(z: Any, y: Any, splits: Mapping[str, Any] | None, seed: int) -> Parts:
    """Finds the rows to learn from and the rows to score, all with known labels.

    Given training rows stay whole: what needs some of them to choose a setting holds them out itself. Without
    splits the same rows are drawn as for the probes.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown.
        splits: Masks (N,) or row numbers: "train", "test" and perhaps "val"; None to draw 6/7 and 1/7.
        seed: Draws what is not given.

    Returns:
        The parts.

    Raises:
        InputError: Fewer than two classes, a part without rows, overlapping splits, rows that are not finite.
    """
    rows = as_rows(z)
    check_finite(rows, "z")
    labels = as_labels(y, len(rows))
    known = labels != UNKNOWN
    names, codes = np.unique(labels[known], return_inverse=True)
    if len(names) < 2:
        raise InputError(f"{len(names)} class among the known labels: telling classes apart needs at least two")
    classes = np.full(len(rows), UNKNOWN, dtype=np.int64)
    classes[known] = codes
    masks = drawn_split(labels, known, seed) if splits is None else as_splits(splits, len(rows))
    found = {name: torch.from_numpy(np.flatnonzero(mask & known)) for name, mask in masks.items()}
    for name in ("train", "test"):
        if not len(found[name]):
            raise InputError(f"no {name} rows with a known label: give classes of several rows each")
    if len(np.unique(classes[found["train"].numpy()])) < 2:
        raise InputError("the training rows have one class: telling classes apart needs at least two")
    val = found.get("val")
    return Parts(
        # A copy: the caller's memory may not be writable, and torch would complain.
        z=torch.from_numpy(np.array(rows)),
        y=torch.from_numpy(classes),
        train=found["train"],
        val=val if val is not None and len(val) else None,
        test=found["test"],
        drawn=splits is None,
    )
