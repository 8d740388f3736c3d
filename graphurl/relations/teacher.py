"""A teacher: vectors of all samples that are given, and that the embedding is compared with."""

from __future__ import annotations

import torch
from torch import Tensor

from graphurl.encoders.base import Encoded
from graphurl.functional.sparse import indicator
from graphurl.relations.relation import Batch, Relation, Source


class Teacher(Source):
    """The batch's embeddings against a teacher's vectors of the batch; p is the identity.

    An encoder that sees less than the teacher did (an MLP without edges, after a filter that has them) learns to
    find from its own input what the teacher found.

    Args:
        vectors: The teacher's vectors, N × d, in the order of the samples; d is the dimension of the embedding.
        unit: Length in the teacher's space of what is 1 in the embedding.
    """

    vectors: Tensor

    def __init__(self, vectors: Tensor, unit: float = 1.0) -> None:
        """Keeps the vectors; they are made from the data again on resuming, so no checkpoint holds them."""
        super().__init__()
        self.unit = unit
        self.register_buffer("vectors", vectors.detach(), persistent=False)

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """The identity, n × n: embeddings against the teacher's vectors."""
        own = torch.arange(len(batch.nodes), device=out.z.device)
        return Relation(self.unit * out.z, self.vectors[batch.nodes], indicator(own, len(own)))
