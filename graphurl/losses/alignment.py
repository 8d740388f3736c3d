"""Alignment: what is similar is pulled together, and nothing is pushed apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from graphurl.losses.base import PairLoss


@dataclass(frozen=True)
class Alignment(PairLoss):
    """-Σ w p log q / Σ w p: the attraction of BCE, GKL and InfoNCE alone (BYOL, SimSiam).

    With the cosine similarity of scale 1, log q = cos - 1, so it is 1 minus the mean cosine of predictions and
    targets. Minimiser: q* = 1 wherever p > 0, which a constant embedding reaches; what keeps it from that lies
    outside of the loss: targets without gradient, a slow copy, a predictor.
    """

    near_only: ClassVar[bool] = True

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """-p log q of each pair."""
        return -p * log_q

    def partial(self, p: Tensor, log_q: Tensor, weight: Tensor | None = None) -> Tensor:
        """[-Σ w p log q, Σ w p] of a block."""
        wp = p if weight is None else weight * p
        return torch.stack([-(wp * log_q).sum(), wp.sum().to(log_q)])

    def minimiser(self, p: Tensor) -> Tensor:
        """q* = 1 (where p = 0 every q will do)."""
        return torch.ones_like(p)


def alignment(p: Tensor, log_q: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Mean (or sum) of -log q over what is similar; see `Alignment`."""
    return Alignment()(p, log_q, weight, reduction)
