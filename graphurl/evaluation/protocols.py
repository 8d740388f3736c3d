"""Linear classifiers on frozen features as papers train them: stochastic descent, and a quick L-BFGS."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from graphurl.errors import InputError
from graphurl.evaluation.parts import Parts, parts_of
from graphurl.evaluation.probe import TEST_SHARE, stratified_part

#: Learning rates of the papers: CIFAR-10; CIFAR-100 and STL-10; ImageNet.
RATES = (0.1, 1.0, 30.0)


def linear_protocol(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    *,
    lr: float | None = None,
    grid: Sequence[float] = RATES,
    epochs: int = 100,
    batch: int | None = 256,
    standardise: bool = False,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy of a linear classifier trained by SGD on frozen features, the protocol of the papers.

    Softmax regression from weights of 0: momentum 0.9, no weight decay, learning rate × 0.1 at 60 % and 80 %
    of the epochs. The learning rate is given, or the one of the grid with the best accuracy (a tie goes to
    the smallest) on the validation rows; where none are given, on a seventh of the training rows, stratified,
    after which all training rows train again. The test rows are scored once.

    The features are taken as they are, and how they are scaled decides which learning rate fits. Papers train
    on random crops; here every row has one set of features. For a number that depends on neither rate nor
    schedule see `linear_probe` and `fast_linear`. For transfer to another data set stack its training and test
    features and hand over which rows are which.

    Args:
        z: Features, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: Masks (N,) or row numbers: "train", "test" and perhaps "val"; without them 6/7 and 1/7 are
            drawn, stratified by class.
        lr: Learning rate; None chooses from the grid.
        grid: Candidates.
        epochs: Passes over the training rows.
        batch: Rows of a step; None for all.
        standardise: Columns of mean 0 and standard deviation 1 over the training rows.
        seed: Draws the order of the rows, and what is not given.

    Returns:
        accuracy (test), lr, val_accuracy (None where lr was given), train, test (row counts) and protocol.

    Raises:
        InputError: As in `linear_probe`; a setting out of range; or training that diverged.
    """
    rates = tuple(grid) if lr is None else (lr,)
    if not rates or not min(rates) > 0:
        raise InputError(f"learning rates are {rates}: give at least one, each above 0")
    if epochs < 1 or (batch is not None and batch < 1):
        raise InputError(f"{epochs} epochs in batches of {batch}: both are at least 1")
    parts = parts_of(z, y, splits, seed)
    x = _standardised(parts) if standardise else parts.z

    def fit(rows: Tensor, rate: float) -> tuple[Tensor, Tensor]:
        return descend(x[rows], parts.y[rows], parts.classes, rate, epochs, batch, seed)

    rate, best, held = rates[0], None, 0
    if lr is None:
        kept, choosing = _held_out(parts, seed)
        held = len(choosing)
        scores = {c: _accuracy(fit(kept, c), x, parts.y, choosing) for c in sorted(rates)}
        rate, best = max(scores.items(), key=lambda item: item[1])
    model = fit(parts.train, rate)
    if not bool(torch.isfinite(model[0]).all()):
        raise InputError(f"training diverged at lr {rate:g}: give a smaller one, or standardise the columns")
    choice = f"lr {rate:g}" + (f" chosen on {held:,} rows" if held else "")
    scaling = "standardised columns" if standardise else "features as given"
    steps = f"{epochs} epochs in batches of {'all' if batch is None else batch}"
    return {
        "accuracy": _accuracy(model, x, parts.y, parts.test),
        "lr": rate,
        "val_accuracy": best,
        "train": len(parts.train),
        "test": len(parts.test),
        "protocol": f"softmax by SGD, {steps}, {choice}, {scaling}, {parts.origin(seed)}",
    }


