from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge

from graphurl.errors import InputError
from graphurl.evaluation.parts import parts_of
from graphurl.evaluation.ridge import few_labels, labelled, ridge_probe


def data(n: int = 210, d: int = 8, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % classes
    return 1.2 * generator.normal(size=(classes, d))[y] + generator.normal(size=(n, d)) + 5, y


def reference(z: np.ndarray, y: np.ndarray, train: np.ndarray, test: np.ndarray, penalty: float) -> float:
    rows = (z - z[train].mean(0)) / z[train].std(0)
    model = Ridge(alpha=penalty * len(train)).fit(rows[train], np.eye(y.max() + 1)[y[train]])
    return float(np.mean(model.predict(rows[test]).argmax(1) == y[test]))


def left_out(z: np.ndarray, y: np.ndarray, train: np.ndarray, penalty: float) -> float:
    """Error of every training row by the model of all others, refitted (the columns stay as they are scaled)."""
    rows = ((z - z[train].mean(0)) / z[train].std(0))[train]
    targets, errors = np.eye(y.max() + 1)[y[train]], []
    for i in range(len(train)):
        others = np.arange(len(train)) != i
        model = Ridge(alpha=penalty * len(train)).fit(rows[others], targets[others])
        errors.append(np.square(model.predict(rows[i : i + 1]) - targets[i]).sum())
    return float(np.mean(errors))


@pytest.mark.parametrize("shape", [(120, 8), (60, 90)], ids=["tall", "wide"])
def test_as_sklearn_s_ridge_with_the_penalty_that_refitting_chooses(shape: tuple[int, int]) -> None:
    z, y = data(*shape)
    grid = (1e-3, 1e-1, 1.0)
    found = ridge_probe(z, y, grid=grid)
    parts = parts_of(z, y, None, 0)
    train, test = parts.train.numpy(), parts.test.numpy()
    assert found["penalty"] == min(grid, key=lambda penalty: left_out(z, y, train, penalty))
    assert found["accuracy"] == reference(z, y, train, test, found["penalty"])
    assert np.mean(found["outcomes"]["accuracy"]) == found["accuracy"]


def test_validation_rows_take_no_part_and_constant_columns_do_not_matter() -> None:
    z, y = data()
    splits = {"train": np.arange(100), "val": np.arange(100, 150), "test": np.arange(150, 210)}
    found = ridge_probe(z, y, splits)
    assert (found["train"], found["test"]) == (100, 60)
    wild, padded = z.copy(), np.hstack([z, np.ones((210, 2))])
    wild[100:150] = 1e3
    assert ridge_probe(wild, y, splits)["accuracy"] == found["accuracy"]
    assert ridge_probe(padded, y, splits)["accuracy"] == found["accuracy"]


def test_few_labels_are_a_share_of_every_class_and_their_mean() -> None:
    z, y = data(420)
    parts = parts_of(z, y, None, 0)
    known = labelled(parts, 0.1, 3)
    assert torch.bincount(parts.y[known]).tolist() == [12, 12, 12]
    assert len(labelled(parts, 1e-9, 3)) == 3
    assert not set(known.tolist()) & set(parts.test.tolist())
    found = few_labels(z, y)
    assert found["rows"] == {"1%": 3, "10%": 36}
    draws = [
        reference(z, y, labelled(parts, 0.1, s).numpy(), parts.test.numpy(), 0.1) for s in range(5)
    ]  # fmt: skip
    fixed = few_labels(z, y, grid=(0.1,))
    assert fixed["labels_10_percent"] == pytest.approx(np.mean(draws))
    assert fixed["stds"]["10%"] == pytest.approx(np.std(draws))
    assert found["labels_1_percent"] < found["labels_10_percent"] <= ridge_probe(z, y)["accuracy"] + 0.05


def test_wrong_calls() -> None:
    z, y = data()
    with pytest.raises(InputError, match="grid of penalties"):
        ridge_probe(z, y, grid=())
    with pytest.raises(InputError, match="1 class"):
        few_labels(z, np.zeros(210, int))
