"""What the nearest rows say: a weighted vote of neighbours, and retrieval of the own class."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.evaluation.arrays import subset_rows
from graphurl.evaluation.intervals import Outcomes
from graphurl.evaluation.parts import parts_of
from graphurl.functional.distance import chunked_squared_distances, rows_in_budget
from graphurl.functional.neighbors import knn

VOTERS = (5, 20, 200)
RANKS = (1, 2, 4, 8)
DISTANCES = ("cosine", "euclidean")


def weighted_knn(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    metric: str = "cosine",
    *,
    temperature: float = 0.1,
    method: str = "exact",
    seed: int = 0,
) -> dict[str, Any]:
    """Accuracy of a vote among the 5, 20 and 200 nearest training rows, near ones counting more.

    Class c gets Σ e^(cos(z_i, z_j) / τ) over the neighbours j of class c (Wu et al., 2018), τ = 0.1. The class
    with the largest sum wins; of several, that of the nearest row. Nothing is fitted or chosen, which makes it
    the usual measure of image features during training; k = 200 presumes some hundred rows a class.

    Euclidean distances vote by the same formula, for cos = 1 - d²/2 between unit rows: e^(-d² / 2τ), with d in
    units of the query's mean distance to its k neighbours. So neither the scale of an embedding nor its
    density at the query matters. Measure by the distance that the embedding was trained with.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: Masks (N,) or row numbers: "train" votes, "test" is scored, "val" takes no part. Without them
            6/7 and 1/7 are drawn, stratified by class.
        metric: cosine or euclidean.
        temperature: τ > 0: the smaller, the more the nearest count.
        method: How neighbours are searched, see `functional.neighbors.knn`. Memory stays at chunks of all
            pairs.
        seed: Draws the split that is not given.

    Returns:
        weighted_knn_5, weighted_knn_20, weighted_knn_200, train, test (row counts) and protocol. A k above the
        number of training rows is cut to it, and the protocol says so.

    Raises:
        InputError: Fewer than two classes, no test rows, overlapping splits, rows that are not finite, or a
            wrong setting.
    """
    if metric not in DISTANCES:
        raise unknown("metric", metric, DISTANCES)
    if not temperature > 0:
        raise InputError(f"temperature is {temperature}: weights need a number above 0")
    parts = parts_of(z, y, splits, seed)
    train, test = parts.train, parts.test
    most = min(max(VOTERS), len(train))
    found = knn(parts.z[test], most, y=parts.z[train], metric=metric, method=method, seed=seed)
    labels, d2 = parts.y[train][found.indices], found.distances.double().square()
    scores, outcomes = {}, {}
    for k in VOTERS:
        weights = vote_weights(d2[:, :k], metric, temperature)
        voted = weighted_vote(labels[:, :k], weights, parts.classes)
        outcomes[f"weighted_knn_{k}"] = (voted == parts.y[test]).double().numpy()
        scores[f"weighted_knn_{k}"] = float(outcomes[f"weighted_knn_{k}"].mean())
    power = f"cos/{temperature:g}" if metric == "cosine" else f"-d²/{2 * temperature:g}, d over its mean"
    ks = _cut(VOTERS, len(train), "training rows")
    return {
        **scores,
        "outcomes": Outcomes(outcomes),
        "train": len(train),
        "test": len(test),
        "protocol": f"{ks}, {metric}, votes e^({power}), {method} search, {parts.origin(seed)}",
    }


def recall(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    metric: str = "cosine",
    *,
    method: str = "exact",
    seed: int = 0,
) -> dict[str, Any]:
    """Share of test rows that find a row of their class among their 1, 2, 4 and 8 nearest.

    Recall at k as in metric learning: every test row is a query against all *other* test rows (leave one
    out), training rows take no part. A row that is alone in its class counts as a miss. R@1 is the accuracy of
    the nearest neighbour; larger k forgive more, and chance grows with them: 1 - (1 - 1/C)^k for C equal
    classes. Values over different numbers of rows do not compare.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: As in `weighted_knn`.
        metric: cosine or euclidean.
        method: How neighbours are searched, see `functional.neighbors.knn`.
        seed: Draws the split that is not given.

    Returns:
        recall_1, recall_2, recall_4, recall_8, test (row count) and protocol. A k above the number of other
        rows is cut to it, and the protocol says so.

    Raises:
        InputError: A single test row, or as in `weighted_knn`.
    """
    if metric not in DISTANCES:
        raise unknown("metric", metric, DISTANCES)
    parts = parts_of(z, y, splits, seed)
    test = parts.test
    others = len(test) - 1
    if others < 1:
        raise InputError(f"{len(test)} test row: retrieval needs at least two")
    found = knn(parts.z[test], min(max(RANKS), others), metric=metric, method=method, seed=seed)
    labels = parts.y[test]
    hits = labels[found.indices] == labels[:, None]
    ks = _cut(RANKS, others, "other test rows")
    return {
        **{f"recall_{k}": float(hits[:, :k].any(1).double().mean()) for k in RANKS},
        "outcomes": Outcomes({f"recall_{k}": hits[:, :k].any(1).double().numpy() for k in RANKS}),
        "test": len(test),
        "protocol": f"{ks}, {metric}, leave one out within test, {method} search, {parts.origin(seed)}",
    }


def average_precision(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    metric: str = "cosine",
    *,
    queries: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Mean average precision (MAP) of retrieval: are all rows of the own class before those of others?

    A query ranks all other test rows by distance; its average precision is the mean, over the rows of its class, of
    the share of that class among all rows at least as near. Unlike recall at k it asks for *every* row of the class, so
    a class in two far clusters scores low although each row has neighbours of its own. Chance is about the share of
    the class, so values over different classes do not compare. Ties rank by row number.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: As in `weighted_knn`.
        metric: cosine or euclidean.
        queries: Most rows that ask, drawn at random; all test rows are ranked.
        seed: Draws the queries, and the split that is not given.

    Returns:
        map, queries, test (row counts) and protocol.

    Raises:
        InputError: No class with two test rows, or as in `weighted_knn`.
    """
    if metric not in DISTANCES:
        raise unknown("metric", metric, DISTANCES)
    parts = parts_of(z, y, splits, seed)
    labels = parts.y[parts.test]
    # A row that is alone in its class has nothing to find.
    asking = torch.nonzero(torch.bincount(labels)[labels] > 1)[:, 0]
    if not len(asking):
        raise InputError("every test row is alone in its class: retrieval needs classes of two test rows or more")
    asking = asking[torch.from_numpy(subset_rows(len(asking), queries, seed))]
    rows = parts.z[parts.test].double()
    found = []
    for start, d2 in chunked_squared_distances(rows[asking], rows, metric):
        here = asking[start : start + len(d2)]
        d2[torch.arange(len(d2)), here] = torch.inf
        right = (labels[d2.sort(dim=1, stable=True).indices] == labels[here, None]).double()
        right[:, -1] = 0  # the query itself
        precision = right.cumsum(1) / torch.arange(1, len(rows) + 1)
        found.append((precision * right).sum(1) / right.sum(1))
    values = torch.cat(found)
    return {
        "map": float(values.mean()),
        "outcomes": Outcomes({"map": values.numpy()}),
        "queries": len(asking),
        "test": len(rows),
        "protocol": f"{len(asking):,} queries among {len(rows):,} test rows, {metric}, {parts.origin(seed)}",
    }


