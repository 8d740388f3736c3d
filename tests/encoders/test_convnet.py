"""ConvNet: what it computes written out, the two orders, small and odd pictures."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from graphurl import registry
from graphurl.encoders import Inputs
from graphurl.encoders.convnet import ConvNet, WideConvNet
from graphurl.errors import InputError
from tests.encoders.test_pictures import drawn, views


def normalised(x: Tensor, shift: float = 0.0) -> Tensor:
    """Each channel to mean 0 and variance 1 over pictures and places."""
    return (x - x.mean((0, 2, 3), keepdim=True)) / (x.var((0, 2, 3), correction=0, keepdim=True) + 1e-5).sqrt() + shift


def pooled(x: Tensor) -> Tensor:
    """The largest of each 2 × 2, odd borders left out."""
    h, w = x.shape[2] // 2 * 2, x.shape[3] // 2 * 2
    corners = [x[:, :, i:h:2, j:w:2] for i in (0, 1) for j in (0, 1)]
    return torch.stack(corners).amax(0)


@pytest.mark.parametrize("side", [13, 16])
def test_late_equals_normalise_relu_pool(side: int) -> None:
    model = drawn(ConvNet, widths=(4, 6, 5)).double()
    x = views(side=side).double()
    expected = x
    for position in range(3):
        expected = F.conv2d(expected, model.convs[position].weight, padding=1)
        expected = normalised(expected).clamp(min=0)
        expected = pooled(expected) if position < 2 else expected
    torch.testing.assert_close(model(Inputs(x)).z, expected.mean((2, 3)))


def test_early_equals_pool_normalise_relu_with_raised_shifts() -> None:
    model = drawn(ConvNet, widths=(4, 6, 5), pool="early").double()
    x = views().double()
    expected = x
    for position in range(3):
        expected = F.conv2d(expected, model.convs[position].weight, padding=1)
        expected = pooled(expected) if position < 2 else expected
        expected = normalised(expected, 0.7 if position < 2 else 0.0).clamp(min=0)
    torch.testing.assert_close(model(Inputs(x)).z, expected.mean((2, 3)))


def test_size_of_the_standard_network() -> None:
    model = ConvNet()
    convolutions = 9 * (3 * 16 + 16 * 32 + 32 * 64 + 64 * 128)
    assert sum(w.numel() for w in model.parameters()) == convolutions + 2 * (16 + 32 + 64 + 128)
    assert model.width == 128
    wide = WideConvNet()
    assert [conv.weight.shape[0] for conv in wide.convs] == [64, 128, 256, 512]
    assert wide.config() == {"channels": 3, "widths": [64, 128, 256, 512], "pool": "late"}
    assert registry.resolve("encoders", "convnet-wide") is WideConvNet


@pytest.mark.parametrize("pool", ["late", "early"])
@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (8, 8), (9, 24), (1, 16)])
def test_pools_that_would_leave_nothing_are_skipped(pool: str, shape: tuple[int, int]) -> None:
    model = drawn(ConvNet, widths=(4, 4, 4, 4, 4, 6), pool=pool)
    z = model(Inputs(torch.randn(3, 3, *shape, generator=torch.Generator().manual_seed(0)))).z
    assert z.shape == (3, 6)
    assert z.isfinite().all()


@pytest.mark.parametrize("pool", ["late", "early"])
def test_config_rebuilds_the_same_map(pool: str) -> None:
    model = drawn(ConvNet, 1, (4, 6), pool=pool)
    again = ConvNet(**model.config())
    again.load_state_dict(model.state_dict())
    x = views(channels=1)
    assert torch.equal(again(Inputs(x)).z, model(Inputs(x)).z)
    assert again.config() == model.config() == {"channels": 1, "widths": [4, 6], "pool": pool}


@pytest.mark.parametrize("widths", [(), (4, 0)])
def test_without_channels_it_is_refused(widths: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"widths is \[.*\]: give one or more"):
        ConvNet(widths=widths)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(InputError, match="unknown pool 'lat': did you mean 'late'"):
        ConvNet(pool="lat")  # type: ignore[arg-type]
