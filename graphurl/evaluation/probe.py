"""What labels can be read off an embedding: linear probe, nearest neighbours, and the baseline to beat."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, as_splits, check_finite
from graphurl.evaluation.intervals import Outcomes

GRID = (0.1, 1.0, 10.0, 100.0, 1000.0)
TEST_SHARE = 1 / 7


@dataclass(frozen=True)
class _Task:
    """Rows, labels, and the row numbers of each part, all with known labels."""

    z: np.ndarray
    y: np.ndarray
    parts: dict[str, np.ndarray]
    drawn: bool


def linear_probe(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    *,
    standardise: bool | None = None,
    grid: Sequence[float] = GRID,
    max_iter: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy of multinomial logistic regression on frozen embeddings.

    * With splits: rows of length 1; C of `grid` is chosen by validation accuracy (a tie goes to the
      smallest C), the model is fitted on the training rows only, and the test rows are scored once, by the
      chosen model. Without a "val" mask a seventh of the training rows, stratified, is held out to choose
      C, and stays held out.
    * Without splits: 6/7 of the rows train and 1/7 test, stratified by class and drawn from `seed`; columns
      are standardised by the training rows, C = 1, nothing is chosen.

    It tells how much of the labels a hyperplane per class can read. It cannot see structure that bends, it
    grows with the dimension, and in 2-D it measures the position of clusters more than their purity (see
    `knn_accuracy`).

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: Masks (N,) or row numbers: "train", "test" and, better, "val".
        standardise: True: columns of mean 0 and standard deviation 1; False: rows of length 1; None: as
            above.
        grid: Candidates of C, the inverse strength of the penalty.
        max_iter: Steps of the solver (L-BFGS).
        seed: Draws the parts that are not given.

    Returns:
        accuracy (test), val_accuracy (None where nothing is chosen), C, train, test (row counts), converged
        and protocol.

    Raises:
        InputError: Fewer than two classes, no test rows, overlapping splits, rows that are not finite.
    """
    task = _task(z, y, splits, seed)
    train, test, val = task.parts["train"], task.parts["test"], task.parts.get("val")
    by_column = task.drawn if standardise is None else standardise
    rows = _within_span(_standardised(task.z, train) if by_column else _unit(task.z), train)
    if val is None:
        model, chosen, best = _fit(rows[train], task.y[train], 1.0, max_iter), 1.0, None
    else:
        model, chosen, best = _choose(rows, task.y, train, val, grid, max_iter)
    scaling = "standardised columns" if by_column else "unit rows"
    choice = "C=1" if val is None else f"C={chosen:g} chosen on {len(val):,} validation rows"
    hits = model.predict(rows[test]) == task.y[test]
    return {
        "accuracy": float(np.mean(hits)),
        "outcomes": Outcomes({"accuracy": hits}),
        "val_accuracy": best,
        "C": chosen,
        "train": len(train),
        "test": len(test),
        "converged": bool(np.max(model.n_iter_) < max_iter),
        "protocol": f"logistic regression, {scaling}, {choice}, {_origin(task, seed)}",
    }


