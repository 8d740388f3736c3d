"""Similarity: distance in, log-similarity out; one class for the data side and the latent side."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from graphurl.errors import InputError, unknown
from graphurl.functional.distance import METRICS, squared_distances
from graphurl.functional.kernel import log_gaussian_kernel, log_t_kernel

Metric = str | Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Similarity:
    """Kernel similarity of a distance: p(i, j) = κ((d(i, j) - μ)₊ / σ, ν).

    GenURL (Eq. 4-6) uses the same map twice: on graph distances it prescribes p_X, on latent
    distances it measures p_Z. Only the parameters differ. Larger always means nearer.

    With `metric="cosine"`, d² = 2 - 2cos, so ν = ∞ and σ = √T give log q = (cos - 1)/T: the logits of a
    contrastive loss with temperature T up to a constant that every normalised loss cancels.

    Attributes:
        nu: Degrees of freedom ν of the t-kernel, in (0, ∞]; infinity is the Gaussian.
        sigma: Scale σ > 0: one number, or one per row.
        mu: Offset μ ≥ 0: distances up to μ count as zero; one number, or one per row.
        metric: Name of a metric (see `functional.distance`) or a callable on two point sets.
        normalised: κ(d)/κ(0), so that distance 0 has similarity 1. The exact kernel (False) has
            κ(0, ν) < 1 for small ν, hence never reaches a target of 1.
    """

    nu: float = math.inf
    sigma: float | Tensor = 1.0
    mu: float | Tensor = 0.0
    metric: Metric = "euclidean"
    normalised: bool = True

    def __post_init__(self) -> None:
        """Refuses parameters without a meaning."""
        if not self.nu > 0:
            raise InputError(f"nu is {self.nu}: degrees of freedom are a number above 0, or inf")
        if isinstance(self.sigma, float | int) and not (self.sigma > 0 and math.isfinite(self.sigma)):
            raise InputError(f"sigma is {self.sigma}: the scale of a similarity is a finite number above 0")
        if isinstance(self.mu, float | int) and not (self.mu >= 0 and math.isfinite(self.mu)):
            raise InputError(f"mu is {self.mu}: the offset of a similarity is a finite number, 0 or more")
        if isinstance(self.metric, str) and self.metric not in METRICS:
            raise unknown("metric", self.metric, METRICS)

    def log(self, d2: Tensor) -> Tensor:
        """Log-similarity of squared distances.

        Args:
            d2: Squared distances; per-row σ and μ need the rows in the first dimension.

        Returns:
            log κ of the same shape, in float32 or float64.
        """
        d2 = d2.float() if d2.dtype in (torch.bfloat16, torch.float16) else d2
        u2 = self._shifted(d2) / _per_row(self.sigma, d2) ** 2
        if math.isinf(self.nu):
            return log_gaussian_kernel(u2)
        return log_t_kernel(u2, self.nu, normalised=self.normalised)

    def of(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """Log-similarity of every row of x to every row of y (of x when y is absent)."""
        return self.log(squared_distances(x, y, metric=self.metric))

    def calibrated(self, z: Tensor, *, mu: bool = True, sigma: bool = True) -> Similarity:
        """Takes μ and σ from a first batch, so that the typical pair sits where the kernel has slope.

        A small input scale puts all latent distances near 0 and every q near 1, a saddle that GKL does not
        leave. Here μ becomes the mean distance to the nearest other row and σ the mean distance beyond it,
        so the average pair has argument 1.

        Args:
            z: Embeddings of a batch, at least two rows.
            mu: Whether to replace μ (else it is kept).
            sigma: Whether to replace σ.

        Returns:
            The calibrated similarity; the old one where all rows coincide.
        """
        with torch.no_grad():
            rows = z.detach()[:2048]
            d = squared_distances(rows, metric=self.metric).clamp_min(0).sqrt()
            d.fill_diagonal_(math.inf)
            nearest = d.min(dim=1).values
            offset = float(nearest[nearest.isfinite()].mean()) if mu else self.mu
            d.fill_diagonal_(math.nan)
            spread = float((d - offset).clamp_min(0).nanmean())
        if not (math.isfinite(spread) and spread > 0):
            return self
        return replace(self, mu=offset, sigma=spread if sigma else self.sigma)

    def _shifted(self, d2: Tensor) -> Tensor:
        """(d - μ)₊², without a square root where μ = 0 so that d = 0 keeps its gradient."""
        if isinstance(self.mu, float | int) and self.mu == 0:
            return d2
        tiny = torch.finfo(d2.dtype).tiny
        return (d2.clamp_min(tiny).sqrt() - _per_row(self.mu, d2)).clamp_min(0) ** 2


@dataclass(frozen=True)
class Inner(Similarity):
    """The inner product of two rows in place of log q: a score for losses that compare such matrices, no similarity."""

    def of(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        """⟨x_i, y_j⟩ of all rows."""
        wide = torch.promote_types(x.dtype, torch.float32)
        with torch.autocast(x.device.type, enabled=False):
            return x.to(wide) @ (x if y is None else y).to(wide).T


def _per_row(value: float | Tensor, like: Tensor) -> float | Tensor:
    """Shapes a per-row parameter so that it broadcasts over the remaining dimensions."""
    if not isinstance(value, Tensor) or value.ndim == 0:
        return value
    return value.to(like).reshape(-1, *([1] * (like.ndim - 1)))
