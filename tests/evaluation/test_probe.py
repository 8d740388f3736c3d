from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier

from graphurl.errors import InputError
from graphurl.evaluation.probe import _vote, knn_accuracy, linear_probe, majority, stratified_part


def blobs(n: int = 300, noise: float = 1.0, classes: int = 3, dim: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = generator.integers(0, classes, n)
    return 2 * generator.normal(size=(classes, dim))[y] + noise * generator.normal(size=(n, dim)), y


def thirds(n: int) -> dict[str, np.ndarray]:
    part = np.random.default_rng(1).integers(0, 3, n)
    return {name: part == i for i, name in enumerate(("train", "val", "test"))}


def test_with_splits_it_is_the_written_protocol() -> None:
    z, y = blobs(noise=2.0)
    splits = thirds(len(y))
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    scores = {}
    for c in (0.1, 1.0, 10.0, 100.0, 1000.0):
        model = LogisticRegression(C=c, max_iter=1000).fit(unit[splits["train"]], y[splits["train"]])
        scores[c] = [model.score(unit[splits[name]], y[splits[name]]) for name in ("val", "test")]
    best = max(scores, key=lambda c: (scores[c][0], -c))
    found = linear_probe(z, y, splits)
    assert found["C"] == best
    assert [found["val_accuracy"], found["accuracy"]] == pytest.approx(scores[best])
    assert found["converged"] is True
    assert "given splits" in found["protocol"]


@pytest.mark.parametrize("standardise", [False, True])
def test_more_columns_than_training_rows_change_nothing(standardise: bool) -> None:
    z, y = blobs(n=150, noise=12.0, dim=120)
    splits = thirds(len(y))
    train = splits["train"]
    rows = z / np.linalg.norm(z, axis=1, keepdims=True)
    if standardise:
        rows = (z - z[train].mean(0)) / z[train].std(0)
    model = LogisticRegression(C=10.0, max_iter=1000).fit(rows[train], y[train])
    found = linear_probe(z, y, splits, grid=[10.0], standardise=standardise)
    assert found["accuracy"] == pytest.approx(model.score(rows[splits["test"]], y[splits["test"]]), abs=1e-9)
    assert 0.5 < found["accuracy"] < 1


def test_a_tie_goes_to_the_smallest_c() -> None:
    z, y = blobs(noise=0.01)
    found = linear_probe(z, y, thirds(len(y)), grid=(1000.0, 10.0, 100.0))
    assert found["val_accuracy"] == 1.0
    assert found["C"] == 10.0


@pytest.mark.parametrize("with_val", [True, False])
def test_test_labels_have_no_influence(with_val: bool) -> None:
    z, y = blobs(noise=3.0)
    splits = thirds(len(y))
    if not with_val:
        del splits["val"]
    first = linear_probe(z, y, splits)
    shuffled = y.copy()
    rows = np.flatnonzero(splits["test"])
    shuffled[rows] = np.random.default_rng(5).permutation(y[rows])
    second = linear_probe(z, shuffled, splits)
    assert (first["C"], first["val_accuracy"]) == (second["C"], second["val_accuracy"])
    assert first["accuracy"] != second["accuracy"]


def test_validation_rows_choose_and_do_not_train() -> None:
    z, y = blobs(noise=3.0)
    splits = thirds(len(y))
    wrong = y.copy()
    wrong[splits["val"]] = (y[splits["val"]] + 1) % 3
    one = linear_probe(z, y, splits, grid=[1.0])
    two = linear_probe(z, wrong, splits, grid=[1.0])
    assert one["accuracy"] == two["accuracy"]
    assert one["val_accuracy"] != two["val_accuracy"]


def test_without_a_validation_mask_a_seventh_of_the_training_rows_is_held_out() -> None:
    z, y = blobs(noise=3.0)
    splits = {"train": np.arange(210), "test": np.arange(210, 300)}
    found = linear_probe(z, y, splits, grid=[1.0])
    assert (found["train"], found["test"]) == (180, 90)
    held = np.flatnonzero(stratified_part(y[:210], 1 / 7, 0))
    kept = np.setdiff1d(np.arange(210), held)
    assert found == linear_probe(z, y, {"train": kept, "val": held, "test": splits["test"]}, grid=[1.0])


def test_without_splits_scale_and_place_of_columns_do_not_matter() -> None:
    z, y = blobs()
    first = linear_probe(z, y)
    assert linear_probe(z * [1, 10, 100, 1000] + 7, y)["accuracy"] == pytest.approx(first["accuracy"])
    assert (first["C"], first["val_accuracy"]) == (1.0, None)
    assert first["train"] + first["test"] == len(y)
    assert abs(first["test"] - len(y) / 7) <= 1
    assert "standardised columns" in first["protocol"]


def test_standardise_overrides_the_scaling() -> None:
    z, y = blobs()
    assert "standardised columns" in linear_probe(z, y, thirds(len(y)), standardise=True)["protocol"]
    assert "unit rows" in linear_probe(z, y, standardise=False)["protocol"]


def test_unknown_labels_take_no_part() -> None:
    z, y = blobs()
    extra = np.concatenate([z, 50 * np.ones((40, 4))])
    labels = np.concatenate([y, np.full(40, -1)])
    splits = {
        name: np.concatenate([mask, np.ones(40, bool) & (name == "test")])
        for name, mask in thirds(300).items()
    }
    for probe in (linear_probe, majority):
        assert probe(extra, labels, splits=splits) == probe(z, y, splits=thirds(300))
    assert knn_accuracy(extra, labels, splits=splits) == knn_accuracy(z, y, splits=thirds(300))
    assert linear_probe(extra, labels)["accuracy"] == pytest.approx(linear_probe(z, y)["accuracy"])


def test_masks_row_numbers_tensors_and_names_are_the_same() -> None:
    z, y = blobs()
    splits = thirds(len(y))
    expected = linear_probe(z, y, splits)["accuracy"]
    numbers = {name: torch.from_numpy(np.flatnonzero(mask)) for name, mask in splits.items()}
    assert linear_probe(torch.tensor(z), torch.tensor(y), numbers)["accuracy"] == pytest.approx(expected)
    assert linear_probe(z, [f"class {label}" for label in y], splits)["accuracy"] == expected
    assert linear_probe(z, y.astype(float), splits)["accuracy"] == expected


@pytest.mark.parametrize("k", [1, 3, 10])
def test_neighbours_vote_as_in_scikit_learn(k: int) -> None:
    z, y = blobs(noise=2.0, classes=2)
    splits = thirds(len(y))
    model = KNeighborsClassifier(1).fit(z[splits["train"]], y[splits["train"]])
    order = model.kneighbors(z[splits["test"]], k, return_distance=False)
    votes = y[splits["train"]][order]
    guess = [max(row, key=lambda c, r=tuple(row): (r.count(c), -r.index(c))) for row in votes.tolist()]
    expected = np.mean(np.array(guess) == y[splits["test"]])
    assert knn_accuracy(z, y, k, splits)["accuracy"] == pytest.approx(expected)


@given(st.lists(st.lists(st.integers(0, 4), min_size=6, max_size=6), min_size=1, max_size=8))
def test_a_tied_vote_goes_to_the_nearest(rows: list[list[int]]) -> None:
    expected = [max(row, key=lambda label, r=row: (r.count(label), -r.index(label))) for row in rows]
    assert _vote(np.array(rows)).tolist() == expected


def test_cosine_neighbours_ignore_length() -> None:
    z, y = blobs()
    longer = z * np.random.default_rng(0).uniform(0.1, 10, size=(len(z), 1))
    first, second = (knn_accuracy(rows, y, metric="cosine")["accuracy"] for rows in (z, longer))
    assert first == second


def test_the_majority_comes_from_the_training_rows() -> None:
    y = np.array([0, 0, 1, 1, 1, 1, 0])
    splits = {"train": [0, 1, 2], "val": [6], "test": [3, 4, 5]}
    assert majority(np.zeros((7, 2)), y, splits)["accuracy"] == 0.0


@given(st.lists(st.integers(0, 5), min_size=1, max_size=200), st.integers(0, 100))
def test_the_drawn_part_has_its_share_of_every_class(labels: list[int], seed: int) -> None:
    y = np.array(labels)
    part = stratified_part(y, 1 / 7, seed)
    for label in np.unique(y):
        size = int((y == label).sum())
        assert abs(int(part[y == label].sum()) - size / 7) < 1 + 1e-9
        assert not part[y == label].all()


def test_the_same_seed_draws_the_same_rows(rng_untouched: None) -> None:
    z, y = blobs(noise=3.0)
    before = z.copy(), y.copy()
    assert linear_probe(z, y, seed=3) == linear_probe(z, y, seed=3)
    assert len({linear_probe(z, y, seed=seed)["accuracy"] for seed in range(6)}) > 1
    assert np.array_equal(z, before[0])
    assert np.array_equal(y, before[1])


def test_impossible_probes_say_why() -> None:
    z, y = blobs(30)
    masks = thirds(30)
    with pytest.raises(InputError, match="1 class among the known labels"):
        linear_probe(z, np.zeros(30, int))
    with pytest.raises(InputError, match="no test rows with a known label"):
        linear_probe(z, np.arange(30))
    with pytest.raises(InputError, match="rows are in two splits"):
        linear_probe(z, y, {"train": masks["train"], "test": masks["train"] | masks["test"]})
    with pytest.raises(InputError, match="splits have no test rows"):
        knn_accuracy(z, y, splits={"train": masks["train"]})
    with pytest.raises(InputError, match="k=30 neighbours of"):
        knn_accuracy(z, y, 30)
    with pytest.raises(InputError, match="y has fractions"):
        linear_probe(z, y + 0.5)
    with pytest.raises(InputError, match="one label per row"):
        linear_probe(z, y[:5])
    with pytest.raises(InputError, match="split 'train' does not fit 30 rows"):
        linear_probe(z, y, {"train": [40], "test": [1]})


@pytest.mark.slow
def test_seventy_thousand_rows_take_less_than_ten_seconds() -> None:
    import time

    z, y = blobs(70_000, classes=10, dim=2)
    started = time.process_time()
    linear_probe(z, y)
    assert time.process_time() - started < 10