def knn_accuracy(
    z: Any,
    y: Any,
    k: int = 10,
    splits: Mapping[str, Any] | None = None,
    metric: str = "euclidean",
    *,
    method: str = "exact",
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy of a vote among the k nearest training rows; the nearest one decides a tie.

    It tells how pure neighbourhoods are, with nothing to fit and nothing to choose. It does not see where
    clusters lie, only that they do not mix; with many small islands it can be high while the map is in
    pieces.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        k: Number of voters.
        splits: As in `linear_probe`; validation rows take no part. Without them the same 6/7 and 1/7 are
            drawn.
        metric: Distance in z.
        method: How neighbours are searched, see `functional.neighbors.knn`.
        seed: Draws the split that is not given.

    Returns:
        accuracy, k, train, test (row counts) and protocol.

    Raises:
        InputError: Fewer training rows than k, or as in `linear_probe`.
    """
    from graphurl.functional.neighbors import knn

    task = _task(z, y, splits, seed)
    train, test = task.parts["train"], task.parts["test"]
    if not 1 <= k <= len(train):
        raise InputError(f"k={k} neighbours of {len(train)} training rows: k is between 1 and that number")
    rows = torch.from_numpy(np.ascontiguousarray(task.z))
    found = knn(rows[test], k, y=rows[train], metric=metric, method=method, seed=seed)
    hits = _vote(task.y[train][found.indices.numpy()]) == task.y[test]
    return {
        "accuracy": float(np.mean(hits)),
        "outcomes": Outcomes({"accuracy": hits}),
        "k": k,
        "train": len(train),
        "test": len(test),
        "protocol": f"k={k}, {metric}, {method} search, {_origin(task, seed)}",
    }


def majority(z: Any, y: Any, splits: Mapping[str, Any] | None = None, *, seed: int = 0) -> dict[str, Any]:
    """Accuracy of always answering the most frequent training class: what a probe has to beat.

    Args:
        z: Embeddings, (N, d); only their number counts.
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: As in `linear_probe`.
        seed: Draws the split that is not given.

    Returns:
        accuracy, train, test (row counts) and protocol.
    """
    task = _task(z, y, splits, seed)
    classes, counts = np.unique(task.y[task.parts["train"]], return_counts=True)
    hits = task.y[task.parts["test"]] == classes[counts.argmax()]
    return {
        "accuracy": float(np.mean(hits)),
        "outcomes": Outcomes({"accuracy": hits}),
        "train": len(task.parts["train"]),
        "test": len(hits),
        "protocol": f"most frequent training class, {_origin(task, seed)}",
    }


def stratified_part(y: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Marks a random part of the rows in which every class has its share, up to one row.

    Args:
        y: Class of every row.
        share: Size of the part, in (0, 1).
        seed: Draws it; the global random state is not touched.

    Returns:
        A boolean mask. A class never lies in the part as a whole.
    """
    generator = np.random.default_rng(seed)
    order = np.lexsort((generator.random(len(y)), y))
    # Systematic sampling: along rows sorted by class, one row in every 1 / share is taken.
    steps = np.floor(np.arange(len(y) + 1) * share + generator.random())
    part = np.zeros(len(y), dtype=bool)
    part[order[np.diff(steps) > 0]] = True
    return part & np.isin(y, y[~part])


def drawn_split(labels: np.ndarray, known: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Masks that train and test where no splits are given: 6/7 and 1/7, stratified by class.

    Args:
        labels: Class of every row.
        known: Which rows have one.
        seed: Draws the rows.
    """
    held = np.zeros(len(labels), dtype=bool)
    held[known] = stratified_part(labels[known], TEST_SHARE, seed)
    return {"train": ~held, "test": held}


def origin(train: int, test: int, seed: int, *, drawn: bool) -> str:
    """Where the rows of a probe come from, in words."""
    sizes = f"train {train:,} / test {test:,}"
    return f"{sizes}, " + (f"stratified 6/7 and 1/7, seed {seed}" if drawn else "given splits")


def _task(z: Any, y: Any, splits: Mapping[str, Any] | None, seed: int) -> _Task:
    rows = as_rows(z)
    check_finite(rows, "z")
    labels = as_labels(y, len(rows))
    known = labels != UNKNOWN
    classes = np.unique(labels[known])
    if len(classes) < 2:
        raise InputError(f"{len(classes)} class among the known labels: a probe needs at least two")
    if splits is None:
        masks = drawn_split(labels, known, seed)
    else:
        masks = as_splits(splits, len(rows))
        if not (masks.get("val", ~known) & known).any():
            train = np.flatnonzero(masks["train"] & known)
            masks["val"] = np.zeros(len(rows), dtype=bool)
            masks["val"][train[stratified_part(labels[train], TEST_SHARE, seed)]] = True
            masks["train"] = masks["train"] & ~masks["val"]
    parts = {name: np.flatnonzero(mask & known) for name, mask in masks.items()}
    _check_parts(parts, labels)
    return _Task(rows, labels, parts, drawn=splits is None)


def _check_parts(parts: Mapping[str, np.ndarray], labels: np.ndarray) -> None:
    empty = [name for name in ("train", "val", "test") if name in parts and not len(parts[name])]
    if empty:
        raise InputError(f"no {empty[0]} rows with a known label: a probe needs classes of several rows each")
    if len(np.unique(labels[parts["train"]])) < 2:
        raise InputError("the training rows have one class: a probe needs at least two")


def _choose(
    rows: np.ndarray, y: np.ndarray, train: np.ndarray, val: np.ndarray, grid: Sequence[float], max_iter: int
) -> tuple[Any, float, float]:
    """The model, C and accuracy that are best on the validation rows; the first wins a tie."""
    model, chosen, best = None, 0.0, -1.0
    for c in sorted(grid):
        candidate = _fit(rows[train], y[train], c, max_iter)
        accuracy = float(np.mean(candidate.predict(rows[val]) == y[val]))
        if accuracy > best:
            model, chosen, best = candidate, float(c), accuracy
    if model is None:
        raise InputError("the grid of C is empty: give at least one value")
    return model, chosen, best


def _fit(rows: np.ndarray, y: np.ndarray, c: float, max_iter: int) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # The result says whether it converged.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=c, max_iter=max_iter).fit(rows, y)


def _vote(labels: np.ndarray) -> np.ndarray:
    """The most frequent label of every row, (M, k) nearest first; of several, the one that comes first."""
    classes, codes = np.unique(labels, return_inverse=True)
    codes = codes.reshape(labels.shape)
    votes = np.zeros((len(codes), len(classes)))
    np.add.at(votes, (np.arange(len(codes))[:, None], codes), 1)
    # Among the neighbours, nearest first, the first whose class has the most votes.
    leading = np.take_along_axis(votes, codes, axis=1) == votes.max(1, keepdims=True)
    winner = np.take_along_axis(codes, leading.argmax(1)[:, None], axis=1)[:, 0]
    return np.asarray(classes[winner])


def _unit(z: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(z.astype(float), axis=1, keepdims=True)
    return np.asarray(z / np.where(length > 0, length, 1.0))


def _standardised(z: np.ndarray, train: np.ndarray) -> np.ndarray:
    wide = z.astype(float)
    deviation = wide[train].std(0)
    return np.asarray((wide - wide[train].mean(0)) / np.where(deviation > 0, deviation, 1.0))


def _within_span(rows: np.ndarray, train: np.ndarray) -> np.ndarray:
    """Coordinates in the span of the training rows where they are fewer than the columns.

    Weights with an L2 penalty lie in that span (representer theorem), so the classifier is the same and takes a
    fraction of the time.
    """
    if rows.shape[1] <= len(train):
        return rows
    basis, _ = np.linalg.qr(rows[train].T)
    return np.asarray(rows @ basis)


def _origin(task: _Task, seed: int) -> str:
    return origin(len(task.parts["train"]), len(task.parts["test"]), seed, drawn=task.drawn)
