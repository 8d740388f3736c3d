"""Binary cross-entropy: each pair is a coin with bias p, the embedding says q."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from graphurl.functional.kernel import log_one_minus
from graphurl.losses.base import PairLoss


@dataclass(frozen=True)
class BCE(PairLoss):
    """-Σ w [p log q + (1 - p) log(1 - q)] (GenURL, Eq. 9; UMAP's cross-entropy). Minimiser: q* = p.

    log(1 - q) comes from log q through expm1, so that neither a far positive (q → 0) nor a near negative
    (q → 1) loses its gradient to an epsilon.
    """

    finite_at_one: ClassVar[bool] = False

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """-p log q - (1 - p) log(1 - q) of each pair."""
        return -(p * log_q + (1 - p) * log_one_minus(log_q))

    def minimiser(self, p: Tensor) -> Tensor:
        """q* = p."""
        return p


def bce(p: Tensor, log_q: Tensor, weight: Tensor | None = None, reduction: str = "mean") -> Tensor:
    """Mean (or sum) of the weighted binary cross-entropy over pairs; see `BCE`."""
    return BCE()(p, log_q, weight, reduction)
