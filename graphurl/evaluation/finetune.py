"""Few labels: an encoder and a linear head are trained on 1 % or 10 % of them, then scored."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from graphurl.encoders.base import Encoder, Inputs, as_encoder
from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_splits
from graphurl.evaluation.probe import stratified_part
from graphurl.evaluation.protocols import step_decay

Feed = Callable[[Tensor], Tensor]

#: Candidates for the learning rate of the head, as multiples of the encoder's.
HEADS = (1.0, 10.0, 100.0)
_HELD_OUT = 1 / 5
_BATCH, _FEWEST, _STEPS = 256, 8, 8
_SCORED_AT_ONCE = 500


@dataclass(frozen=True)
class _Course:
    """What does not change between the fits of one call."""

    encoder: nn.Module
    feed: Feed
    whole: Feed
    y: Tensor
    classes: int
    epochs: int
    batch: int
    weight_decay: float
    seed: int


def finetune(
    encoder: nn.Module,
    feed: Feed,
    whole: Feed,
    y: Any,
    splits: Mapping[str, Any],
    *,
    share: float = 0.1,
    lrs: Sequence[float] = (0.01,),
    heads: Sequence[float] = HEADS,
    epochs: int = 20,
    batch: int | None = None,
    weight_decay: float = 1e-4,
    seed: int = 0,
) -> dict[str, Any]:
    """Test accuracy after training encoder and linear head on a class-balanced share of the labels.

    The semi-supervised protocol of the papers: 20 epochs of SGD, momentum 0.9, weight decay 1e-4, learning
    rates × 0.1 at 60 % and 80 % (epochs 12 and 16), the head's rate a multiple of the encoder's. Rate and
    multiple with the best accuracy on a fifth of the labelled rows, stratified, are chosen (a tie goes to the
    first); then all labelled rows train again, and the test rows are scored once. Other labels of the training
    rows are never read. GenURL's grid is ``lrs=(0.1, 0.01, 0.001)`` with the default `heads`.

    What the encoder learnt before counts only against a control: call it again with an encoder of random
    weights and the same seed, which draws the same labelled rows.

    Args:
        encoder: What places pictures or rows; a copy is trained, this one stays as it is. Any module that maps
            a tensor to rows will do.
        feed: Row numbers (n,), int64 → what the encoder reads in training, for example one random view each.
        whole: Row numbers → what it reads when it is scored, for example whole pictures.
        y: Class of every row, -1 where unknown.
        splits: Masks (N,) or row numbers: "train", of which some are labelled, and "test".
        share: Share of the known training labels that is used, in (0, 1]; at least one a class.
        lrs: Learning rates of the encoder to choose from.
        heads: Multiples of it for the head to choose from; a single pair of both needs no choice.
        epochs: Passes over the labelled rows.
        batch: Most rows of a step. None: the papers' 256, or an eighth of fewer labels, at least 8. Few labels
            in large batches would make so few steps that neither weights nor batch statistics get anywhere.
        weight_decay: Of encoder and head.
        seed: Draws the labelled rows, the start of the head, the order, and what layers such as dropout draw.

    Returns:
        accuracy, lr, head, val_accuracy (None where nothing was chosen), labelled, test (row counts), steps of
        the last fit, and protocol.

    Raises:
        InputError: A setting out of range, too few labelled rows, outputs that are no rows, or training that
            diverged.
    """
    _check_settings(share, lrs, heads, epochs, batch)
    labels, train, test = _rows(y, splits)
    labelled = balanced_subset(labels, train, share, seed)
    names = np.unique(labels[labelled])
    # A class that no labelled row has cannot be hit.
    classes = np.where(np.isin(labels, names), np.searchsorted(names, labels), UNKNOWN)
    known, size = torch.from_numpy(classes), _batch(len(labelled)) if batch is None else batch
    course = _Course(encoder, feed, whole, known, len(names), epochs, size, weight_decay, seed)
    pairs = [(lr, head) for lr in lrs for head in heads]
    pair, best, held = pairs[0], None, 0
    if len(pairs) > 1:
        out = stratified_part(labels[labelled], _HELD_OUT, seed)
        held = int(out.sum())
        if held == 0:
            raise InputError(f"{len(labelled)} labelled rows leave none to choose by: give one lr and head, or more")
        scores = {p: _score(course, _fit(course, labelled[~out], *p), labelled[out]) for p in pairs}
        pair, best = max(scores.items(), key=lambda item: item[1])
    model = _fit(course, labelled, *pair)
    if not all(bool(torch.isfinite(weight).all()) for weight in model.parameters()):
        raise InputError(f"training diverged at lr {pair[0]:g}, head × {pair[1]:g}: give a smaller lr")
    choice = f" chosen on {held}" if held else ""
    steps = epochs * -(-len(labelled) // course.batch)
    return {
        "accuracy": _score(course, model, test),
        "lr": pair[0],
        "head": pair[1],
        "val_accuracy": best,
        "labelled": len(labelled),
        "test": len(test),
        "steps": steps,
        "protocol": f"{len(labelled):,} labels ({share:g} of {len(train):,}), {epochs} epochs = {steps} steps of SGD, "
        f"lr {pair[0]:g} and head × {pair[1]:g}{choice}, test {len(test):,}, seed {seed}",
    }


def balanced_subset(y: np.ndarray, rows: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Draws as many rows of every class: a share of the mean class size, at least one.

    Args:
        y: Class of every row of the whole.
        rows: The rows to draw from.
        share: In (0, 1].
        seed: Draws them.

    Returns:
        Sorted row numbers. A class with too few rows gives all that it has.
    """
    generator = np.random.default_rng(seed)
    names = np.unique(y[rows])
    each = max(1, round(share * len(rows) / len(names)))
    drawn = [generator.permutation(rows[y[rows] == name])[:each] for name in names]
    return np.sort(np.concatenate(drawn))


