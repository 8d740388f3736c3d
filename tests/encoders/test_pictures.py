"""What all encoders of pictures do with stacks, rows, memory order and precision."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from graphurl.encoders import Inputs
from graphurl.encoders.convnet import ConvNet
from graphurl.encoders.mobilenet import MobileNetV2
from graphurl.encoders.pictures import Depthwise, PictureEncoder, channels_last, draw_he
from graphurl.encoders.resnet import ResNet18
from graphurl.encoders.shufflenet import ShuffleNetV1
from graphurl.errors import InputError

KINDS: list[Callable[..., PictureEncoder]] = [ConvNet, ResNet18, MobileNetV2, ShuffleNetV1]
every_kind = pytest.mark.parametrize("kind", KINDS)


def views(n: int = 4, channels: int = 3, side: int = 16, seed: int = 0) -> Tensor:
    return torch.randn(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def drawn(kind: Callable[..., Any], *args: object, **options: object) -> Any:
    """A network with weights that are the same each time."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return kind(*args, **options)


class Means(PictureEncoder):
    """The mean of each channel, in which every row can be read off."""

    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.channels = self.width = channels

    def pooled(self, x: Tensor) -> Tensor:
        return x.mean((2, 3))


def test_stacks_of_other_sizes_follow_in_order() -> None:
    large, small, tiny = views(3), views(5, side=8, seed=1), views(2, side=1, seed=2)
    out = Means()(Inputs(large, more=(small, tiny)))
    torch.testing.assert_close(out.z, torch.cat([x.mean((2, 3)) for x in (large, small, tiny)]))
    assert out.hidden == ()


def test_seeds_pick_among_the_rows_of_all_stacks() -> None:
    x, more = views(3), (views(2, side=8, seed=1),)
    rows = torch.tensor([4, 0, 4])
    assert torch.equal(Means()(Inputs(x, seeds=rows, more=more)).z, Means()(Inputs(x, more=more)).z[rows])


@every_kind
@pytest.mark.parametrize("channels", [1, 3])
def test_every_convolution_keeps_the_channels_innermost(kind: Callable[..., PictureEncoder], channels: int) -> None:
    model, orders = drawn(kind, channels), []
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d):
            layer.register_forward_hook(lambda _layer, _inputs, out: orders.append(out.stride()[1]))
    assert model(Inputs(views(2, channels, 32))).z.shape == (2, model.width)
    assert set(orders) == {1}


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_channels_last_changes_the_order_and_no_value(channels: int) -> None:
    x = views(2, channels, 5)
    out = channels_last(x)
    assert torch.equal(out, x)
    assert out.stride() == (25 * channels, 1, 5 * channels, channels)


@every_kind
@pytest.mark.parametrize("side", [8, 24, 32])
def test_small_pictures_train_in_bfloat16(kind: Callable[..., PictureEncoder], side: int) -> None:
    model = drawn(kind)
    with torch.autocast("cpu", torch.bfloat16):
        z = model(Inputs(views(2, side=side), more=(views(2, side=8),))).z
    assert z.shape == (4, model.width)
    z.float().square().sum().backward()
    assert all(w.grad is not None and w.grad.isfinite().all() for w in model.parameters())


@every_kind
def test_rows_do_not_depend_on_each_other_in_evaluation(kind: Callable[..., PictureEncoder]) -> None:
    model, x = drawn(kind).eval(), views(3)
    torch.testing.assert_close(model(Inputs(x[[2, 0]])).z, model(Inputs(x)).z[[2, 0]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("narrow", [False, True])
@pytest.mark.parametrize(("side", "stride"), [(1, 1), (2, 1), (2, 2), (7, 1), (7, 2)])
def test_filters_of_single_channels_are_grouped_convolutions(side: int, stride: int, narrow: bool) -> None:
    """Also where bfloat16 is worked around: value, gradients and type are those of the plain layer."""
    layer, plain = Depthwise(6, stride), nn.Conv2d(6, 6, 3, stride, padding=1, groups=6, bias=False)
    plain.load_state_dict(layer.state_dict())
    found = []
    for one in (layer, plain):
        x = views(5, channels=6, side=side).requires_grad_()
        with torch.autocast("cpu", torch.bfloat16, enabled=narrow):
            y = one(x)
        y.float().pow(2).sum().backward()
        found.append((y, x.grad, one.weight.grad))
    assert found[0][0].dtype == (torch.bfloat16 if narrow else torch.float32)
    near = {"rtol": 0.05, "atol": 0.1} if narrow else {"rtol": 1e-5, "atol": 1e-5}
    for ours, theirs in zip(*found, strict=True):
        torch.testing.assert_close(ours, theirs, **near)


@pytest.mark.parametrize(("side", "stride", "wide"), [(2, 1, True), (7, 2, True), (7, 1, False)])
def test_filters_that_bfloat16_slows_down_work_in_float32(side: int, stride: int, wide: bool) -> None:
    layer, seen = Depthwise(4, stride), []
    with torch.autocast("cpu", torch.bfloat16):
        y = layer(views(2, channels=4, side=side).bfloat16().requires_grad_())
    step = y.grad_fn
    while step is not None:
        seen.append(step.name())
        step = step.next_functions[0][0] if step.next_functions else None
    last = seen.index("ConvolutionBackward0")
    assert ("ToCopyBackward0" in seen[:last]) == wide, "rounded after the filter, not before"


@every_kind
def test_other_shapes_and_raw_pixels_are_refused(kind: Callable[..., PictureEncoder]) -> None:
    model = drawn(kind)
    with pytest.raises(InputError, match=r"shape \(4, 1, 16, 16\) and the encoder reads n × 3 × H × W"):
        model(Inputs(views(channels=1)))
    with pytest.raises(InputError, match=r"shape \(4, 3, 16\)"):
        model(Inputs(views()[:, :, 0]))
    with pytest.raises(InputError, match="torch.uint8: scale them to float32"):
        model(Inputs(torch.zeros(2, 3, 8, 8, dtype=torch.uint8)))


@pytest.mark.parametrize("kind", [ResNet18, MobileNetV2, ShuffleNetV1])
def test_an_unknown_stem_is_refused(kind: Callable[..., PictureEncoder]) -> None:
    with pytest.raises(InputError, match="unknown stem 'cifr': did you mean 'cifar'"):
        kind(stem="cifr")


def test_he_start_has_variance_two_over_fan_out() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv = nn.Conv2d(8, 256, 3)
        draw_he(nn.Sequential(nn.Sequential(conv)))
    weight = conv.weight.detach()
    assert weight.var().item() == pytest.approx(2 / (256 * 9), rel=0.05)
    assert weight.mean().item() == pytest.approx(0, abs=1e-3)
