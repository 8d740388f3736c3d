"""Encoded batches of views as they come from a draw, and losses by loops over single pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from graphurl.encoders.base import Encoded, Inputs
from graphurl.losses import Loss
from graphurl.relations import Batch, Source, evaluate
from graphurl.similarity import Similarity

COSINE = Similarity(metric="cosine")


def stacked(
    n: int = 5,
    views: int = 2,
    dim: int = 4,
    *,
    small: int = 0,
    mixed: bool = False,
    label: Sequence[int] | None = None,
    nodes: Tensor | None = None,
    seed: int = 0,
) -> tuple[Batch, Encoded]:
    """Random rows in float64 with a gradient: full views, then mixtures, then small crops."""
    generator = torch.Generator().manual_seed(seed)
    full = torch.randn((views + mixed) * n, dim, generator=generator, dtype=torch.float64)
    more = torch.randn(small * n, dim, generator=generator, dtype=torch.float64)
    notes: dict[str, Tensor] = {}
    if label is not None:
        notes["label"] = torch.tensor(label)
    if mixed:
        notes |= {"partner": torch.randperm(n, generator=generator), "ratio": torch.tensor(0.3)}
    numbers = torch.arange(n) if nodes is None else nodes
    inputs = Inputs(full, more=(more,) if small else ())
    return Batch(numbers, inputs, views=views, notes=notes), Encoded(torch.cat([full, more]).requires_grad_())


def value(
    source: Source, batch: Batch, out: Encoded, similarity: Similarity, loss: Loss, progress: float = 0.0
) -> Tensor:
    """What an objective makes of a source: the mean over its relations."""
    made = source.relations(batch, out, progress)
    return torch.stack([evaluate(relation, similarity, loss)[0] for relation in made]).mean()


def cosine(a: Tensor, b: Tensor) -> Tensor:
    """⟨a, b⟩ / (‖a‖ ‖b‖) of two rows."""
    return (a * b).sum() / ((a * a).sum() * (b * b).sum()).sqrt()


def contrast(row: Tensor, positive: Tensor, others: Sequence[Tensor], temperature: float) -> Tensor:
    """C(f, f⁺, f⁻; T) = -log e^{⟨f,f⁺⟩/T} / (e^{⟨f,f⁺⟩/T} + Σ e^{⟨f,f⁻⟩/T}) of directions."""
    top = (cosine(row, positive) / temperature).exp()
    return -(top / (top + sum((cosine(row, other) / temperature).exp() for other in others))).log()


def student(a: Tensor, b: Tensor, nu: float, tau: float = 1.0) -> Tensor:
    """(1 + ‖a - b‖² / (τ ν))^(-(ν+1)/2); for infinite ν exp(-‖a - b‖² / 2τ)."""
    d2 = ((a - b) ** 2).sum()
    return (-d2 / (2 * tau)).exp() if math.isinf(nu) else (1 + d2 / (tau * nu)) ** (-(nu + 1) / 2)


def same_gradient(found: Tensor, expected: Tensor, *leaves: Tensor) -> None:
    """Two values and their gradients agree."""
    torch.testing.assert_close(found, expected)
    for leaf in leaves:
        a, b = (torch.autograd.grad(v, leaf, retain_graph=True)[0] for v in (found, expected))
        torch.testing.assert_close(a, b, rtol=1e-6, atol=1e-9)


def mean(count: int, term: Callable[[int], Tensor]) -> Tensor:
    """The mean of term(0) … term(count - 1)."""
    return torch.stack([term(i) for i in range(count)]).mean()
