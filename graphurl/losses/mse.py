"""Squared difference of the two similarities."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphurl.losses.base import PairLoss


@dataclass(frozen=True)
class MSE(PairLoss):
    """Σ w (p - q)² (GenURL, Eq. 8). Minimiser: q* = p.

    Its gradient in log q is -2q(p - q): it vanishes with q, so a positive that starts far away hardly
    returns. Start from a layout that has neighbours roughly together.
    """

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """(p - q)² of each pair."""
        return (p - log_q.exp()) ** 2

    def minimiser(self, p: Tensor) -> Tensor:
        """q* = p."""
        return p


def mse(p: Tensor, log_q: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Mean (or sum) of w (p - q)² over pairs; see `MSE`."""
    return MSE()(p, log_q, weight, reduction)
