"""Relations: rows, columns and the similarity prescribed between them, for every task."""

from __future__ import annotations

from graphurl.relations.batches import EdgeBatches, FullBatch, balanced_far_weight
from graphurl.relations.feeds import GraphFeed, IndexFeed, Portions, RowFeed, SampledFeed
from graphurl.relations.objective import Objective, Term
from graphurl.relations.relation import Batch, Draw, Relation, Source
from graphurl.relations.routes import evaluate
from graphurl.relations.sources import Dynamic, Static

__all__ = [
    "Batch",
    "Draw",
    "Dynamic",
    "EdgeBatches",
    "FullBatch",
    "GraphFeed",
    "IndexFeed",
    "Objective",
    "Portions",
    "Relation",
    "RowFeed",
    "SampledFeed",
    "Source",
    "Static",
    "Term",
    "balanced_far_weight",
    "evaluate",
]
