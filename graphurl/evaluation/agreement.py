"""Do the embeddings of two views agree? A score to choose settings by when there are no labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, check_finite, subset_rows
from graphurl.functional.distance import unit_rows
from graphurl.functional.neighbors import knn
from graphurl.functional.spread import uniformity

_PAIRS_OF = 2000


def agreement(
    first: Any, second: Any, clusters: int, seed: int = 0, *, subset: int | None = 10_000
) -> dict[str, Any]:
    """NMI(f, f') · R(f, f') of two views of the same samples (CLD), beside alignment and uniformity.

    * nmi: mutual information of k-means clusters of f with those of f', I / √(H H'), on rows of length 1.
      Global: do groups survive the augmentation?
    * retrieval: share of rows whose nearest row of the other view is its own sample, mean of both ways.
      Local: are samples told apart in spite of it?
    * score: their product. Neither alone ranks settings as labels would; a constant embedding has nmi 1 and
      retrieval 1/N, so the product sees it.
    * alignment: mean |u_i - u'_i|² of unit rows, 0 to 4, lower is nearer; uniformity: mean over both views of
      log mean e^(-2 |u_i - u_j|²), lower is more even (Wang & Isola, 2020).

    All depend on the augmentation that made the views, and retrieval on the number of rows: compare runs on
    the same pictures and the same kind of views only.

    Args:
        first: Embeddings of one view, (N, d).
        second: Embeddings of the other view of the same samples in the same order, (N, d).
        clusters: Number of clusters; the number of classes where one has an idea of it.
        seed: Draws the subset and starts k-means.
        subset: Above this number of rows a random subset of samples is used; None for all.

    Returns:
        nmi, retrieval, score, alignment, uniformity and protocol.

    Raises:
        InputError: Views of different shape, rows that are not finite, or an impossible number of clusters.
    """
    f, g = _views(first, second, subset, seed)
    if not 2 <= clusters <= len(f):
        raise InputError(f"{clusters} clusters of {len(f)} rows: give between 2 and that number")
    nmi, retrieval = _nmi(f, g, clusters, seed), (_found(f, g) + _found(g, f)) / 2
    few = torch.from_numpy(subset_rows(len(f), _PAIRS_OF, seed))
    size = f"{len(f):,} of {len(as_rows(first)):,} rows"
    return {
        "nmi": nmi,
        "retrieval": retrieval,
        "score": nmi * retrieval,
        "alignment": float((f - g).square().sum(1).mean()),
        "uniformity": float((uniformity(f[few]) + uniformity(g[few])) / 2),
        "protocol": f"unit rows, k-means with {clusters} clusters and 4 starts a view, {size}, "
        f"uniformity on {len(few):,}, seed {seed}",
    }


def view_agreement(
    z: Any, view: Any, y: Any = None, clusters: int | None = None, *, subset: int | None = 10_000, seed: int = 0
) -> dict[str, Any]:
    """NMI(f, f') · R(f, f') of the embedding and a second view of it, and their alignment (see `agreement`).

    It ranks settings without labels where both numbers are high only for embeddings that group samples *and* tell them
    apart. It cannot tell whether the groups mean anything, and views that hardly differ agree whatever the embedding
    is.

    Args:
        z: Embeddings, (N, d).
        view: Embeddings of the second view of the same samples, (N, d).
        y: Labels; only the number of classes counts.
        clusters: Number of clusters; without it that of the classes, and without labels √(N/2), at most 100.
        subset: As in `agreement`.
        seed: Draws the subset and starts k-means.

    Returns:
        view_nmi, view_retrieval, view_score, alignment and protocol.

    Raises:
        InputError: As in `agreement`.
    """
    rows = len(as_rows(z))
    if clusters is None and y is not None:
        labels = as_labels(y, rows)
        clusters = len(np.unique(labels[labels != UNKNOWN]))
    if clusters is None or clusters < 2:
        clusters = max(2, min(100, round((rows / 2) ** 0.5)))
    found = agreement(z, view, clusters, seed, subset=subset)
    return {
        "view_nmi": found["nmi"],
        "view_retrieval": found["retrieval"],
        "view_score": found["score"],
        "alignment": found["alignment"],
        "protocol": found["protocol"],
    }


def rank_agreement(scores: Sequence[float], accuracies: Sequence[float]) -> dict[str, Any]:
    """Does a score rank runs as labels do? Rank correlations over runs.

    Spearman's ρ is the correlation of ranks; Kendall's τ_b counts pairs in the same and in opposite order, and
    allows for ties. 1: the same order; 0: none; with few runs large values are chance (4 runs have 24 orders).

    Args:
        scores: One number a run, for example `agreement(...)["score"]`.
        accuracies: What labels say about the same runs.

    Returns:
        spearman, kendall, runs and protocol.

    Raises:
        InputError: Different lengths, fewer than three runs, numbers that are not finite, or all equal.
    """
    from scipy.stats import kendalltau, spearmanr

    a, b = np.asarray(scores, dtype=float), np.asarray(accuracies, dtype=float)
    if a.ndim != 1 or a.shape != b.shape or len(a) < 3:
        raise InputError(f"scores of shape {a.shape} and {b.shape}: give one of each a run, three runs or more")
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise InputError("a score or accuracy is not finite: leave that run out")
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        raise InputError("all scores or all accuracies are equal: there is no order to compare")
    return {
        "spearman": float(spearmanr(a, b).statistic),
        "kendall": float(kendalltau(a, b).statistic),
        "runs": len(a),
        "protocol": f"rank correlations over {len(a)} runs",
    }


def _views(first: Any, second: Any, subset: int | None, seed: int) -> tuple[Tensor, Tensor]:
    f, g = as_rows(first, "first"), as_rows(second, "second")
    if f.shape != g.shape:
        raise InputError(f"views of shape {f.shape} and {g.shape}: give both views of the same samples, in order")
    check_finite(f, "first")
    check_finite(g, "second")
    rows = subset_rows(len(f), subset, seed)
    return unit_rows(torch.from_numpy(f[rows])), unit_rows(torch.from_numpy(g[rows]))


def _nmi(f: Tensor, g: Tensor, clusters: int, seed: int) -> float:
    from sklearn.metrics import normalized_mutual_info_score

    groups = [_groups(view, clusters, seed) for view in (f, g)]
    return float(normalized_mutual_info_score(*groups, average_method="geometric"))


def _groups(rows: Tensor, clusters: int, seed: int) -> np.ndarray:
    import warnings

    from sklearn.cluster import KMeans
    from sklearn.exceptions import ConvergenceWarning

    with warnings.catch_warnings():
        # Fewer distinct rows than clusters, as in a collapse: the numbers say it.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return np.asarray(KMeans(clusters, n_init=4, random_state=seed).fit_predict(rows.numpy()))


def _found(queries: Tensor, others: Tensor) -> float:
    """Share of queries whose nearest row is the one of the same number."""
    nearest = knn(queries, 1, y=others, method="exact").indices[:, 0]
    return float((nearest == torch.arange(len(queries))).double().mean())
