"""How good is an embedding: neighbours kept, labels readable, clusters, spread; numbers with their protocol.

* ``neighborhood``: trustworthiness, continuity, overlap of neighbours between two spaces.
* ``probe``: linear probe, nearest-neighbour accuracy, majority baseline.
* ``retrieval``: weighted nearest neighbours, recall at k.
* ``protocols``: linear protocol of the papers, a fast one; ``finetune``: encoders with few labels.
* ``cluster``: k-means against classes; ``confident``: clusters of the most confident samples.
* ``agreement``: two views of the same samples, without labels.
* ``spread``: effective rank, direction statistics, collapse.
* ``report``: all of them in one call.
"""

from __future__ import annotations

from graphurl.evaluation.agreement import rank_agreement
from graphurl.evaluation.cluster import kmeans_scores
from graphurl.evaluation.confident import confident_accuracy
from graphurl.evaluation.metrics import METRICS, ON_REQUEST
from graphurl.evaluation.neighborhood import continuity, overlap, trustworthiness
from graphurl.evaluation.probe import knn_accuracy, linear_probe, majority
from graphurl.evaluation.protocols import fast_linear, linear_protocol
from graphurl.evaluation.report import Report, evaluate, summarise
from graphurl.evaluation.retrieval import recall, weighted_knn
from graphurl.evaluation.spread import collapse

__all__ = [
    "METRICS",
    "ON_REQUEST",
    "Report",
    "collapse",
    "confident_accuracy",
    "continuity",
    "evaluate",
    "fast_linear",
    "kmeans_scores",
    "knn_accuracy",
    "linear_probe",
    "linear_protocol",
    "majority",
    "overlap",
    "rank_agreement",
    "recall",
    "summarise",
    "trustworthiness",
    "weighted_knn",
]
