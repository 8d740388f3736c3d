"""Losses of two whole matrices: what the teacher measures of all pairs of a batch, and what the student does.

Both matrices are logs of the same kernel, exp(-d²/2), so that a distance is √(-2 log q) and a cosine 1 + log q. The
teacher's comes as its logarithm as well: a large distance keeps its value where the similarity itself underflows.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from graphurl.errors import InputError
from graphurl.losses.base import Loss
from graphurl.similarity import Inner, Similarity

#: Triplets whose angles are held at a time.
TRIPLETS = 2**22


@dataclass(frozen=True)
class Matching(Loss):
    """A loss of two square matrices, rows and columns the same samples; pairs have no weights.

    The minimiser is the teacher's matrix (and whatever the loss cannot tell from it).
    """

    additive: ClassVar[bool] = False
    #: How both sides are measured.
    measure: ClassVar[Similarity] = Similarity(metric="cosine")

    @abstractmethod
    def compare(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """The loss of two square matrices."""

    def partial(self, p: Tensor, log_q: Tensor, weight: Tensor | None = None) -> Tensor:
        """The loss itself: a matrix is compared as a whole."""
        if p.ndim != 2 or p.shape[0] != p.shape[1]:
            raise InputError(
                f"the matrix is {' × '.join(map(str, p.shape))}: this loss compares a whole batch with itself, "
                "take a smaller batch and no memory"
            )
        if weight is not None:
            raise InputError("pairs have weights: this loss compares a whole batch with itself, take bce or gkl")
        return self.compare(p, log_q)[None]

    def combine(self, parts: Tensor, reduction: str = "mean") -> Tensor:
        """The loss of the one block there is."""
        return parts.sum()

    def minimiser(self, p: Tensor) -> Tensor:
        """The teacher's own similarities, of which p is the logarithm."""
        return p.exp()


@dataclass(frozen=True)
class RKD(Matching):
    """Relational knowledge distillation: distances and angles (Park et al. 2019).

    Distances ψ = d / mean d and the cosines of all angles that three samples make are compared by the Huber loss l_δ,
    δ = 1. An angle is a function of three distances, cos ∠ijk = (d_ij² + d_jk² - d_ik²) / (2 d_ij d_jk), so it too is
    read from the matrix. All n³ triplets are taken: batches of 64 to 256.

    Attributes:
        distance: Weight of the distances.
        angle: Weight of the angles.
    """

    measure: ClassVar[Similarity] = Similarity(metric="euclidean")
    distance: float = 1.0
    angle: float = 2.0

    def compare(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """λ_D mean l_δ(ψ) over pairs i ≠ j, and λ_A mean l_δ(cos ∠) over triplets, coinciding points as 0."""
        teacher, student = _distances(log_p), _distances(log_q)
        loss = self.distance * _huber(_relative(student), _relative(teacher)).sum() / max(1, _pairs(teacher))
        if not self.angle:
            return loss
        n = len(log_p)
        sums = []
        for start in range(0, n, max(1, TRIPLETS // (n * n))):
            corners = slice(start, min(start + max(1, TRIPLETS // (n * n)), n))
            part = checkpoint(_angles_apart, student, teacher, corners, use_reentrant=False, preserve_rng_state=False)
            sums.append(part)
        return loss + self.angle * torch.stack(sums).sum() / n**3


@dataclass(frozen=True)
class PKT(Matching):
    """Probabilistic knowledge transfer: each sample's distribution over the others (Passalis and Tefas 2018).

    With the affine kernel K = (1 + cos) / 2 and p_{j|i} = K_ij / Σ_{k≠i} K_ik of both sides: mean over i of
    Σ_j p_{j|i} log(p_{j|i} / q_{j|i}).
    """

    def compare(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """KL over rows."""
        off = ~torch.eye(len(log_p), dtype=torch.bool, device=log_p.device)
        tiny = torch.finfo(log_q.dtype).eps
        share, guess = (((2 + log) / 2).clamp_min(tiny) * off for log in (log_p, log_q))
        share, guess = (rows / rows.sum(dim=1, keepdim=True) for rows in (share, guess))
        # A sample with itself is no pair; the logarithm of its 0 would have no slope.
        share, guess = (torch.where(off, rows, torch.ones_like(rows)) for rows in (share, guess))
        return (share * (share.log() - guess.log())).sum(dim=1).mean()


@dataclass(frozen=True)
class SP(Matching):
    """Similarity-preserving distillation: inner products, row by row (Tung and Mori 2019).

    G = Z Zᵀ with rows brought to length 1, of both sides: ‖G_T - G_S‖² / n².
    """

    measure: ClassVar[Similarity] = Inner()

    def compare(self, log_p: Tensor, log_q: Tensor) -> Tensor:
        """Mean squared difference of the two matrices."""
        teacher, student = (torch.nn.functional.normalize(g, dim=1) for g in (log_p, log_q))
        return (teacher - student).square().mean()


def _distances(log: Tensor) -> Tensor:
    """D of every pair, with a gradient of 0 where two points coincide, as a sample does with itself."""
    d2 = -2 * log
    apart = (d2 > 0) & ~torch.eye(len(log), dtype=torch.bool, device=log.device)
    return torch.where(apart, d2, torch.ones_like(d2)).sqrt() * apart


def _pairs(d: Tensor) -> int:
    return len(d) * (len(d) - 1)


def _relative(d: Tensor) -> Tensor:
    """Distances in units of their mean over pairs of different points."""
    mean = d.sum() / (d > 0).sum().clamp_min(1)
    return d / torch.where(mean > 0, mean, torch.ones_like(mean))


def _angles_apart(student: Tensor, teacher: Tensor, corners: slice) -> Tensor:
    """Σ l_δ over the angles at some corners."""
    return _huber(_cosines(student, corners), _cosines(teacher, corners)).sum()


def _cosines(d: Tensor, corners: slice) -> Tensor:
    """Cos ∠ijk for corners j: entry (j, i, k); 0 where the corner is one of the two points."""
    side = d[corners]
    d2 = d.square()
    dot = (side.square()[:, :, None] + side.square()[:, None, :] - d2[None]) / 2
    product = side[:, :, None] * side[:, None, :]
    apart = product > 0
    return torch.where(apart, dot, torch.zeros_like(dot)) / torch.where(apart, product, torch.ones_like(product))


def _huber(a: Tensor, b: Tensor) -> Tensor:
    return torch.nn.functional.smooth_l1_loss(a, b, reduction="none")
