from __future__ import annotations

import numpy as np
import pytest
import torch

from graphurl.errors import InputError
from graphurl.evaluation.parts import parts_of
from graphurl.evaluation.probe import knn_accuracy, stratified_part


def rows(n: int = 70) -> tuple[np.ndarray, np.ndarray]:
    return np.random.default_rng(0).normal(size=(n, 3)), 5 * (np.arange(n) % 3) + 2


def test_classes_are_counted_from_zero_and_unknown_ones_take_no_part() -> None:
    z, y = rows(9)
    y[[0, 5]] = -1
    parts = parts_of(z, y, {"train": np.arange(5), "val": [5, 6], "test": [7, 8]}, 0)
    assert parts.y.tolist() == [-1, 1, 2, 0, 1, -1, 0, 1, 2]
    assert parts.classes == 3
    assert parts.train.tolist() == [1, 2, 3, 4]
    assert parts.val is not None and parts.val.tolist() == [6]
    assert parts.test.tolist() == [7, 8]
    assert parts.z.tolist() == z.tolist()


def test_given_training_rows_stay_whole_without_validation_rows() -> None:
    z, y = rows()
    parts = parts_of(z, y, {"train": np.arange(50), "test": np.arange(50, 70)}, 0)
    assert len(parts.train) == 50
    assert parts.val is None
    assert parts_of(z, y, {"train": np.arange(50), "val": np.zeros(70, bool), "test": np.arange(50, 70)}, 0).val is None
    assert parts.origin(0) == "train 50 / test 20, given splits"


def test_the_drawn_rows_are_those_of_the_probes() -> None:
    z, y = rows()
    y[3] = -1
    parts = parts_of(z, y, None, 4)
    known = np.flatnonzero(y >= 0)
    assert parts.test.tolist() == known[stratified_part(y[known], 1 / 7, 4)].tolist()
    assert sorted(parts.train.tolist() + parts.test.tolist()) == known.tolist()
    assert parts.origin(4) in knn_accuracy(z, y, seed=4)["protocol"]


def test_the_input_is_copied(rng_untouched: None) -> None:
    z, y = rows()
    z.setflags(write=False)
    parts = parts_of(z, torch.from_numpy(y), None, 0)
    parts.z[:] = 0
    assert z.any()


def test_what_cannot_be_told_apart_is_refused() -> None:
    z, y = rows(12)
    train, test = np.arange(6), np.arange(6, 12)
    with pytest.raises(InputError, match="1 class among the known labels"):
        parts_of(z, np.zeros(12), None, 0)
    with pytest.raises(InputError, match="the training rows have one class"):
        parts_of(z, np.repeat([0, 1], 6), {"train": train, "test": test}, 0)
    with pytest.raises(InputError, match="no test rows with a known label"):
        parts_of(z, np.where(np.arange(12) < 6, y, -1), {"train": train, "test": test}, 0)
    with pytest.raises(InputError, match="no test rows with a known label"):
        parts_of(z, np.arange(12), None, 0)
    with pytest.raises(InputError, match="rows are in two splits"):
        parts_of(z, y, {"train": train, "test": train}, 0)
    z[0] = np.nan
    with pytest.raises(InputError, match="1 rows of z are not finite"):
        parts_of(z, y, None, 0)
