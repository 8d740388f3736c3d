"""Relations that a teacher prescribes: the student's embeddings among themselves, or against the teacher's vectors."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded
from graphurl.relations.knowledge import Knowledge
from graphurl.relations.momentum import Momentum
from graphurl.relations.relation import Batch, Relation, Source
from graphurl.relations.views import Views
from graphurl.similarity import Similarity


class Remembered(Source):
    """A source that remembers the last samples by their numbers, around the end of a ring.

    Args:
        size: Samples remembered; 0 for none.
    """

    seen: Tensor
    written: Tensor

    def __init__(self, size: int) -> None:
        """Starts empty."""
        super().__init__()
        self.register_buffer("seen", torch.zeros(size, dtype=torch.int64))
        self.register_buffer("written", torch.zeros((), dtype=torch.int64))

    @property
    def numbers(self) -> Tensor:
        """Numbers of the samples that are remembered so far."""
        return self.seen[: min(int(self.written), len(self.seen))]

    def push(self, nodes: Tensor) -> Tensor:
        """Remembers samples in place of the oldest; returns their places, of as many as there is room for."""
        newest = nodes[-len(self.seen) :] if len(self.seen) else nodes[:0]
        place = (self.written + torch.arange(len(newest), device=newest.device)) % max(1, len(self.seen))
        self.seen[place] = newest
        self.written += len(newest)
        return place


class Taught(Remembered):
    """Embeddings of the batch against the batch and a memory; p is the teacher's similarity of the same samples.

    GenURL's distillation: the teacher's space is well defined for every pair, so p is static and says something of all
    of them. Teacher and student are compared by similarities alone, whatever their dimensions.

    Args:
        knowledge: What the teacher knows.
        similarity: Kernel on the teacher's side.
        memory: Past embeddings that are columns as well.
        dim: Dimension of an embedding.
        slow: A slow copy of the student that fills the memory; absent means the student itself.
        conditional: Divide p by the largest of its row. For losses that normalise rows a factor of a row cancels, so
            none of its entries need underflow.
    """

    past: Tensor

    def __init__(
        self,
        knowledge: Knowledge,
        similarity: Similarity,
        *,
        memory: int = 0,
        dim: int = 0,
        slow: Momentum | None = None,
        conditional: bool = False,
    ) -> None:
        """Starts with an empty memory."""
        super().__init__(memory)
        self.knowledge, self.similarity, self.slow, self.conditional = knowledge, similarity, slow, conditional
        self.register_buffer("past", torch.zeros(memory, dim))
        self._fresh: Tensor | None = None
        self._progress = 0.0

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """Views × (views and memory); a row meets neither itself nor its own past."""
        self._progress = progress
        views = Views.of(batch, out.z).all
        z, own = views.flatten(0, 1), batch.nodes.repeat(len(views))
        if self.slow is not None:
            self._fresh = self.slow(batch)[0]
        remembered = self.numbers
        itself = torch.eye(len(own), dtype=torch.bool, device=z.device)
        left_out = torch.cat([itself, own[:, None] == remembered[None, :]], dim=1)
        columns = torch.cat([own, remembered])
        if self.conditional and self.knowledge.graph is None:
            log_p = self.knowledge.log_p(own, columns, self.similarity)
            highest = log_p.masked_fill(left_out, -torch.inf).amax(dim=1, keepdim=True)
            p = (log_p - highest.clamp_min(torch.finfo(log_p.dtype).min)).clamp(max=0).exp()
        else:
            p = self.knowledge.p(own, columns, self.similarity)
        return Relation(z, torch.cat([z, self.past[: len(remembered)]]), p, left_out=left_out)

    def after_step(self, batch: Batch, out: Encoded) -> None:
        """Remembers the first view of each sample, and lets the slow copy follow."""
        fresh = Views.of(batch, out.z).full[0] if self._fresh is None else self._fresh
        place = self.push(batch.nodes)
        self.past[place] = fresh[len(fresh) - len(place) :].to(self.past.dtype)
        if self.slow is not None:
            self.slow.follow(self._progress)


class Measured(Source):
    """The batch against itself, both sides measured in the same way; p is the teacher's log-similarity.

    For losses of two whole matrices (`losses.matching`).

    Args:
        knowledge: What the teacher knows.
        similarity: Kernel on both sides.
    """

    def __init__(self, knowledge: Knowledge, similarity: Similarity) -> None:
        """There is no state."""
        super().__init__()
        self.knowledge, self.similarity = knowledge, similarity

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """Views × views."""
        views = Views.of(batch, out.z).all
        z, own = views.flatten(0, 1), batch.nodes.repeat(len(views))
        return Relation(z, z, self.knowledge.log_p(own, own, self.similarity))


class Anchors(Remembered):
    """Embeddings against the teacher's vectors: of their own sample, and of others that were seen last.

    With the teacher's similarities to these columns as p this is SEED (Fang et al. 2021), with the sample's own column
    alone it is CRD (Tian et al. 2020). Other samples of the batch are columns where there is no memory.

    Args:
        knowledge: What the teacher knows.
        similarity: Kernel on the teacher's side; absent means that a sample is similar to itself alone.
        memory: Samples remembered.
        project: What the teacher's vectors go through, trained with the student.
    """

    def __init__(
        self,
        knowledge: Knowledge,
        similarity: Similarity | None = None,
        *,
        memory: int = 0,
        project: nn.Module | None = None,
    ) -> None:
        """Starts with an empty memory."""
        super().__init__(memory)
        self.knowledge, self.similarity = knowledge, similarity
        self.project = nn.Identity() if project is None else project

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """Views × (teacher's vectors of the batch, and of the memory)."""
        views = Views.of(batch, out.z).all
        z, own = views.flatten(0, 1), batch.nodes.repeat(len(views))
        columns = torch.cat([batch.nodes, self.numbers])
        same = own[:, None] == columns[None, :]
        p = same.to(z.dtype) if self.similarity is None else self.knowledge.p(own, columns, self.similarity)
        left_out = same.clone()
        # Its own column counts once, and other samples of the batch where nothing is remembered.
        left_out[:, : len(batch.nodes)] = ~same[:, : len(batch.nodes)] if len(self.numbers) else False
        return Relation(z, self.project(self.knowledge.of(columns)), p, left_out=left_out, total=float(len(z)))

    def after_step(self, batch: Batch, out: Encoded) -> None:
        """Remembers the samples of the batch."""
        self.push(batch.nodes)
