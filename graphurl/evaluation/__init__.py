"""How good is an embedding: neighbours kept, labels readable, clusters, spread; numbers with their protocol.

* ``neighborhood``: trustworthiness, continuity, overlap of neighbours between two spaces.
* ``probe``: linear probe, nearest-neighbour accuracy, majority baseline.
* ``cluster``: k-means against classes.
* ``spread``: effective rank, direction statistics, collapse.
* ``report``: all of them in one call.
"""

from __future__ import annotations

from graphurl.evaluation.cluster import kmeans_scores
from graphurl.evaluation.neighborhood import continuity, overlap, trustworthiness
from graphurl.evaluation.probe import knn_accuracy, linear_probe, majority
from graphurl.evaluation.report import METRICS, Report, evaluate, summarise
from graphurl.evaluation.spread import collapse

__all__ = [
    "METRICS",
    "Report",
    "collapse",
    "continuity",
    "evaluate",
    "kmeans_scores",
    "knn_accuracy",
    "linear_probe",
    "majority",
    "overlap",
    "summarise",
    "trustworthiness",
]
