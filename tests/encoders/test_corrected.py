"""The student that starts at a linear map."""

from __future__ import annotations

import torch

from graphurl.encoders import Inputs
from graphurl.encoders.corrected import Corrected


def test_learning_sets_the_linear_map_of_least_squares() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(50, 4, generator=generator) * 0.03 + 0.5
    targets = torch.sin(40 * x) @ torch.randn(4, 2, generator=generator)
    model = Corrected(4, 2, hidden=8)
    model.learn(Inputs(x), targets, generator)
    wide = torch.cat([x, torch.ones(50, 1)], dim=1).double()
    expected = wide @ torch.linalg.lstsq(wide, targets.double()).solution
    torch.testing.assert_close(model(Inputs(x)).z.double(), expected, rtol=1e-2, atol=1e-2)
    torch.testing.assert_close((x * model.unit).square().mean(), torch.tensor(1.0))
    torch.testing.assert_close(model(Inputs(x)).hidden, model.network(Inputs(x * model.unit)).hidden)
    torch.testing.assert_close(model(Inputs(x.to_sparse_csr())).z, model(Inputs(x)).z)


def test_the_network_starts_at_zero_and_learns() -> None:
    model = Corrected(4, 2, hidden=8)
    x = torch.randn(5, 4, generator=torch.Generator().manual_seed(0))
    out = model(Inputs(x, seeds=torch.tensor([3, 0])))
    torch.testing.assert_close(out.z, model.linear(x)[[3, 0]])
    assert [layer.shape for layer in out.hidden] == [(2, 8), (2, 8)]
    out.z.square().sum().backward()
    last = model.network.layers[-1]
    assert float(last.weight.grad.abs().max()) > 0  # type: ignore[union-attr, operator]


def test_rows_of_zeros_are_placed() -> None:
    model = Corrected(4, 2)
    model.learn(Inputs(torch.zeros(3, 4)), torch.ones(3, 2), torch.Generator())
    torch.testing.assert_close(model(Inputs(torch.zeros(3, 4))).z, torch.ones(3, 2))
