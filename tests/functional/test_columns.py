"""Sums over all pairs from those with some points: without bias, and exact with all."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphurl.functional import columns as module
from graphurl.functional.columns import sum_by_columns

FUNCTIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "kernel": lambda d2: 1 / (1 + d2),
    "logarithm": lambda d2: torch.log1p(d2 / 0.3),
}


def points(n: int = 23, dim: int = 5) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def naive(z: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    total = z.new_zeros(())
    for i in range(len(z)):
        for j in range(len(z)):
            if i != j:
                total = total + function((z[i] - z[j]).square().sum())
    return total


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("block", [2**17, 50])
def test_all_columns_give_the_sum_itself(name: str, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PAIRS", block)
    z = points().requires_grad_()
    order = torch.randperm(23, generator=torch.Generator().manual_seed(1))
    found, wanted = sum_by_columns(z, order, FUNCTIONS[name]), naive(z, FUNCTIONS[name])
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(3 * value, z)[0] for value in (found, wanted)))


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_mean_over_all_draws_is_the_sum(name: str) -> None:
    z = points().requires_grad_()
    draws = torch.arange(23).view(-1, 1)
    found = torch.stack([sum_by_columns(z, draw, FUNCTIONS[name]) for draw in draws]).mean()
    wanted = naive(z, FUNCTIONS[name])
    torch.testing.assert_close(found, wanted)
    torch.testing.assert_close(*(torch.autograd.grad(value, z)[0] for value in (found, wanted)))


def test_equal_points_keep_a_distance_of_zero() -> None:
    z = torch.full((6, 4), 1000.3).requires_grad_()
    found = sum_by_columns(z, torch.arange(6), FUNCTIONS["kernel"])
    assert float(found) == pytest.approx(30)
    assert torch.autograd.grad(found, z)[0].abs().max() == 0
