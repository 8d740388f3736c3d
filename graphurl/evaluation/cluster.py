"""Do clusters of the embedding agree with the labels? k-means and HDBSCAN against classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphurl.errors import InputError
from graphurl.evaluation.arrays import UNKNOWN, as_labels, as_rows, check_finite, subset_rows
from graphurl.evaluation.partitions import agreement

_MINIBATCH_ABOVE = 20_000


def kmeans_scores(z: Any, y: Any, n_clusters: int | None = None, *, seed: int = 0) -> dict[str, Any]:
    """Agreement of k-means clusters with the classes, without any label used for the clusters.

    NMI and AMI (arithmetic normalisation) and ARI compare two partitions; ARI and AMI are corrected for chance, NMI is
    not and grows with the number of clusters. Clustering accuracy matches clusters to classes one to one
    (Hungarian method), so it suits as many clusters as classes. All three presume round clusters of similar
    size, as k-means does: a map of long, thin or very unequal clusters scores low although the classes are
    well separated.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; all rows are clustered, only known ones are compared.
        n_clusters: Number of clusters; by default the number of classes.
        seed: Makes k-means (4 starts; in mini-batches above 20,000 rows) repeatable.

    Returns:
        nmi, ami, ari, clustering_accuracy, clusters and protocol.

    Raises:
        InputError: Fewer than two classes, or fewer rows than clusters.
    """
    rows = as_rows(z)
    check_finite(rows, "z")
    labels = as_labels(y, len(rows))
    known = labels != UNKNOWN
    classes = len(np.unique(labels[known]))
    clusters = classes if n_clusters is None else n_clusters
    if classes < 2:
        raise InputError(f"{classes} class among the known labels: comparing partitions needs at least two")
    if not 1 <= clusters <= len(rows):
        raise InputError(f"{clusters} clusters of {len(rows)} rows: give between 1 and that number")
    if classes == known.sum():
        raise InputError("every known label occurs once: any clustering compares badly with that")
    found, name = _clusters(rows, clusters, seed)
    return {
        **agreement(labels[known], found[known], seed),
        "clusters": clusters,
        "protocol": f"{name}, {clusters} clusters, 4 starts, {len(rows):,} rows, seed {seed}",
    }


def hdbscan_scores(
    z: Any, y: Any, min_cluster_size: int | None = None, *, subset: int | None = 10_000, seed: int = 0
) -> dict[str, Any]:
    """Agreement of HDBSCAN's clusters with the classes: their number and shape are found, not given.

    Rows that belong to no cluster are compared as one cluster of their own, so that a method that leaves many out
    gains nothing by it. The NMI (arithmetic normalisation) grows with the number of clusters.

    Args:
        z: Embeddings, (N, d).
        y: Class of every row, -1 where unknown; all rows are clustered, only known ones are compared.
        min_cluster_size: Rows that make a cluster; by default a hundredth of those clustered, at least 5.
        subset: With more rows than this, a random subset is clustered, as all distances are needed in many
            dimensions. None takes all rows.
        seed: Draws the subset.

    Returns:
        hdbscan_nmi, clusters, noise (share of rows in no cluster) and protocol.

    Raises:
        InputError: Fewer than two classes, or a size that does not fit the rows.
    """
    from sklearn.cluster import HDBSCAN

    whole = as_rows(z)
    labels = as_labels(y, len(whole))
    taken = subset_rows(len(whole), subset, seed)
    rows, labels = whole[taken], labels[taken]
    check_finite(rows, "z")
    known = labels != UNKNOWN
    classes = len(np.unique(labels[known]))
    if classes < 2:
        raise InputError(f"{classes} class among the known labels: comparing partitions needs at least two")
    size = max(5, len(rows) // 100) if min_cluster_size is None else min_cluster_size
    if not 2 <= size <= len(rows):
        raise InputError(f"min_cluster_size is {size} for {len(rows)} rows: give between 2 and that number")
    found = HDBSCAN(min_cluster_size=size, copy=True).fit(rows).labels_
    agreed = agreement(labels[known], found[known], seed)
    part = f"{len(rows):,}-row subset, seed {seed}" if len(rows) < len(whole) else f"all {len(rows):,} rows"
    return {
        "hdbscan_nmi": agreed["nmi"],
        "intervals": {"hdbscan_nmi": agreed["intervals"]["nmi"]},
        "clusters": len(set(found.tolist()) - {-1}),
        "noise": float(np.mean(found == -1)),
        "protocol": f"HDBSCAN, clusters of {size} rows or more, noise as one cluster, {part}",
    }


def _clusters(rows: np.ndarray, clusters: int, seed: int) -> tuple[np.ndarray, str]:
    import warnings

    from sklearn.cluster import KMeans, MiniBatchKMeans
    from sklearn.exceptions import ConvergenceWarning

    batches = len(rows) > _MINIBATCH_ABOVE
    kind = MiniBatchKMeans if batches else KMeans
    with warnings.catch_warnings():
        # Fewer distinct rows than clusters: clusters stay empty, and the scores say the rest.
        warnings.simplefilter("ignore", ConvergenceWarning)
        found = kind(n_clusters=clusters, n_init=4, random_state=seed).fit(rows).labels_
    return np.asarray(found), "mini-batch k-means" if batches else "k-means"
