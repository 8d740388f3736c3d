"""Noise-contrastive estimation against the formula of CRD."""

from __future__ import annotations

import math

import pytest
import torch

from graphurl.errors import InputError
from graphurl.losses import NCE
from graphurl.similarity import Similarity


def test_it_equals_the_critic_of_the_paper_in_loops() -> None:
    """h = e^{s/T} / (e^{s/T} + N/M); log h of the pair, log(1 - h) of each negative."""
    generator = torch.Generator().manual_seed(0)
    s, t = (torch.randn(4, 3, dtype=torch.float64, generator=generator) for _ in range(2))
    p, noise, temperature = torch.eye(4, dtype=torch.float64), 3 / 50, 0.2
    total = 0.0
    for i in range(4):
        for j in range(4):
            score = math.exp(float(torch.cosine_similarity(s[i], t[j], dim=0)) / temperature)
            h = score / (score + noise)
            total -= math.log(h if i == j else 1 - h)
    log_q = Similarity(metric="cosine").of(s, t)
    assert float(NCE(temperature, noise)(p, log_q, reduction="sum")) == pytest.approx(total, rel=1e-9)
    assert torch.autograd.gradcheck(lambda q: NCE(temperature, noise)(p, q), log_q.requires_grad_())


@pytest.mark.parametrize("p", [0.1, 0.5, 0.8])
def test_minimiser(p: float) -> None:
    loss, target = NCE(0.3, 0.5), torch.tensor([[p]], dtype=torch.float64)
    grid = torch.linspace(-6, 0, 6001, dtype=torch.float64)[:, None]
    best = grid[loss.pairwise(target, grid).argmin(dim=0)].exp()
    assert float(loss.minimiser(target)) == pytest.approx(min(1.0, float(best)), rel=2e-3)


def test_numbers_without_a_meaning_are_refused() -> None:
    with pytest.raises(InputError, match="noise is 0"):
        NCE(noise=0.0)
    with pytest.raises(InputError, match="temperature is -1"):
        NCE(temperature=-1.0)
