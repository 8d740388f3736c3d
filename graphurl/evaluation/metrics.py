"""The metrics by name, and which of them are measured when none are asked for."""

from __future__ import annotations

from collections.abc import Iterable

from graphurl.errors import unknown

# Name → "module:function". A function asks for what it needs by the names of its parameters (z, x, y, splits, view,
# graph, links, seed) and returns a dict: its number under the metric's name or under "accuracy", its "protocol", and
# where the number is a mean over rows those rows' numbers under "outcomes", of which a confidence interval is made.
METRICS: dict[str, str] = {
    "trustworthiness": "graphurl.evaluation.neighborhood:neighborhood",
    "continuity": "graphurl.evaluation.neighborhood:neighborhood",
    "overlap": "graphurl.evaluation.neighborhood:neighborhood",
    "linear_probe": "graphurl.evaluation.probe:linear_probe",
    "knn_accuracy": "graphurl.evaluation.probe:knn_accuracy",
    "majority": "graphurl.evaluation.probe:majority",
    "nmi": "graphurl.evaluation.cluster:kmeans_scores",
    "ari": "graphurl.evaluation.cluster:kmeans_scores",
    "clustering_accuracy": "graphurl.evaluation.cluster:kmeans_scores",
    "effective_rank": "graphurl.evaluation.spread:spread",
    "mean_cosine": "graphurl.evaluation.spread:spread",
    "normalised_std": "graphurl.evaluation.spread:spread",
    "uniformity": "graphurl.evaluation.spread:spread",
    "nlad": "graphurl.evaluation.spread:class_spread",
    "weighted_knn_5": "graphurl.evaluation.retrieval:weighted_knn",
    "weighted_knn_20": "graphurl.evaluation.retrieval:weighted_knn",
    "weighted_knn_200": "graphurl.evaluation.retrieval:weighted_knn",
    "recall_1": "graphurl.evaluation.retrieval:recall",
    "recall_2": "graphurl.evaluation.retrieval:recall",
    "recall_4": "graphurl.evaluation.retrieval:recall",
    "recall_8": "graphurl.evaluation.retrieval:recall",
    "link_auc": "graphurl.evaluation.links:link_scores",
    "link_ap": "graphurl.evaluation.links:link_scores",
    "link_mrr": "graphurl.evaluation.links:link_scores",
}

# Measured as well where everything is asked for ("all", graphurl evaluate), seconds on 70,000 rows.
FURTHER: dict[str, str] = {
    "rank_correlation": "graphurl.evaluation.ranking:ranking",
    "lcmc": "graphurl.evaluation.ranking:ranking",
    "shepard": "graphurl.evaluation.geometry:geometry",
    "shepard_rank": "graphurl.evaluation.geometry:geometry",
    "triplets": "graphurl.evaluation.geometry:geometry",
    "cai_lim": "graphurl.evaluation.transport:cai_lim",
    "ridge_probe": "graphurl.evaluation.ridge:ridge_probe",
    "labels_1_percent": "graphurl.evaluation.ridge:few_labels",
    "labels_10_percent": "graphurl.evaluation.ridge:few_labels",
    "silhouette": "graphurl.evaluation.silhouette:silhouette",
    "ami": "graphurl.evaluation.cluster:kmeans_scores",
    "map": "graphurl.evaluation.retrieval:average_precision",
    "hubness": "graphurl.evaluation.hubs:hubness",
    "view_nmi": "graphurl.evaluation.agreement:view_agreement",
    "view_retrieval": "graphurl.evaluation.agreement:view_agreement",
    "view_score": "graphurl.evaluation.agreement:view_agreement",
    "alignment": "graphurl.evaluation.agreement:view_agreement",
    "edge_auc": "graphurl.evaluation.edges:edge_scores",
    "edge_ap": "graphurl.evaluation.edges:edge_scores",
    "edge_mrr": "graphurl.evaluation.edges:edge_scores",
    "homophily_captured": "graphurl.evaluation.edges:homophily_captured",
    "path_distortion": "graphurl.evaluation.edges:path_distortion",
    "path_correlation": "graphurl.evaluation.edges:path_distortion",
}

# Measured only when asked for by name: they take minutes or a package more, or answer what another has answered.
ON_REQUEST: dict[str, str] = {
    "linear_protocol": "graphurl.evaluation.protocols:linear_protocol",
    "fast_linear": "graphurl.evaluation.protocols:fast_linear",
    "confident_accuracy": "graphurl.evaluation.confident:confident_accuracy",
    "hdbscan_nmi": "graphurl.evaluation.cluster:hdbscan_scores",
    "split_probe": "graphurl.evaluation.splits:split_probe",
    "gromov_wasserstein": "graphurl.evaluation.transport:gromov_wasserstein",
}

# Less is better; of all others more is.
LOWER = frozenset(
    {"mean_cosine", "uniformity", "nlad", "cai_lim", "gromov_wasserstein", "hubness", "alignment", "path_distortion"}
)
ALL = "all"

# Directions and weighted votes say little about a map to look at, so up to this dimension they are not in the default.
MAP_DIMENSIONS = 3
_FOR_LINKS = "graphurl.evaluation.links:link_scores"
_FOR_VECTORS = ("graphurl.evaluation.retrieval:weighted_knn", "graphurl.evaluation.retrieval:recall")


def default_metrics(dim: int, links: bool = False) -> list[str]:
    """Names of the metrics that are measured when none are asked for.

    Args:
        dim: Dimension of the embedding: one of up to 3 is a map to look at, one of more a vector to compute with.
        links: Whether edges were held out.

    Returns:
        All of `METRICS`; for a map without weighted votes and retrieval, and links only where there are some.
    """
    left_out = () if dim > MAP_DIMENSIONS else _FOR_VECTORS
    left_out = left_out if links else (*left_out, _FOR_LINKS)
    return [name for name, target in METRICS.items() if target not in left_out]


def requested(metrics: Iterable[str]) -> list[str]:
    """Names that were asked for, each once; an unknown one is refused."""
    names = [metrics] if isinstance(metrics, str) else list(metrics)
    known = targets()
    for name in names:
        if name not in known:
            raise unknown("metric", name, known)
    return list(dict.fromkeys(names))


def targets() -> dict[str, str]:
    """Every metric there is: name → "module:function"."""
    return {**METRICS, **FURTHER, **ON_REQUEST}
