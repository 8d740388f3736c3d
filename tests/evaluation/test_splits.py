"""The probe over random splits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphurl.errors import InputError
from graphurl.evaluation.probe import linear_probe
from graphurl.evaluation.report import evaluate
from graphurl.evaluation.splits import random_splits, split_probe


def blobs(n: int = 200, noise: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, n)
    return 2 * generator.normal(size=(3, 5))[y] + noise * generator.normal(size=(n, 5)), y


@given(st.integers(20, 80), st.floats(0.1, 0.4), st.floats(0.1, 0.4), st.integers(0, 9))
def test_parts_are_disjoint_and_whole(n: int, train: float, val: float, seed: int) -> None:
    y = np.zeros(n, dtype=int)
    y[::7] = -1
    known = np.flatnonzero(y >= 0)
    for split in random_splits(y, 3, train=train, val=val, seed=seed):
        assert sorted(np.concatenate(list(split.values()))) == known.tolist()
        assert (len(split["train"]), len(split["val"])) == (int(train * len(known)), int(val * len(known)))


def test_more_splits_repeat_the_first_and_seeds_differ() -> None:
    y = np.zeros(100, dtype=int)
    few, many = list(random_splits(y, 2)), list(random_splits(y, 4))
    assert all(np.array_equal(a["test"], b["test"]) for a, b in zip(few, many[:2], strict=True))
    assert not np.array_equal(many[0]["train"], many[1]["train"])
    assert not np.array_equal(few[0]["train"], next(random_splits(y, 1, seed=1))["train"])


def test_every_row_is_as_often_a_training_row() -> None:
    count = np.zeros(50)
    for split in random_splits(np.zeros(50, dtype=int), 2000, train=0.2, val=0.1):
        count[split["train"]] += 1
    # 400 expected, deviation √(2000 · .2 · .8) = 18.
    assert abs(count - 400).max() < 5 * 18


def test_it_is_the_mean_of_the_probe() -> None:
    z, y = blobs()
    found = split_probe(z, y, count=4, seed=3)
    wanted = [linear_probe(z, y, split)["accuracy"] for split in random_splits(y, 4, seed=3)]
    assert found["values"] == wanted
    assert found["accuracy"] == pytest.approx(np.mean(wanted))
    assert found["std"] == pytest.approx(np.std(wanted))
    assert "10/10/80" in found["protocol"]
    assert found["converged"] is True


def test_a_report_measures_it_by_name_and_not_by_default() -> None:
    z, y = blobs()
    report = evaluate(z, y=y, metrics=["split_probe"], settings={"split_probe": {"count": 2}})
    assert report["split_probe"] == pytest.approx(split_probe(z, y, count=2)["accuracy"])
    assert "split_probe" not in evaluate(z, y=y).metrics


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"count": 0}, "at least 1"), ({"train": 0.001}, "one row"), ({"train": 0.6, "val": 0.4}, "one row")],
)
def test_empty_parts_are_refused(settings: dict[str, float], words: str) -> None:
    z, y = blobs(50)
    with pytest.raises(InputError, match=words):
        split_probe(z, y, **settings)  # type: ignore[arg-type]
