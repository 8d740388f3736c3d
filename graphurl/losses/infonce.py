"""InfoNCE: each row picks its positives out of all its columns."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses.kl import KL


@dataclass(frozen=True)
class InfoNCE(KL):
    """-Σ_i Σ_j P(j|i) log [w q^(1/T) / Σ_k w q^(1/T)], P(·|i) = p normalised over the row (van den Oord 2018).

    It is row-normalised KL plus the constant entropy of P, which is 0 for one positive a row, so
    the minimiser is q^(1/T) ∝ p: q* = (p / Σp)^T up to a factor of its row. With a cosine similarity of scale σ,
    log q = (cos - 1)/σ², hence the usual temperature is σ² T.

    Attributes:
        over: Always "rows".
        temperature: T > 0, divides log q.
    """

    over: str = "rows"
    temperature: float = 1.0

    def __post_init__(self) -> None:
        """Refuses other normalisations and temperatures."""
        if self.over != "rows":
            raise InputError(f"over is {self.over!r}: InfoNCE is normalised over rows; use kl for all pairs")
        if not self.temperature > 0:
            raise InputError(f"temperature is {self.temperature}: give a number above 0")

    def partial(self, p: Tensor, log_q: Tensor, weight: Tensor | None = None) -> Tensor:
        """[Σ_i cross-entropy_i, number of rows] of a block."""
        divergence = super().partial(p, log_q / self.temperature, weight)
        wp = p if weight is None else weight * p
        mass = wp.sum(dim=1, keepdim=True)
        share = wp / mass.where(mass > 0, mass.new_ones(()))
        # The weights of a positive belong to P only: the picked logit is log q, as for every other column.
        entropy = -(share * p.where(share > 0, p.new_ones(())).log()).sum(dim=1)
        entropy = entropy + (share.sum(dim=1) * mass.where(mass > 0, mass.new_ones(())).log()[:, 0])
        return divergence + divergence.new_tensor([1.0, 0.0]) * entropy.sum()

    @property
    def _heat(self) -> float:
        return self.temperature

    def _of_shares(self, share: Tensor, log_q: Tensor) -> Tensor:
        """-Σ P log q^(1/T)."""
        return -(share * log_q).sum() / self.temperature

    def minimiser(self, p: Tensor) -> Tensor:
        """q* = (p / Σp)^T, up to a factor of its row."""
        return super().minimiser(p) ** self.temperature


def infonce(
    p: Tensor,
    log_q: Tensor,
    weight: Tensor | None = None,
    reduction: str = "mean",
    *,
    temperature: float = 1.0,
) -> Tensor:
    """InfoNCE over the rows of a relation; see `InfoNCE`."""
    return InfoNCE(temperature=temperature)(p, log_q, weight, reduction)
