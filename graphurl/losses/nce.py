"""Noise-contrastive estimation: is this pair a sample with itself, or with noise?"""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import logsigmoid

from graphurl.errors import InputError
from graphurl.losses.base import PairLoss


@dataclass(frozen=True)
class NCE(PairLoss):
    """-Σ w [p log h + (1 - p) log(1 - h)], h = e^{s/T} / (e^{s/T} + c) (CRD, Tian et al. 2020, Eq. 10 and 19).

    s is the cosine, 1 + log q. With e^{s/T} / Z in place of e^{s/T}, Z its sum over the M samples that N negatives are
    drawn from, N/M of the paper becomes c = N Z / M, which is what is asked for here. Minimiser: h = p, that is
    log q = T (log c + logit p) - 1 within what a cosine can be.

    Attributes:
        temperature: T > 0.
        noise: c > 0.
    """

    temperature: float = 0.07
    noise: float = 1.0

    def __post_init__(self) -> None:
        """Refuses numbers without a meaning."""
        for name in ("temperature", "noise"):
            if not (getattr(self, name) > 0 and math.isfinite(getattr(self, name))):
                raise InputError(f"{name} is {getattr(self, name)}: give a finite number above 0")

    def pairwise(self, p: Tensor, log_q: Tensor) -> Tensor:
        """-p log h - (1 - p) log(1 - h) of each pair."""
        odds = (1 + log_q) / self.temperature - math.log(self.noise)
        return -(p * logsigmoid(odds) + (1 - p) * logsigmoid(-odds))

    def minimiser(self, p: Tensor) -> Tensor:
        """exp(T (log c + logit p) - 1), at most 1."""
        return (self.temperature * (math.log(self.noise) + p.logit()) - 1).exp().clamp(max=1.0)
