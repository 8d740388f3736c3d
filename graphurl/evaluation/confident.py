"""Clusters of the rows that t-SNE is sure about, against classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from graphurl.errors import InputError, unknown
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, as_splits, check_finite, subset_rows
from graphurl.evaluation.partitions import contingency, matched
from graphurl.evaluation.retrieval import DISTANCES
from graphurl.functional.distance import unit_rows

_SHARE = 0.2
_PERPLEXITY = 30.0


def confident_accuracy(
    z: Any,
    y: Any,
    splits: Mapping[str, Any] | None = None,
    metric: str = "cosine",
    *,
    keep: int | None = None,
    subset: int | None = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Clustering accuracy of the rows farthest from the centre of a t-SNE map (distance enhancement, Alg. 1).

    t-SNE draws the rows in 2-D, where those between clusters end near the middle; the `keep` rows farthest
    from the mean of the map are the confident ones. Their *features* are clustered (agglomerative, Ward, as
    many clusters as there are classes), clusters are matched to classes one to one (Hungarian method), and
    the share of rows in the right class is the number. No label is used before the match.

    It looks at the easy rows on purpose: a class of which no row is confident does not count, so a high value
    says that some classes are clear, not that all are. Values of different `keep` or `subset` do not
    compare. The classes among the kept rows are counted in the result; read both.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; such rows are left out.
        splits: With them the test rows are measured, without them all rows.
        metric: cosine scales rows to length 1 before the map and the clusters; euclidean takes them as given.
        keep: Number of confident rows; None for a fifth of the mapped ones. The paper does not tell its own.
        subset: With more rows than this a random subset is mapped: t-SNE needs seconds for every thousand.
            None maps all.
        seed: Draws the subset and seeds t-SNE.

    Returns:
        confident_accuracy, kept_classes and classes (among the kept and all mapped rows), and protocol.

    Raises:
        InputError: Fewer than two classes, or more clusters than kept rows, or more kept than mapped rows.
    """
    if metric not in DISTANCES:
        raise unknown("metric", metric, DISTANCES)
    rows = as_rows(z)
    check_finite(rows, "z")
    labels = as_labels(y, len(rows))
    wanted = labels != UNKNOWN
    if splits is not None:
        wanted = wanted & as_splits(splits, len(rows))["test"]
    chosen = np.flatnonzero(wanted)
    mapped = chosen[subset_rows(len(chosen), subset, seed)]
    truth, features = labels[mapped], _scaled(rows[mapped], metric)
    kept = max(1, round(_SHARE * len(mapped))) if keep is None else keep
    classes = len(np.unique(truth))
    _check(len(mapped), kept, classes)
    perplexity = min(_PERPLEXITY, (len(mapped) - 1) / 3)
    confident = farthest(_map(features, perplexity, seed), kept)
    part = f"subset of {len(chosen):,}" if len(mapped) < len(chosen) else "all"
    of = "rows" if splits is None else "test rows"
    return {
        "confident_accuracy": matched(contingency(truth[confident], _clusters(features[confident], classes))),
        "kept_classes": len(np.unique(truth[confident])),
        "classes": classes,
        "protocol": f"{kept:,} of {len(mapped):,} {of} ({part}) farthest from the centre of t-SNE (perplexity "
        f"{perplexity:g}), Ward on {metric} features, {classes} clusters, seed {seed}",
    }


def farthest(places: np.ndarray, keep: int) -> np.ndarray:
    """The rows farthest from the mean of a map, farthest first; of equals those with the smaller number.

    Args:
        places: A map, (N, 2).
        keep: How many rows.

    Returns:
        Row numbers, (keep,).
    """
    confidence = np.linalg.norm(places - places.mean(0), axis=1)
    return np.argsort(-confidence, kind="stable")[:keep]


def _check(mapped: int, kept: int, classes: int) -> None:
    if classes < 2:
        raise InputError(f"{classes} class among the known labels: comparing clusters needs at least two")
    if not classes <= kept <= mapped:
        raise InputError(
            f"{kept} confident of {mapped} rows with {classes} classes: keep at least a row a class and at most all"
        )


def _scaled(rows: np.ndarray, metric: str) -> np.ndarray:
    scaled: np.ndarray = unit_rows(torch.from_numpy(rows)).numpy() if metric == "cosine" else rows
    return scaled


def _map(features: np.ndarray, perplexity: float, seed: int) -> np.ndarray:
    from sklearn.manifold import TSNE

    # A start by principal components needs as many columns as the map has; one column gets a random one.
    start = "pca" if features.shape[1] > 1 else "random"
    return np.asarray(TSNE(perplexity=perplexity, init=start, random_state=seed).fit_transform(features), dtype=float)


def _clusters(features: np.ndarray, clusters: int) -> np.ndarray:
    from sklearn.cluster import AgglomerativeClustering

    return np.asarray(AgglomerativeClustering(clusters, linkage="ward").fit_predict(features))