def fast_linear(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    *,
    ridge: float = 1e-2,
    steps: int = 60,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy of softmax regression by a fixed number of L-BFGS steps: the quick look at features.

    Minimises mean cross-entropy + ridge / 2 · |W|² on columns standardised by the training rows. Nothing is
    chosen, so validation rows take no part. On 10,000 rows of 128 features it takes about a second, where
    the grid of `linear_probe` may take ten.

    Args:
        z: Features, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: As in `linear_protocol`.
        ridge: Strength of the penalty on the weights, 0 or more; the offsets carry none.
        steps: Most steps of L-BFGS.
        seed: Draws the split that is not given.

    Returns:
        accuracy (test), train_accuracy, train, test (row counts) and protocol.

    Raises:
        InputError: As in `linear_probe`, or a setting out of range.
    """
    if not ridge >= 0 or steps < 1:
        raise InputError(f"ridge {ridge} and {steps} steps: ridge is 0 or more, steps at least 1")
    parts = parts_of(z, y, splits, seed)
    x = _standardised(parts)
    model = minimise(x[parts.train], parts.y[parts.train], parts.classes, ridge, steps)
    return {
        "accuracy": _accuracy(model, x, parts.y, parts.test),
        "train_accuracy": _accuracy(model, x, parts.y, parts.train),
        "train": len(parts.train),
        "test": len(parts.test),
        "protocol": f"softmax by L-BFGS, {steps} steps, ridge {ridge:g}, standardised columns, {parts.origin(seed)}",
    }


def descend(
    x: Tensor, y: Tensor, classes: int, lr: float, epochs: int, batch: int | None, seed: int
) -> tuple[Tensor, Tensor]:
    """Softmax regression by SGD with momentum 0.9 and a learning rate in steps.

    Args:
        x: Rows, (N, d).
        y: Classes, (N,).
        classes: Number of classes.
        lr: Learning rate at the start.
        epochs: Passes over the rows.
        batch: Rows of a step; None for all.
        seed: Draws the order of the rows in every epoch.

    Returns:
        Weights (C, d) and offsets (C,).
    """
    weight, offset = _zeros(x, classes)
    optimiser = torch.optim.SGD([weight, offset], lr=lr, momentum=0.9)
    generator = torch.Generator().manual_seed(seed)
    for epoch in range(epochs):
        optimiser.param_groups[0]["lr"] = lr * step_decay(epoch, epochs)
        order = torch.randperm(len(x), generator=generator)
        for rows in torch.split(order, batch or len(x)):
            optimiser.zero_grad()
            functional.cross_entropy(x[rows] @ weight.T + offset, y[rows]).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return weight.detach(), offset.detach()


def minimise(x: Tensor, y: Tensor, classes: int, ridge: float, steps: int) -> tuple[Tensor, Tensor]:
    """Softmax regression by L-BFGS: argmin of mean cross-entropy + ridge / 2 · |W|².

    Args:
        x: Rows, (N, d).
        y: Classes, (N,).
        classes: Number of classes.
        ridge: Strength of the penalty.
        steps: Most steps.

    Returns:
        Weights (C, d) and offsets (C,).
    """
    weight, offset = _zeros(x, classes)
    optimiser = torch.optim.LBFGS([weight, offset], max_iter=steps, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        value = functional.cross_entropy(x @ weight.T + offset, y) + ridge / 2 * weight.square().sum()
        value.backward()  # type: ignore[no-untyped-call]
        return value.detach()

    optimiser.step(loss)  # type: ignore[no-untyped-call]
    return weight.detach(), offset.detach()


def step_decay(epoch: int, epochs: int) -> float:
    """Factor on the learning rate: × 0.1 from 60 % and again from 80 % of the epochs.

    Args:
        epoch: Number of the epoch, from 0.
        epochs: How many there are.
    """
    return 0.1 ** sum(10 * epoch >= mark * epochs for mark in (6, 8))


def _zeros(x: Tensor, classes: int) -> tuple[Tensor, Tensor]:
    # The loss is convex: where it starts does not decide where it ends.
    return x.new_zeros(classes, x.shape[1]).requires_grad_(), x.new_zeros(classes).requires_grad_()


def _held_out(parts: Parts, seed: int) -> tuple[Tensor, Tensor]:
    """The rows that train while the rate is chosen, and the rows that choose it."""
    if parts.val is not None:
        return parts.train, parts.val
    held = torch.from_numpy(stratified_part(parts.y[parts.train].numpy(), TEST_SHARE, seed))
    if not bool(held.any()):
        raise InputError("no training row can be held out to choose lr: give lr, or classes of several rows")
    return parts.train[~held], parts.train[held]


def _standardised(parts: Parts) -> Tensor:
    deviation, mean = torch.std_mean(parts.z[parts.train], 0, correction=0)
    return (parts.z - mean) / torch.where(deviation > 0, deviation, 1.0)


def _accuracy(model: tuple[Tensor, Tensor], x: Tensor, y: Tensor, rows: Tensor) -> float:
    scores = x[rows] @ model[0].T + model[1]
    # Scores of a model that diverged still have an argmax; they count as wrong.
    hits = (scores.argmax(1) == y[rows]) & torch.isfinite(scores).all(1)
    return float(hits.double().mean())
