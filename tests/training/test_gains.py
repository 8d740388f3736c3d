"""Descent with gains: each rule by hand, and a run that resumes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from graphurl.errors import InputError
from graphurl.training.gains import Gains
from graphurl.training.schedule import optimiser


def by_hand(start: Tensor, slopes: list[Tensor], lr: float, momentum: float, most: float) -> Tensor:
    w, v, g = start.clone(), torch.zeros_like(start), torch.ones_like(start)
    for slope in slopes:
        for i in range(w.shape[0]):
            for j in range(w.shape[1]):
                agree = bool(slope[i, j] > 0) == bool(v[i, j] > 0)
                g[i, j] = max(0.01, float(g[i, j]) * 0.8 if agree else float(g[i, j]) + 0.2)
                v[i, j] = momentum * v[i, j] - lr * len(w) * g[i, j] * slope[i, j]
                v[i, j] = v[i, j].clamp(-most, most)
        w = w + v
    return w


def test_steps_are_those_of_the_rule() -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(6, 2, generator=generator, dtype=torch.float64)
    slopes = [torch.randn(6, 2, generator=generator, dtype=torch.float64) for _ in range(30)]
    weight = nn.Parameter(start.clone())
    stepper = Gains([weight], lr=0.3, momentum=0.7, most=2.0)
    for slope in slopes:
        weight.grad = slope.clone()
        stepper.step()
    torch.testing.assert_close(weight.detach(), by_hand(start, slopes, 0.3, 0.7, 2.0))
    assert float((weight.detach() - start).abs().max()) > 2.0


def test_no_coordinate_jumps() -> None:
    weight = nn.Parameter(torch.zeros(3, 2))
    stepper = Gains([weight], lr=1e6, most=5.0)
    weight.grad = torch.tensor([[1.0, -1.0], [0.0, 1e9], [-1e9, 1e-9]])
    stepper.step()
    assert float(weight.detach().abs().max()) == 5.0


def test_a_tensor_without_gradient_stays() -> None:
    weight = nn.Parameter(torch.ones(2, 2))
    Gains([weight]).step()
    assert bool((weight == 1).all())


def test_the_name_leads_to_it() -> None:
    stepper = optimiser("gains", [nn.Parameter(torch.zeros(2))], 0.5, 0.0, 0.9)
    assert isinstance(stepper, Gains)
    assert (stepper.defaults["lr"], stepper.defaults["momentum"]) == (0.5, 0.9)
    with pytest.raises(InputError, match=r"weight_decay is 0\.1 and optimiser is 'gains'"):
        optimiser("gains", [nn.Parameter(torch.zeros(2))], 0.5, 0.1, 0.9)
    with pytest.raises(InputError, match="momentum is 1"):
        Gains([nn.Parameter(torch.zeros(2))], momentum=1.0)
