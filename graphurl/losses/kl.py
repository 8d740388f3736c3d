"""Kullback-Leibler divergence between similarities that are normalised over rows or over all pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.undirected import Pairs
from graphurl.losses.base import FarSum, Loss, NearSum

NORMALISATIONS = ("rows", "all")


@dataclass(frozen=True)
class KL(Loss):
    """Σ P log(P / Q) with P = w p / Σ w p and Q = w q / Σ w q, over each row (SNE) or all pairs (t-SNE).

    Without the normalisation the loss has the trivial solution q → 1. With it q is found up to a factor:
    the minimiser is q* ∝ p, stated here with unit sum. A row without any p is left out. On a sampled
    relation the weights enter log Σ w q; the estimate is then consistent but, being the logarithm of a mean,
    not unbiased.

    With `push` c the loss is Σ P log(P / q) + c log Σ w q: the pull of the edges against c times the push of all pairs.
    t-SNE's exaggeration ρ is c = 1/ρ (and a learning rate ρ times as large); below 1 clusters draw together, which
    slides from t-SNE to UMAP (Böhm, Berens and Kobak 2022), and q has no minimiser of its own.

    Attributes:
        over: "all" (joint, one number) or "rows" (conditional, mean over rows).
        push: c > 0.
        early_push: c during the first part of the training.
        early: The share of the training that is its first part.
    """

    additive: ClassVar[bool] = False
    over: str = "all"
    push: float = 1.0
    early_push: float = 1.0
    early: float = 0.0

    def __post_init__(self) -> None:
        """Refuses an unknown normalisation and weights without a meaning."""
        if self.over not in NORMALISATIONS:
            raise unknown("normalisation", self.over, NORMALISATIONS)
        for name in ("push", "early_push"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise InputError(f"{name} is {getattr(self, name)}: the weight of the normaliser is a number above 0")
        if not 0 <= self.early <= 1:
            raise InputError(f"early is {self.early}: give the share of the training that early_push holds, 0 to 1")

    @property
    def summable(self) -> bool:
        """With one normaliser for all pairs; those of rows need the rows."""
        return self.over == "all"

    def at(self, progress: float) -> Self:
        """With `early_push` in the first part."""
        return replace(self, push=self.early_push, early=0.0) if progress < self.early else self

    def partial(self, p: Tensor, log_q: Tensor, weight: Tensor | None = None) -> Tensor:
        """[Σ w p log(p/q), Σ w p, log Σ w q] of a block; for rows [Σ_i KL_i, number of rows]."""
        if p.ndim != 2:
            raise InputError(f"p has {p.ndim} dimension(s): a normalised loss needs rows × columns")
        wp = p if weight is None else weight * p
        log_wq = log_q if weight is None else torch.where(weight > 0, log_q + _safe_log(weight), -math.inf)
        cross = torch.special.xlogy(wp, p) - wp * log_q
        if self.over == "all":
            return torch.stack([cross.sum(), wp.sum(), torch.logsumexp(log_wq.flatten(), 0)])
        mass = wp.sum(dim=1)
        kept = mass > 0
        safe = torch.where(kept, mass, torch.ones_like(mass))
        log_z = torch.logsumexp(torch.where(kept[:, None], log_wq, torch.zeros_like(log_wq)), dim=1)
        row = cross.sum(dim=1) / safe - safe.log() + self.push * log_z
        return torch.stack([torch.where(kept, row, torch.zeros_like(row)).sum(), kept.sum().to(row)])

    def of_entries(
        self, row: Tensor, p: Tensor, log_q: Tensor, rows: int, log_z: Callable[[Tensor, float], Tensor]
    ) -> Tensor:
        """The statistics of `partial` over rows, from the few pairs with p > 0 and the normalisers of all rows.

        Args:
            row: The row of each such pair.
            p: Its prescribed similarity, above 0.
            log_q: Log of its embedded similarity.
            rows: Number of rows of the block.
            log_z: Gives Σ_i k_i log Σ_j q_ij^(1/T) over all pairs, for k_i ≥ 0 and T.
        """
        mass = p.new_zeros(rows).index_add(0, row, p)
        share = p / mass[row]
        kept = (mass > 0).to(log_q)
        return torch.stack([self._of_shares(share, log_q) + self.push * log_z(kept, self._heat), kept.sum()])

    def of_sums(self, edges: Pairs, pairs: float, far_weight: float, near: NearSum, everywhere: FarSum) -> Tensor:
        """[Σ p log(p/q), Σ p, log Σ w q] over all pairs."""
        if self.over != "all":
            raise InputError("over is 'rows': a normaliser for each row needs the rows, not sums over all pairs")
        mass = far_weight * everywhere(torch.exp)
        if far_weight != 1:
            mass = mass + (1 - far_weight) * near(lambda log_q, _: log_q.exp())
        cross = edges.information - near(lambda log_q, p: p * log_q)
        return torch.stack([cross, edges.mass, mass.log()])

    @property
    def _heat(self) -> float:
        """T: what log q is divided by before it is normalised."""
        return 1.0

    def _of_shares(self, share: Tensor, log_q: Tensor) -> Tensor:
        """Σ P log(P / q), q not yet normalised."""
        return (share * (share.log() - log_q)).sum()

    def combine(self, parts: Tensor, reduction: str = "mean") -> Tensor:
        """KL(P ‖ Q); over rows the mean or the sum of the rows' divergences."""
        if self.over == "rows":
            total, count = parts.sum(dim=0).unbind()
            mean: Tensor = total / count.clamp_min(1)
            return mean if reduction == "mean" else total
        mass = parts[:, 1].sum()
        if not mass > 0:
            return parts[:, 0].sum() * 0
        return parts[:, 0].sum() / mass - mass.log() + self.push * torch.logsumexp(parts[:, 2], 0)

    def minimiser(self, p: Tensor) -> Tensor:
        """q* ∝ p: p divided by its sum over rows or over all pairs."""
        return p / (p.sum(dim=1, keepdim=True) if self.over == "rows" else p.sum())


def kl(
    p: Tensor, log_q: Tensor, weight: Tensor | None = None, reduction: str = "mean", *, over: str = "all"
) -> Tensor:
    """Kullback-Leibler divergence normalised over all pairs or over rows; see `KL`."""
    return KL(over)(p, log_q, weight, reduction)


def _safe_log(weight: Tensor) -> Tensor:
    return torch.where(weight > 0, weight, torch.ones_like(weight)).log()
