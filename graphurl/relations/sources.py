"""Relation sources for a fixed graph: static p_X, and p_X that hands over to the network's own view."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from graphurl.encoders.base import Encoded
from graphurl.errors import InputError
from graphurl.functional.distance import squared_distances
from graphurl.relations.relation import Batch, Relation, Source, pair_weight
from graphurl.similarity import Similarity


class Static(Source):
    """p = p_X of the batch's nodes, the same all through training."""

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """The batch against itself."""
        if batch.p is None:
            raise InputError("the batch carries no p: draw it from a graph (FullBatch or EdgeBatches)")
        return Relation(
            out.z, out.z, batch.p, batch.weight, batch.far_weight, same=True, pairs=batch.pairs,
            columns=batch.columns, total=batch.total
        )


class Dynamic(Source):
    """p' = clip(β p_X + p_{Z,l}), β from 1 to 0 over training (GenURL, Eq. 7).

    p_{Z,l} is the similarity of a hidden layer's output, without gradient. Uncalibrated it is useless: after an
    activation all cosines are high, every far pair is prescribed as near, and BCE collapses. So its scale
    is found anew in each batch, by bisection, such that its mean equals the mean of p_X over the batch: the
    hidden layer may move similarity from one pair to another, but not make more of it than the graph has.

    As printed, p_{Z,l} counts in full from the first step, when the layer knows nothing. With `rising` its weight is
    1 - β instead, p' = β p_X + (1 - β) p_{Z,l}: views of pictures need it (measured: lab book).

    Args:
        similarity: Kernel of the hidden layer; its σ and μ are replaced by the calibration.
        given: Source of the relation that p_{Z,l} is added to: p_X of a graph, or positives among views.
        layer: Index of the hidden layer, counted as in a list (-1 is the last).
        rows: Number of rows on which the scale is calibrated.
        rising: Weigh p_{Z,l} by 1 - β.
    """

    def __init__(
        self,
        similarity: Similarity | None = None,
        *,
        given: Source | None = None,
        layer: int = -1,
        rows: int = 128,
        rising: bool = False,
    ) -> None:
        """Keeps the settings; there is no state."""
        super().__init__()
        self.given = given or Static()
        self.similarity = similarity or Similarity(nu=100.0)
        self.layer, self.rows, self.rising = layer, rows, rising

    def relate(self, batch: Batch, out: Encoded, progress: float) -> Relation:
        """The batch against itself, with the hidden layer's similarity added."""
        relation = self.given.relate(batch, out, progress)
        p, weight = relation.block(0, len(relation.rows))
        if weight is None:
            weight = pair_weight(p, 1.0, 0)
        with torch.no_grad():
            hidden = self.given.compared(batch, self._hidden(out)).detach().to(p.dtype)
            own = self.own_similarity(hidden, p, weight)
            mixed = ((1 - progress) * p + (progress if self.rising else 1.0) * own).clamp(max=1.0)
        return replace(relation, p=mixed, weight=weight, pairs=None)

    def own_similarity(self, hidden: Tensor, p: Tensor, weight: Tensor) -> Tensor:
        """p_{Z,l} of all pairs, its weighted mean matched to that of p."""
        d = squared_distances(hidden, metric=self.similarity.metric).clamp_min(0).sqrt()
        size = len(d)
        # Rows spread evenly over the batch: nodes are sorted, and so may be their classes.
        picked = torch.linspace(0, size - 1, min(size, self.rows), device=d.device).long()
        off = d.masked_fill(torch.eye(size, dtype=torch.bool, device=d.device), torch.inf)
        nearest = off.min(dim=1).values
        nearest = torch.where(nearest.isfinite(), nearest, torch.zeros_like(nearest))
        excess = (d - nearest[:, None]).clamp_min(0)
        # Made symmetric before the scale is sought: done afterwards it would add to the mean.
        excess = torch.minimum(excess, excess.T)
        mass = (weight[picked] * p[picked]).sum()
        sigma = self._matching_scale(excess[picked], weight[picked], mass)
        own = replace(self.similarity, sigma=1.0, mu=0.0).log((excess / sigma) ** 2).exp()
        # Nearest pairs have similarity 1 at every scale; where they alone exceed the mass, all are lowered.
        reached = (weight[picked] * own[picked]).sum()
        own = own * (mass / reached.clamp_min(torch.finfo(own.dtype).tiny)).clamp(max=1.0)
        return own.fill_diagonal_(0)

    def _matching_scale(self, excess: Tensor, weight: Tensor, mass: Tensor) -> Tensor:
        """σ with Σ w κ(excess/σ) = mass, by bisection of log σ."""
        kernel = replace(self.similarity, sigma=1.0, mu=0.0)
        positive = excess[excess > 0]
        middle = positive.mean().log() if len(positive) else excess.new_zeros(())
        low, high = middle - 15, middle + 15
        for _ in range(30):
            sigma = (low + high) / 2
            too_much = (weight * kernel.log((excess / sigma.exp()) ** 2).exp()).sum() > mass
            low, high = torch.where(too_much, low, sigma), torch.where(too_much, sigma, high)
        return ((low + high) / 2).exp()

    def _hidden(self, out: Encoded) -> Tensor:
        if not out.hidden:
            return out.z
        try:
            return out.hidden[self.layer]
        except IndexError:
            raise InputError(
                f"hidden layer {self.layer} does not exist: the encoder has {len(out.hidden)} of them, "
                f"choose {-len(out.hidden)} to {len(out.hidden) - 1}"
            ) from None