def vote_weights(d2: Tensor, metric: str, temperature: float) -> Tensor:
    """e^(-d² / 2τ), which is e^(cos/τ) up to a factor a row; Euclidean d over its mean in the row.

    Args:
        d2: Squared distances of every query to its voters, nearest first, (M, k).
        metric: cosine or euclidean.
        temperature: τ.

    Returns:
        Weights, (M, k); the nearest has 1, so that none of a far query vanishes.
    """
    if metric == "euclidean":
        unit = d2.sqrt().mean(1, keepdim=True).square()
        d2 = d2 / torch.where(unit > 0, unit, 1.0)
    return torch.exp((d2[:, :1] - d2) / (2 * temperature))


def weighted_vote(labels: Tensor, weights: Tensor, classes: int) -> Tensor:
    """The class of the largest summed weight in every row; of several, that of the nearest voter.

    Args:
        labels: Classes of the voters, nearest first, (M, k).
        weights: Their weights, (M, k).
        classes: Number of classes.

    Returns:
        A class a row, (M,).
    """
    size = rows_in_budget(classes, 2 * weights.element_size())
    winners = []
    for ours, theirs in zip(torch.split(labels, size), torch.split(weights, size), strict=True):
        votes = theirs.new_zeros(len(ours), classes).scatter_add_(1, ours, theirs)
        leading = votes.gather(1, ours) == votes.amax(1, keepdim=True)
        winners.append(ours.gather(1, leading.byte().argmax(1, keepdim=True))[:, 0])
    return torch.cat(winners)


def _cut(ks: tuple[int, ...], most: int, of: str) -> str:
    text = f"k={', '.join(map(str, ks))}"
    above = [str(k) for k in ks if k > most]
    return f"{text} ({', '.join(above)} cut to {most:,} {of})" if above else text
