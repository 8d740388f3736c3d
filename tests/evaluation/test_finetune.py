from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs
from graphurl.errors import InputError
from graphurl.evaluation import finetune as module
from graphurl.evaluation.finetune import balanced_subset, finetune
from graphurl.evaluation.probe import stratified_part


def data(n: int = 120, noise: float = 1.0) -> tuple[Tensor, np.ndarray, dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % 3
    x = 2 * generator.normal(size=(3, 4))[y] + noise * generator.normal(size=(n, 4))
    return torch.tensor(x, dtype=torch.float32), y, {"train": np.arange(n // 2), "test": np.arange(n // 2, n)}


def layer(seed: int = 0, out: int = 5) -> nn.Linear:
    made = nn.utils.skip_init(nn.Linear, 4, out)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in made.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator))
    return made


def rows_of(x: Tensor) -> Callable[[Tensor], Tensor]:
    return lambda indices: x[indices]


def run(encoder: nn.Module, x: Tensor, y: Any, splits: Any, **settings: Any) -> dict[str, Any]:
    return finetune(encoder, rows_of(x), rows_of(x), y, splits, **settings)


def softmax(rows: np.ndarray) -> np.ndarray:
    power = np.exp(rows - rows.max(1, keepdims=True))
    return np.asarray(power / power.sum(1, keepdims=True))


def naive_fit(
    x: np.ndarray, y: np.ndarray, rows: np.ndarray, encoder: nn.Linear, lr: float, head: float, batch: int, seed: int
) -> list[np.ndarray]:
    """Two linear layers by SGD in float64: momentum, decay of the weights, rates in steps at 12 and 16 of 20."""
    generator = torch.Generator().manual_seed(seed)
    start = (0.01 * torch.randn(3, 5, generator=generator)).double().numpy()
    layers = [p.detach().double().numpy().copy() for p in encoder.parameters()] + [start, np.zeros(3)]
    speed = [np.zeros_like(part) for part in layers]
    for epoch in range(20):
        step = 1 if epoch < 12 else 0.1 if epoch < 16 else 0.01
        order = rows[torch.randperm(len(rows), generator=generator).numpy()]
        for part in np.array_split(order, -(-len(rows) // batch)):
            v, c, w, b = layers
            z = x[part] @ v.T + c
            error = (softmax(z @ w.T + b) - np.eye(3)[y[part]]) / len(part)
            slopes = [(error @ w).T @ x[part], (error @ w).sum(0), error.T @ z, error.sum(0)]
            for i, rate in enumerate((lr, lr, lr * head, lr * head)):
                speed[i] = 0.9 * speed[i] + slopes[i] + 1e-4 * layers[i]
                layers[i] = layers[i] - rate * step * speed[i]
    return layers


def accuracy(layers: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> float:
    v, c, w, b = layers
    return float(np.mean(((x @ v.T + c) @ w.T + b).argmax(1) == y))


def test_it_is_the_written_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, splits = data(noise=2.0)
    wide, encoder = x.double().numpy(), layer().double()
    fits: list[list[np.ndarray]] = []
    fit = module._fit

    def watched(*args: Any) -> Any:
        model = fit(*args)
        fits.append([p.detach().numpy() for p in model.parameters()])
        return model

    monkeypatch.setattr(module, "_fit", watched)
    found = run(encoder, x.double(), y, splits, share=0.5, lrs=(0.0005, 0.02), heads=(1.0, 10.0), batch=8, seed=3)
    labelled = balanced_subset(y, splits["train"], 0.5, 3)
    out = stratified_part(y[labelled], 1 / 5, 3)
    pairs = [(0.0005, 1.0), (0.0005, 10.0), (0.02, 1.0), (0.02, 10.0)]
    expected = [naive_fit(wide, y, labelled[~out], encoder, *pair, 8, 3) for pair in pairs]
    scores = [accuracy(layers, wide[labelled[out]], y[labelled[out]]) for layers in expected]
    best = int(np.argmax(scores))
    assert len(set(scores)) > 1 and best > 0
    assert (found["lr"], found["head"]) == pairs[best]
    assert found["val_accuracy"] == pytest.approx(scores[best])
    expected.append(naive_fit(wide, y, labelled, encoder, *pairs[best], 8, 3))
    for ours, theirs in zip(fits, expected, strict=True):
        for a, b in zip(ours, theirs, strict=True):
            assert a == pytest.approx(b, abs=1e-10)
    assert found["accuracy"] == pytest.approx(accuracy(expected[-1], wide[splits["test"]], y[splits["test"]]))
    assert (found["labelled"], found["test"], found["steps"]) == (30, 60, 20 * 4)
    assert "30 labels (0.5 of 60), 20 epochs = 80 steps" in found["protocol"]


def test_a_tie_goes_to_the_first_pair() -> None:
    x, y, splits = data(noise=0.01)
    found = run(layer(), x, y, splits, share=1, batch=8)
    assert (found["val_accuracy"], found["lr"], found["head"]) == (1.0, 0.01, 1.0)
    assert run(layer(), x, y, splits, share=1, batch=8, heads=(10.0, 1.0))["head"] == 10.0


def test_the_encoder_handed_in_stays_as_it_is(rng_untouched: None) -> None:
    x, y, splits = data()
    encoder = nn.Sequential(layer(), nn.BatchNorm1d(5), nn.Dropout(0.5)).eval().requires_grad_(False)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    first = run(encoder, x, y, splits, share=0.5)
    assert run(encoder, x, y, splits, share=0.5) == first
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert not encoder.training
    assert not any(p.requires_grad for p in encoder.parameters())
    assert all(p.grad is None for p in encoder.parameters())


def test_what_layers_draw_comes_from_the_seed() -> None:
    x, y, splits = data(noise=3.0)
    encoder = nn.Sequential(layer(), nn.Dropout(0.5))
    settings: dict[str, Any] = {"share": 1, "batch": 8, "lrs": (0.1,), "heads": (1.0,)}
    found = []
    with torch.random.fork_rng():
        for state, seed in ((1, 0), (2, 0), (2, 1)):
            torch.manual_seed(state)
            found.append(run(encoder, x, y, splits, **settings, seed=seed)["accuracy"])
    assert found[0] == found[1] != found[2]


class Watched(nn.Module):
    def __init__(self, seen: dict[bool, int]) -> None:
        super().__init__()
        self.seen = seen

    def forward(self, x: Tensor) -> Tensor:
        self.seen[self.training] += len(x)
        return x

    def __deepcopy__(self, memo: object) -> Watched:
        return Watched(self.seen)


def test_batch_statistics_are_of_training_and_scores_of_evaluation() -> None:
    x, y, splits = data()
    seen = {True: 0, False: 0}
    run(Watched(seen).eval(), x, y, splits, share=1, heads=(1.0,))
    # One row tells the width of the embedding.
    assert seen == {True: 20 * 60, False: 1 + 60}


def test_what_diverged_is_not_chosen() -> None:
    # Either answers one class for all rows: a third of them, if scores that are no numbers could be right.
    x, y, splits = data()
    found = run(layer(), 1e-30 * x, y, splits, share=1, lrs=(1e30, 1e-30), heads=(1.0,))
    assert found["lr"] == 1e-30


def test_the_encoder_is_trained_too() -> None:
    # Only the encoder can bring out the column that its start hides.
    x, y, splits = data(noise=0.1)
    blind = layer()
    with torch.no_grad():
        blind.weight.zero_()
    settings: dict[str, Any] = {"share": 1, "heads": (10.0,), "lrs": (0.05,), "batch": 8}
    assert run(blind.requires_grad_(False), x, y, splits, **settings)["accuracy"] > 0.9
    assert run(blind, x, y, splits, **{**settings, "lrs": (1e-9,)})["accuracy"] < 0.5


def test_training_sees_views_of_labelled_rows_and_scoring_whole_pictures() -> None:
    x, y, splits = data()
    seen: dict[str, set[int]] = {"feed": set(), "whole": set()}

    def watch(name: str) -> Callable[[Tensor], Tensor]:
        def made(indices: Tensor) -> Tensor:
            assert indices.dtype == torch.int64
            seen[name] |= set(indices.tolist())
            return x[indices]

        return made

    finetune(layer(), watch("feed"), watch("whole"), y, splits, share=0.2)
    labelled = set(balanced_subset(y, splits["train"], 0.2, 0).tolist())
    assert seen["feed"] == labelled
    assert seen["whole"] <= labelled | set(splits["test"].tolist())


def test_other_training_labels_and_test_labels_have_no_influence() -> None:
    x, y, splits = data(noise=3.0)
    first = run(layer(), x, y, splits, share=0.5, batch=8)
    rest = np.setdiff1d(splits["train"], balanced_subset(y, splits["train"], 0.5, 0))
    wrong = y.copy()
    wrong[splits["test"]] = (y[splits["test"]] + 1) % 3
    second = run(layer(), x, wrong, splits, share=0.5, batch=8)
    assert (second["head"], second["val_accuracy"]) == (first["head"], first["val_accuracy"])
    assert second["accuracy"] != first["accuracy"]
    assert len(rest) == 30


def test_a_class_without_training_rows_is_missed() -> None:
    x, y, _ = data(90, noise=0.01)
    splits = {"train": np.flatnonzero(y != 1)[:40], "test": np.flatnonzero(y == 1)}
    # Its rows look like those of class 2: a model of two classes answers 2, and that is no hit.
    alike = x[torch.from_numpy(np.where(y == 1, 2, np.arange(90)))]
    assert run(layer(), alike, y, splits, share=1)["accuracy"] == 0
    assert run(layer(), alike, np.where(y == 1, 2, y), splits, share=1)["accuracy"] == 1


def test_batches_are_of_nearly_equal_size() -> None:
    x, y, splits = data(66)
    sizes: list[int] = []

    def feed(indices: Tensor) -> Tensor:
        sizes.append(len(indices))
        return x[indices]

    encoder = nn.Sequential(layer(), nn.BatchNorm1d(5))
    finetune(encoder, feed, rows_of(x), y, splits, share=1, lrs=(0.01,), heads=(1.0,), batch=16, epochs=1)
    assert sorted(sizes) == [11, 11, 11]


@pytest.mark.parametrize(("labels", "most"), [(24, 8), (80, 10), (4000, 256)])
def test_few_labels_come_in_small_batches(labels: int, most: int) -> None:
    x, y, _ = data(labels + 10)
    splits = {"train": np.arange(labels), "test": np.arange(labels, labels + 10)}
    found = run(nn.Identity(), x, y, splits, share=1, heads=(1.0,), epochs=1)
    assert found["steps"] == -(-found["labelled"] // most)


def test_encoders_of_the_package_and_without_weights_will_do() -> None:
    x, y, splits = data(noise=0.1)

    class Doubled(Encoder):
        def forward(self, inputs: Inputs) -> Encoded:
            return Encoded(inputs.pick(2 * inputs.x.bfloat16()))

    assert run(Doubled(), x, y, splits, share=1, heads=(10.0,), lrs=(0.1,))["accuracy"] > 0.9


@given(st.lists(st.integers(0, 4), min_size=1, max_size=80), st.floats(0.01, 1), st.integers(0, 50))
def test_classes_get_the_same_number_of_labels(labels: list[int], share: float, seed: int) -> None:
    y = np.array(labels)
    rows = np.arange(0, len(y), 2)
    drawn = balanced_subset(y, rows, share, seed)
    assert np.array_equal(drawn, np.unique(drawn)) and np.isin(drawn, rows).all()
    each = max(1, round(share * len(rows) / len(np.unique(y[rows]))))
    for name in np.unique(y[rows]):
        assert (y[drawn] == name).sum() == min(each, (y[rows] == name).sum())
    assert np.array_equal(drawn, balanced_subset(y, rows, share, seed))


def test_the_seed_draws_the_labels() -> None:
    y, rows = np.arange(300) % 3, np.arange(300)
    assert not np.array_equal(balanced_subset(y, rows, 0.1, 0), balanced_subset(y, rows, 0.1, 1))


def test_wrong_settings_say_why() -> None:
    x, y, splits = data()
    for share in (0, 1.1, float("nan")):
        with pytest.raises(InputError, match="share is"):
            run(layer(), x, y, splits, share=share)
    for wrong in ({"lrs": ()}, {"heads": ()}, {"lrs": (0.0,)}, {"heads": (1.0, -1.0)}):
        with pytest.raises(InputError, match="give at least one of each, all above 0"):
            run(layer(), x, y, splits, **wrong)
    for wrong in ({"epochs": 0}, {"batch": 1}):
        with pytest.raises(InputError, match="at least 1 epoch and batches of 2"):
            run(layer(), x, y, splits, **wrong)
    with pytest.raises(InputError, match="3 labelled rows leave none to choose by"):
        run(layer(), x, y, splits, share=0.01)
    assert run(layer(), x, y, splits, share=0.01, heads=(1.0,))["labelled"] == 3
    with pytest.raises(InputError, match="one row a sample"):
        run(nn.Unflatten(1, (2, 2)), x, y, splits)
    with pytest.raises(InputError, match="training diverged at lr 1e\\+30"):
        run(layer(), x, y, splits, lrs=(1e30,), heads=(1.0,))
    with pytest.raises(InputError, match="two known classes"):
        run(layer(), x, np.zeros(120), splits)
    with pytest.raises(InputError, match="known test labels"):
        run(layer(), x, np.where(np.arange(120) < 60, y, -1), splits)
    with pytest.raises(InputError, match="no test rows"):
        run(layer(), x, y, {"train": splits["train"]})
