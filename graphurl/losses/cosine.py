"""Losses on the cosine itself: distance enhancement and the redundancy reduction of Barlow Twins.

With the cosine metric, ν = ∞ and σ = 1, log q = cos - 1. Both losses read the cosine as 1 + log q.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphurl.losses.base import PairLoss


@dataclass(frozen=True)
class DistanceEnhancement(PairLoss):
    """Σ w (1 - p) (1 + log q): the mean cosine of what is not similar (DE, Eq. 2 and 4).

    It has no minimum in q for a single far pair: every far pair is pushed towards the opposite side. The sum over
    all pairs of N unit rows is |Σ z|² - N, so it is smallest when the rows balance out; it adds to a
    contrastive loss what that does not yet do at a high temperature. As q* the far end of the kernel is stated.
    """

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """(1 - p) cos of each pair."""
        return (1 - p) * (1 + log_q)

    def minimiser(self, p: Tensor) -> Tensor:
        """q* = 0 for every pair with p < 1; a pair with p = 1 counts for nothing."""
        return torch.zeros_like(p)


@dataclass(frozen=True)
class CrossCorrelation(PairLoss):
    """Σ w (p - cos)² over pairs of features (Zbontar et al. 2021). Minimiser: cos = p, that is q* = exp(p - 1).

    Barlow Twins is this loss on a relation whose rows and columns are the features of two views, centred over
    the batch: the cosine of two centred columns is their correlation. p is the identity, and pairs off the
    diagonal weigh λ.
    """

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """(p - cos)² of each pair."""
        return (p - (1 + log_q)) ** 2

    def minimiser(self, p: Tensor) -> Tensor:
        """q* = exp(p - 1)."""
        return torch.exp(p - 1)


def distance_enhancement(
    p: Tensor, log_q: Tensor, weight: Tensor | None = None, reduction: str = "mean"
) -> Tensor:
    """Mean (or sum) of the cosine of what is not similar; see `DistanceEnhancement`."""
    return DistanceEnhancement()(p, log_q, weight, reduction)


def cross_correlation(p: Tensor, log_q: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Mean (or sum) of (p - cos)²; see `CrossCorrelation`."""
    return CrossCorrelation()(p, log_q, weight, reduction)
