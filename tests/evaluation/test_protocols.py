from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression

from graphurl.errors import InputError
from graphurl.evaluation import evaluate
from graphurl.evaluation.probe import stratified_part
from graphurl.evaluation.protocols import RATES, descend, fast_linear, linear_protocol, minimise, step_decay


def blobs(n: int = 120, noise: float = 1.5) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, n)
    z = generator.normal(size=(3, 4))[y] + noise * generator.normal(size=(n, 4)) + 0.3
    return z, y, {"train": np.arange(n // 2), "val": np.arange(n // 2, 2 * n // 3), "test": np.arange(2 * n // 3, n)}


def softmax(rows: np.ndarray) -> np.ndarray:
    power = np.exp(rows - rows.max(1, keepdims=True))
    return np.asarray(power / power.sum(1, keepdims=True))


def naive_descent(
    x: np.ndarray, y: np.ndarray, lr: float, epochs: int, batch: int, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Softmax regression by SGD with momentum 0.9, gradients written out; rate a tenth at 60 and 80 %."""
    w, b, speed_w, speed_b = np.zeros((3, 4)), np.zeros(3), np.zeros((3, 4)), np.zeros(3)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        rate = lr * (1 if epoch < 0.6 * epochs else 0.1 if epoch < 0.8 * epochs else 0.01)
        order = torch.randperm(len(x), generator=generator).numpy()
        for start in range(0, len(x), batch):
            rows = order[start : start + batch]
            error = softmax(x[rows] @ w.T + b) - np.eye(3)[y[rows]]
            speed_w = 0.9 * speed_w + error.T @ x[rows] / len(rows)
            speed_b = 0.9 * speed_b + error.mean(0)
            w, b = w - rate * speed_w, b - rate * speed_b
    return w, b


@pytest.mark.parametrize("batch", [16, 60])
def test_descent_is_that_of_the_loop(batch: int) -> None:
    z, y, splits = blobs()
    x, labels = z[splits["train"]], y[splits["train"]]
    found = descend(torch.tensor(x), torch.tensor(labels), 3, 0.7, 10, batch if batch < 60 else None, 3)
    for ours, theirs in zip(found, naive_descent(x, labels, 0.7, 10, batch, 3), strict=True):
        assert ours.numpy() == pytest.approx(theirs, abs=1e-10)


def test_the_steps_of_the_papers() -> None:
    rates = [round(step_decay(epoch, 20), 6) for epoch in range(20)]
    assert rates == [1] * 12 + [0.1] * 4 + [0.01] * 4
    assert [step_decay(epoch, 100) for epoch in (59, 60, 79, 80)] == pytest.approx([1, 0.1, 0.1, 0.01])


def score(model: tuple[np.ndarray, np.ndarray], z: np.ndarray, y: np.ndarray, rows: np.ndarray) -> float:
    return float(np.mean((z[rows] @ model[0].T + model[1]).argmax(1) == y[rows]))


def test_a_given_rate_trains_on_all_training_rows_and_scores_the_test_rows() -> None:
    z, y, splits = blobs()
    model = naive_descent(z[splits["train"]], y[splits["train"]], 0.5, 8, 16, 1)
    found = linear_protocol(z, y, splits, lr=0.5, epochs=8, batch=16, seed=1)
    assert found["accuracy"] == pytest.approx(score(model, z, y, splits["test"]))
    assert (found["lr"], found["val_accuracy"], found["train"], found["test"]) == (0.5, None, 60, 40)
    assert found["protocol"] == (
        "softmax by SGD, 8 epochs in batches of 16, lr 0.5, features as given, train 60 / test 40, given splits"
    )


@pytest.mark.parametrize("with_val", [True, False])
def test_the_rate_is_chosen_without_the_test_rows(with_val: bool) -> None:
    z, y, splits = blobs(360)
    grid = (30.0, 1e-4, 0.05)
    train, val = splits["train"], splits["val"]
    if not with_val:
        del splits["val"]
        held = stratified_part(y[train], 1 / 7, 2)
        train, val = train[~held], train[held]
    scores = {lr: score(naive_descent(z[train], y[train], lr, 6, 16, 2), z, y, val) for lr in sorted(grid)}
    best = max(scores, key=lambda lr: scores[lr])
    model = naive_descent(z[splits["train"]], y[splits["train"]], best, 6, 16, 2)
    found = linear_protocol(z, y, splits, grid=grid, epochs=6, batch=16, seed=2)
    assert len(set(scores.values())) > 1
    assert (found["lr"], found["val_accuracy"]) == (best, pytest.approx(scores[best]))
    assert found["accuracy"] == pytest.approx(score(model, z, y, splits["test"]))
    assert f"lr {best:g} chosen on {len(val)} rows" in found["protocol"]
    wrong = y.copy()
    wrong[splits["test"]] = (y[splits["test"]] + 1) % 3
    again = linear_protocol(z, wrong, splits, grid=grid, epochs=6, batch=16, seed=2)
    assert (again["lr"], again["val_accuracy"]) == (found["lr"], found["val_accuracy"])
    assert again["accuracy"] != found["accuracy"]


def test_a_tie_goes_to_the_smallest_rate() -> None:
    z, y, splits = blobs(noise=0.01)
    assert linear_protocol(z, y, splits, grid=(1.0, 0.3), epochs=20)["lr"] == 0.3


def test_the_defaults_are_those_of_the_papers(rng_untouched: None) -> None:
    z, y, splits = blobs()
    expected = linear_protocol(z, y, splits, grid=(0.1, 1.0, 30.0), epochs=100, batch=256, standardise=False)
    assert linear_protocol(z, y, splits) == expected
    assert RATES == (0.1, 1.0, 30.0)
    assert "100 epochs in batches of 256" in expected["protocol"]


def test_standardised_columns_forget_scale_and_place() -> None:
    z, y, splits = blobs()
    moved = z * [1, 10, 0.1, 5] + 3
    for function, more in ((linear_protocol, {"lr": 0.5, "epochs": 10, "standardise": True}), (fast_linear, {})):
        first, second = (function(rows, y, splits, **more) for rows in (z, moved))
        assert first["accuracy"] == second["accuracy"]
        assert "standardised columns" in first["protocol"]
    constant = np.column_stack([z, np.ones(len(z))])
    assert fast_linear(constant, y, splits)["accuracy"] == fast_linear(z, y, splits)["accuracy"]


def test_a_rate_that_diverges_loses_the_choice_and_is_refused_alone() -> None:
    z, y, splits = blobs(360)
    z = z.astype(np.float32) * np.float32(1e15)
    with pytest.raises(InputError, match="training diverged at lr 1e\\+30"):
        linear_protocol(z, y, splits, lr=1e30, epochs=3)
    # The largest of scores that are no numbers is the first class: it must not win on rows of that class.
    splits["val"] = np.array([row for row in splits["val"] if y[row] == 0])
    found = linear_protocol(z, y, splits, grid=(1e-30, 1e30), epochs=3)
    assert found["lr"] == 1e-30
    assert 0 < found["val_accuracy"] < 1


def test_lbfgs_finds_the_minimum_that_scikit_learn_finds() -> None:
    z, y, splits = blobs()
    train, test = splits["train"], splits["test"]
    x = (z - z[train].mean(0)) / z[train].std(0)
    # Its C weighs the sum over rows against 1/2 |W|²: C = 1 / (N ridge).
    reference = LogisticRegression(C=1 / (len(train) * 0.05), tol=1e-10, max_iter=1000).fit(x[train], y[train])
    weight, offset = minimise(torch.tensor(x[train]), torch.tensor(y[train]), 3, 0.05, 200)
    assert weight.numpy() == pytest.approx(reference.coef_, abs=1e-4)
    theirs = reference.intercept_ - reference.intercept_.mean()
    assert (offset - offset.mean()).numpy() == pytest.approx(theirs, abs=1e-4)
    found = fast_linear(z, y, splits, ridge=0.05)
    assert found["accuracy"] == pytest.approx(reference.score(x[test], y[test]))
    assert found["train_accuracy"] == pytest.approx(reference.score(x[train], y[train]))
    assert "60 steps, ridge 0.05" in found["protocol"]


def test_few_steps_stop_early() -> None:
    z, y, splits = blobs()
    x, labels = torch.tensor(z[splits["train"]]), torch.tensor(y[splits["train"]])
    one, many = (minimise(x, labels, 3, 1e-2, steps)[0] for steps in (1, 60))
    assert not torch.allclose(one, many, atol=1e-2)
    assert fast_linear(z, y, splits) == fast_linear(z, y, splits, ridge=1e-2, steps=60)


def test_another_data_set_is_a_matter_of_splits() -> None:
    z, y, splits = blobs()
    elsewhere = np.concatenate([z[splits["train"]], z[splits["test"]]])
    labels = np.concatenate([y[splits["train"]], y[splits["test"]]])
    parts = {"train": np.arange(60), "test": np.arange(60, 100)}
    del splits["val"]
    assert fast_linear(elsewhere, labels, parts) == fast_linear(z, y, splits)


def test_evaluate_knows_them_by_name_only() -> None:
    z, y, splits = blobs()
    settings = {"linear_protocol": {"lr": 0.5, "epochs": 8}}
    report = evaluate(z, y=y, splits=splits, metrics=["linear_protocol", "fast_linear"], settings=settings)
    assert report["linear_protocol"] == linear_protocol(z, y, splits, lr=0.5, epochs=8)["accuracy"]
    assert report["fast_linear"] == fast_linear(z, y, splits)["accuracy"]
    silent = evaluate(z, y=y, splits=splits)
    assert not {"linear_protocol", "fast_linear"} & ({*silent.metrics} | {*silent.skipped})
    with pytest.raises(InputError, match="unknown metric 'linear_protocl': did you mean 'linear_protocol'"):
        evaluate(z, y=y, metrics=["linear_protocl"])


def test_wrong_settings_say_why() -> None:
    z, y, splits = blobs()
    for wrong in ({"grid": ()}, {"lr": 0.0}, {"grid": (0.1, -1.0)}):
        with pytest.raises(InputError, match="learning rates are"):
            linear_protocol(z, y, splits, **wrong)  # type: ignore[arg-type]
    for wrong in ({"epochs": 0}, {"batch": 0}):
        with pytest.raises(InputError, match="both are at least 1"):
            linear_protocol(z, y, splits, **wrong)  # type: ignore[arg-type]
    for wrong in ({"ridge": -1.0}, {"ridge": float("nan")}, {"steps": 0}):
        with pytest.raises(InputError, match="ridge is 0 or more"):
            fast_linear(z, y, splits, **wrong)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no training row can be held out to choose lr"):
        linear_protocol(z[:5], [0, 1, 2, 0, 1], {"train": [0, 1, 2], "test": [3, 4]})
    assert linear_protocol(z[:5], [0, 1, 2, 0, 1], {"train": [0, 1, 2], "test": [3, 4]}, lr=0.1)["train"] == 3


@pytest.mark.slow
def test_ten_thousand_rows_take_less_than_ten_seconds() -> None:
    import time

    generator = np.random.default_rng(0)
    y = generator.integers(0, 10, 20_000)
    # Columns far from independent, as features of a network are.
    z = generator.normal(size=(10, 32))[y] / 2 + generator.normal(size=(20_000, 32))
    z = z @ generator.normal(size=(32, 128))
    started = time.process_time()
    found = fast_linear(np.maximum(z, 0), y, {"train": np.arange(10_000), "test": np.arange(10_000, 20_000)})
    assert time.process_time() - started < 10
    assert found["accuracy"] > 0.5
