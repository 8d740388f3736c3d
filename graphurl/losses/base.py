"""What every loss is: a divergence between p and q over a relation, computed by parts that add up."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import ClassVar, Self

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.undirected import Pairs

REDUCTIONS = ("mean", "sum")

#: Adds up a function of log q and p over the entries of p, and one of log q over all pairs.
NearSum = Callable[[Callable[[Tensor, Tensor], Tensor]], Tensor]
FarSum = Callable[[Callable[[Tensor], Tensor]], Tensor]


@dataclass(frozen=True)
class Loss(ABC):
    """A divergence L(p, q) between prescribed and embedded similarity, given log q.

    Each loss is a map and a reduction: `partial` turns a block of rows into a few statistics, `combine` turns
    the statistics of all blocks into one number. Hence the same loss runs over a dense relation at once, or
    in chunks that are recomputed in the backward pass, with the same result.
    """

    #: The loss is a plain sum over pairs, so that weighted samples estimate it without bias.
    additive: ClassVar[bool] = True
    #: Whether it stays finite, and its slope too, where q of a far pair reaches 1.
    finite_at_one: ClassVar[bool] = True
    #: Pairs with p = 0 count for nothing.
    near_only: ClassVar[bool] = False

    @property
    def summable(self) -> bool:
        """Whether it is known from sums over the entries of p and sums over all pairs (`of_sums`)."""
        return False

    @abstractmethod
    def partial(self, p: Tensor, log_q: Tensor, weight: Tensor | None = None) -> Tensor:
        """Statistics of a block of rows.

        Args:
            p: Prescribed similarity of the block, rows × columns.
            log_q: Log of the embedded similarity, of the same shape.
            weight: How often each pair counts; absent means once. Zero leaves a pair out.

        Returns:
            A vector of statistics, the same length for every block.
        """

    @abstractmethod
    def combine(self, parts: Tensor, reduction: str = "mean") -> Tensor:
        """One number from the statistics of all blocks, stacked along the first dimension."""

    @abstractmethod
    def minimiser(self, p: Tensor) -> Tensor:
        """The q*(p) at which the loss is smallest, for each entry of p (or for the whole matrix)."""

    def __call__(
        self, p: Tensor, log_q: Tensor, weight: Tensor | None = None, reduction: str = "mean"
    ) -> Tensor:
        """The loss over one block that is the whole relation."""
        p, log_q, weight = aligned(p, log_q, weight)
        if reduction not in REDUCTIONS:
            raise unknown("reduction", reduction, REDUCTIONS)
        return self.combine(self.partial(p, log_q, weight)[None], reduction)

    def of_sums(self, edges: Pairs, pairs: float, far_weight: float, near: NearSum, everywhere: FarSum) -> Tensor:
        """The statistics of `partial` over a whole relation, from sums that never list its far pairs.

        Args:
            edges: The pairs that have any prescribed similarity, and it: one number above 0 for both directions.
            pairs: Number of all pairs, both directions counted.
            far_weight: How often a pair with p = 0 counts; the others count once.
            near: Adds up a function of log q and of the entry over the pairs of `edges`, twice each.
            everywhere: Adds up a function of log q over all pairs, both directions.
        """
        raise NotImplementedError

    def at(self, progress: float) -> Self:
        """The loss in force when a share of the training is done; by default the same all through."""
        return self

    def config(self) -> dict[str, object]:
        """The settings of the loss as plain values."""
        return asdict(self)


@dataclass(frozen=True)
class PairLoss(Loss):
    """A loss that is a sum of one function over all pairs."""

    @property
    def summable(self) -> bool:
        """It is."""
        return True

    @abstractmethod
    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """The loss of each pair."""

    def partial(self, p: Tensor, log_q: Tensor, weight: Tensor | None = None) -> Tensor:
        """[Σ w ℓ, Σ w] of a block."""
        value = self.pairwise(p, log_q)
        if weight is None:
            return torch.stack([value.sum(), value.new_tensor(float(value.numel()))])
        return torch.stack([(weight * value).sum(), weight.sum().to(value)])

    def of_far(self, log_q: Tensor) -> Tensor:
        """The loss of pairs with p = 0."""
        return self.pairwise(log_q.new_zeros(()), log_q)

    def of_sums(self, edges: Pairs, pairs: float, far_weight: float, near: NearSum, everywhere: FarSum) -> Tensor:
        """Every pair as if it were far, and what the near ones differ from that."""
        value = near(lambda log_q, p: self.pairwise(p, log_q) - far_weight * self.of_far(log_q))
        if far_weight:
            value = value + far_weight * everywhere(self.of_far)
        near_pairs = 2 * len(edges.value)
        return torch.stack([value, value.new_tensor(near_pairs + far_weight * (pairs - near_pairs))])

    def combine(self, parts: Tensor, reduction: str = "mean") -> Tensor:
        """Σ w ℓ, divided by Σ w for the mean."""
        total, mass = parts.sum(dim=0).unbind()
        mean: Tensor = total / mass.clamp_min(torch.finfo(mass.dtype).tiny)
        return mean if reduction == "mean" else total


def aligned(p: Tensor, log_q: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Brings p, log q and the weights to dense tensors of one shape and at least float32.

    A sparse p lists the pairs that are similar at all; every other pair has p = 0.
    """
    p = p.to_dense() if p.layout != torch.strided else p
    if weight is not None and weight.layout != torch.strided:
        weight = weight.to_dense()
    if p.shape != log_q.shape:
        raise InputError(
            f"p has shape {tuple(p.shape)} and log q {tuple(log_q.shape)}: both must list the same pairs"
        )
    if weight is not None and weight.shape != p.shape:
        raise InputError(f"weight has shape {tuple(weight.shape)} and p {tuple(p.shape)}: give one weight a pair")
    wide = log_q if log_q.dtype == torch.float64 else log_q.float()
    return p.to(wide.dtype), wide, None if weight is None else weight.to(wide.dtype)
