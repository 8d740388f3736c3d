"""General Kullback-Leibler divergence: cross-entropy pulls, an absolute difference holds the scale."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses.base import PairLoss

#: γ as printed in GenURL: sharpens p to min(1, p/γ).
PAPER_GAMMA = 0.1
#: The smallest γ for which the minimiser with power 1 is p itself.
PROPER_GAMMA = 1.0


@dataclass(frozen=True)
class GKL(PairLoss):
    """Σ w [-p log q + γ |p - q|^r] (GenURL, Eq. 11).

    Minimiser. Take r = 1. Below p both terms fall as q grows. Above p the slope is γ - p/q, which is zero at
    q = p/γ. So for γ < 1 the loss overshoots to q* = min(1, p/γ), and from γ = 1 on it rests at q* = p.
    The paper's γ = 0.1 therefore *sharpens*: p = 0.05 asks for q = 0.5, and everything above 0.1 for
    q = 1. That is harmless for p in {0, 1} (views of one image) and changes the target for graded p, hence
    the default γ = 1 here; `PAPER_GAMMA` restores the printed form.
    For r = 2 the root of 2γq(q - p) = p is q* = min(1, (p + √(p² + 2p/γ))/2), above p for every γ.

    Attributes:
        gamma: Weight γ > 0 of the difference.
        power: Exponent r ≥ 1 of the difference.
    """

    gamma: float = PROPER_GAMMA
    power: float = 1.0

    def __post_init__(self) -> None:
        """Refuses a weight or an exponent without a minimum."""
        if not self.gamma > 0:
            raise InputError(f"gamma is {self.gamma}: the weight of |p - q| is a number above 0")
        if not self.power >= 1:
            raise InputError(f"power is {self.power}: the exponent of |p - q| is 1 or more")

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """-p log q + γ |p - q|^r of each pair."""
        difference = (p - log_q.exp()).abs()
        return -p * log_q + self.gamma * (difference if self.power == 1 else difference**self.power)

    def minimiser(self, p: Tensor) -> Tensor:
        """q*(p) in [0, 1]: closed for r = 1 and r = 2, by bisection of the slope otherwise."""
        if self.power == 1:
            return torch.clamp(p / min(self.gamma, 1.0), max=1.0)
        if self.power == 2:
            return torch.clamp((p + (p**2 + 2 * p / self.gamma).sqrt()) / 2, max=1.0)
        low, high = p.clone(), torch.ones_like(p)
        for _ in range(80):
            q = (low + high) / 2
            rising = self.gamma * self.power * (q - p) ** (self.power - 1) > p / q
            low, high = torch.where(rising, low, q), torch.where(rising, q, high)
        return (low + high) / 2


def gkl(
    p: Tensor,
    log_q: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    *,
    gamma: float = PROPER_GAMMA,
    power: float = 1.0,
) -> Tensor:
    """Mean (or sum) of the general Kullback-Leibler divergence over pairs; see `GKL`."""
    return GKL(gamma, power)(p, log_q, weight, reduction)
