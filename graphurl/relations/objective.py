"""The objective: an encoder and a weighted sum of terms over the batches of one draw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder
from graphurl.functional.ranks import ALONE, Ranks
from graphurl.losses.base import Loss
from graphurl.relations.relation import Batch, Draw, Source
from graphurl.relations.routes import evaluate
from graphurl.similarity import Similarity


@dataclass
class Term:
    """One comparison of prescribed and embedded similarity.

    Attributes:
        name: How the term is called in the log.
        source: Makes the relation.
        similarity: Kernel of the embedded side.
        loss: The divergence.
        weight: Factor of the term in the objective.
        head: A module put on the embedding. Terms that share a head share one pass through it.
        rising: Let the weight grow from 0 to its value over the run, for a term that reads what is learnt first.
    """

    name: str
    source: Source
    similarity: Similarity
    loss: Loss
    weight: float = 1.0
    head: nn.Module = field(default_factory=nn.Identity)
    rising: bool = False

    def weight_at(self, progress: float) -> float:
        """The factor when a share of the training is done."""
        return self.weight * progress if self.rising else self.weight


class Objective(nn.Module):
    """All that is trained, and the number that training makes small. The trainer sees nothing else.

    Args:
        encoder: Places the samples.
        draw: Yields batches.
        terms: What to compare; their weighted sum is the loss.
        ranks: The processes that share the run. Each embeds its own nodes of a batch (`OwnFeed`).
        num_nodes: Number of samples; it says whose a node is, and is needed with several processes only.
    """

    def __init__(
        self, encoder: Encoder, draw: Draw, terms: Sequence[Term], *, ranks: Ranks = ALONE, num_nodes: int = 0
    ) -> None:
        """Registers encoder, heads and sources, so that one state holds them all."""
        super().__init__()
        self.ranks, self.num_nodes = ranks, num_nodes
        self.encoder = encoder
        self.draw = draw
        self.terms = list(terms)
        self.sources = nn.ModuleList(term.source for term in terms)
        self.heads = nn.ModuleList(term.head for term in terms)
        self._last: tuple[Batch, list[Encoded]] | None = None

    @property
    def steps(self) -> int:
        """Batches in an epoch."""
        return self.draw.steps

    def encode(self, batch: Batch) -> Encoded:
        """Embeds a batch, the part of every process; losses run in float32 whatever the encoder's precision."""
        out: Encoded = self.encoder(batch.inputs)
        rows = [h.float() if h.dtype in (torch.bfloat16, torch.float16) else h for h in (out.z, *out.hidden)]
        if self.ranks.size > 1:
            counts = self.ranks.counts(batch.nodes, self.num_nodes)
            rows = [self.ranks.gather(h, counts) for h in rows]
        return Encoded(rows[0], tuple(rows[1:]))

    def forward(self, batch: Batch, progress: float) -> tuple[Tensor, dict[str, float]]:
        """The loss of a batch.

        Args:
            batch: From `draw`.
            progress: Share of the training done, from 0 to 1.

        Returns:
            The weighted sum of the terms, and each term's own value.
        """
        out = self.encode(batch)
        total = out.z.new_zeros(())
        values: dict[str, float] = {}
        with torch.autocast(out.z.device.type, enabled=False):
            placed = self._placed(out)
            for term, seen in zip(self.terms, placed, strict=True):
                relations = term.source.relations(batch, seen, progress)
                loss = term.loss.at(progress)
                parts = [evaluate(each, term.similarity, loss, ranks=self.ranks)[0] for each in relations]
                value = torch.stack(parts).mean()
                total = total + term.weight_at(progress) * value
                if len(self.terms) > 1:
                    values[term.name] = value.item()
        detached = [Encoded(seen.z.detach(), tuple(h.detach() for h in seen.hidden)) for seen in placed]
        self._last = (batch, detached)
        return total, values

    def _placed(self, out: Encoded) -> list[Encoded]:
        """What each term sees: its head's output, and below it the encoder's as the last hidden layer."""
        seen: dict[int, Encoded] = {}
        for term in self.terms:
            if id(term.head) not in seen:
                bare = isinstance(term.head, nn.Identity)
                hidden = out.hidden if bare else (*out.hidden, out.z)
                seen[id(term.head)] = Encoded(term.head(out.z), hidden)
        return [seen[id(term.head)] for term in self.terms]

    def after_step(self) -> Tensor:
        """Lets the sources update their state; returns what the first term saw of the last batch."""
        if self._last is None:
            raise RuntimeError("after_step comes after a forward pass")
        batch, placed = self._last
        with torch.no_grad():
            for term, seen in zip(self.terms, placed, strict=True):
                term.source.after_step(batch, seen)
        return placed[0].z

    def calibrate(self, generator: torch.Generator, *, mu: bool, sigma: bool) -> None:
        """Takes μ_Z and σ_Z of every term from a first batch."""
        if not (mu or sigma):
            return
        weight = next(self.encoder.parameters(), None)
        batch = self.draw(generator).to(torch.device("cpu") if weight is None else weight.device)
        training = self.training
        self.eval()
        with torch.no_grad():
            placed = self._placed(self.encode(batch))
        self.train(training)
        for term, seen in zip(self.terms, placed, strict=True):
            term.similarity = term.similarity.calibrated(seen.z, mu=mu, sigma=sigma)