def _batch(labelled: int) -> int:
    return min(_BATCH, max(_FEWEST, labelled // _STEPS))


class _Classifier(nn.Module):
    """An encoder and a linear head."""

    def __init__(self, encoder: Encoder, head: nn.Linear) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(Inputs(x)).z.to(self.head.weight.dtype))  # type: ignore[no-any-return]


def _fit(course: _Course, rows: np.ndarray, lr: float, head: float) -> _Classifier:
    generator = torch.Generator().manual_seed(course.seed)
    with torch.random.fork_rng(devices=[]):
        # Dropout and the like draw from the global state.
        torch.manual_seed(course.seed)
        model = _start(course, rows, generator)
        model.train()
        groups = [
            {"params": list(model.encoder.parameters()), "lr": lr},
            {"params": list(model.head.parameters()), "lr": lr * head},
        ]
        # An encoder without weights leaves an empty group, which SGD takes as it is.
        optimiser = torch.optim.SGD(groups, lr=lr, momentum=0.9, weight_decay=course.weight_decay)
        for epoch in range(course.epochs):
            for group, rate in zip(optimiser.param_groups, (lr, lr * head), strict=True):
                group["lr"] = rate * step_decay(epoch, course.epochs)
            # Parts of nearly equal size: batch normalisation cannot train on a last row alone.
            order = torch.from_numpy(rows)[torch.randperm(len(rows), generator=generator)]
            for part in order.tensor_split(-(-len(rows) // course.batch)):
                scores = model(course.feed(part))
                optimiser.zero_grad()
                functional.cross_entropy(scores, course.y[part].to(scores.device)).backward()  # type: ignore[no-untyped-call]
                optimiser.step()
    return model.eval()


def _start(course: _Course, rows: np.ndarray, generator: torch.Generator) -> _Classifier:
    encoder = as_encoder(copy.deepcopy(course.encoder)).requires_grad_()
    with torch.no_grad():
        z = encoder.eval()(Inputs(course.whole(torch.from_numpy(rows[:1])))).z
    if z.ndim != 2:
        raise InputError(f"the encoder returns shape {tuple(z.shape)}: fine-tuning needs one row a sample")
    # Half precision is for the encoder: the head of few labels keeps its digits.
    head = nn.Linear(z.shape[1], course.classes, dtype=torch.promote_types(z.dtype, torch.float32))
    with torch.no_grad():
        head.weight.copy_(0.01 * torch.randn(head.weight.shape, generator=generator))
        head.bias.zero_()
    return _Classifier(encoder, head.to(z.device))


def _score(course: _Course, model: _Classifier, rows: np.ndarray) -> float:
    hits = 0
    with torch.no_grad():
        for part in torch.split(torch.from_numpy(rows), _SCORED_AT_ONCE):
            scores = model(course.whole(part)).cpu()
            hits += int(((scores.argmax(1) == course.y[part]) & torch.isfinite(scores).all(1)).sum())
    return hits / len(rows)


def _check_settings(share: float, lrs: Sequence[float], heads: Sequence[float], epochs: int, batch: int | None) -> None:
    if not 0 < share <= 1:
        raise InputError(f"share is {share}: give the share of the labels that is used, above 0 and at most 1")
    if not lrs or not heads or not min(*lrs, *heads) > 0:
        raise InputError(f"lrs are {tuple(lrs)} and heads {tuple(heads)}: give at least one of each, all above 0")
    if epochs < 1 or (batch is not None and batch < 2):
        raise InputError(f"{epochs} epochs in batches of {batch}: give at least 1 epoch and batches of 2")


def _rows(y: Any, splits: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and the rows of train and test whose labels are known."""
    labels = as_labels(y, len(y))
    masks = as_splits(splits, len(labels))
    train, test = (np.flatnonzero(masks[name] & (labels != UNKNOWN)) for name in ("train", "test"))
    if len(np.unique(labels[train])) < 2 or not len(test):
        raise InputError("fine-tuning needs two known classes among the training rows, and known test labels")
    return labels, train, test
