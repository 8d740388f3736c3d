"""MobileNetV2: published size and names, the block written out, strides of both stems."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphurl.encoders import Inputs
from graphurl.encoders.mobilenet import InvertedResidual, MobileNetV2, ReLU6, by_eight
from graphurl.errors import InputError
from tests.encoders.test_pictures import drawn, views
from tests.encoders.test_resnet import norm, size, unsettle


def test_size_is_the_published_one() -> None:
    with torch.device("meta"):
        assert size(MobileNetV2(stem="imagenet")) == size(MobileNetV2()) == 2_223_872


@pytest.mark.parametrize(("stem", "places"), [("cifar", 4), ("imagenet", 1)])
def test_resolution_before_the_mean(stem: str, places: int) -> None:
    model, maps = drawn(MobileNetV2, stem=stem), []
    model.features.register_forward_hook(lambda _layer, _inputs, out: maps.append(out))
    z = model(Inputs(views(2, side=32))).z
    assert maps[0].shape == (2, 1280, places, places)
    torch.testing.assert_close(z, maps[0].mean((2, 3)))


def test_imagenet_strides_are_those_of_the_paper() -> None:
    model = drawn(MobileNetV2, stem="imagenet").eval()
    sides = []
    for layer in model.features:
        layer.register_forward_hook(lambda _layer, _inputs, out: sides.append(out.shape[2]))
    model(Inputs(views(1, side=64)))
    assert sides == [32] * 2 + [16] * 2 + [8] * 3 + [4] * 7 + [2] * 5


@pytest.mark.parametrize(("after", "stride", "adds"), [(4, 1, True), (6, 1, False), (4, 2, False)])
def test_block_written_out(after: int, stride: int, adds: bool) -> None:
    block: Any = InvertedResidual(4, after, stride, 6).eval()
    x = 4 * views(channels=4)
    unsettle(block)
    widen, filtered, narrow, last = block.conv
    y = norm(F.conv2d(x, widen[0].weight), widen[1]).clamp(0, 6)
    y = norm(F.conv2d(y, filtered[0].weight, stride=stride, padding=1, groups=24), filtered[1]).clamp(0, 6)
    y = norm(F.conv2d(y, narrow.weight), last)
    torch.testing.assert_close(block(x), x + y if adds else y)


@pytest.mark.parametrize(
    ("count", "rounded"), [(32, 32), (3, 8), (12, 16), (11, 16), (18, 24), (20, 24), (33.6, 32), (100, 104)]
)
def test_counts_become_multiples_of_eight_and_lose_at_most_a_tenth(count: float, rounded: int) -> None:
    assert by_eight(count) == rounded


def test_multiplier_scales_the_layers_and_widens_the_last_above_one() -> None:
    half: Any
    with torch.device("meta"):
        half, more = MobileNetV2(multiplier=0.5), MobileNetV2(multiplier=1.4)
    widths = [layer.conv[-1].num_features for layer in half.features[1:-1]]
    assert widths == [8] + [16] * 2 + [16] * 3 + [32] * 4 + [48] * 3 + [80] * 3 + [160]
    assert (half.width, more.width) == (1280, 1792)
    with pytest.raises(InputError, match="multiplier is 0: give a number above 0"):
        MobileNetV2(multiplier=0)


def test_convolutions_start_after_he() -> None:
    weight = drawn(MobileNetV2).features[-1][0].weight
    assert weight.detach().var().item() == pytest.approx(2 / 1280, rel=0.01)


def test_config_rebuilds_the_same_map() -> None:
    model = drawn(MobileNetV2, 1, multiplier=0.35, stem="imagenet").eval()
    again = MobileNetV2(**json.loads(json.dumps(model.config()))).eval()
    again.load_state_dict(model.state_dict())
    x = Inputs(views(2, 1, 32))
    assert torch.equal(again(x).z, model(x).z)
    assert again.config() == model.config() == {"channels": 1, "multiplier": 0.35, "stem": "imagenet"}


def test_names_are_the_published_ones() -> None:
    with torch.device("meta"):
        names = [name for name in MobileNetV2().state_dict() if name.endswith("weight")]
    assert names[:5] == [
        "features.0.0.weight", "features.0.1.weight",
        "features.1.conv.0.0.weight", "features.1.conv.0.1.weight", "features.1.conv.1.weight",
    ]  # fmt: skip
    assert [name for name in names if name.startswith("features.17.")] == [
        "features.17.conv.0.0.weight", "features.17.conv.0.1.weight",
        "features.17.conv.1.0.weight", "features.17.conv.1.1.weight",
        "features.17.conv.2.weight", "features.17.conv.3.weight",
    ]  # fmt: skip
    assert names[-2:] == ["features.18.0.weight", "features.18.1.weight"]


def test_equals_torchvision_where_it_is_installed() -> None:
    try:
        models = importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError):
        pytest.skip("torchvision is not installed")
    theirs = drawn(models.get_model, "mobilenet_v2").eval()
    unsettle(theirs)
    mine = MobileNetV2(stem="imagenet").eval()
    mine.load_state_dict({name: w for name, w in theirs.state_dict().items() if name.startswith("features.")})
    theirs.classifier = nn.Identity()
    x = views(2, side=64)
    torch.testing.assert_close(mine(Inputs(x)).z, theirs(x), rtol=1e-4, atol=1e-4)


def test_the_activation_is_pytorchs_with_one_copy_less() -> None:
    given = torch.tensor([-1.0, 0.0, 0.5, 5.5, 6.0, 7.0], dtype=torch.float64, requires_grad=True)
    weights, saved = torch.arange(1.0, 7.0), list[int]()
    found, expected = ReLU6()(given.clone()), F.relu6(given)
    assert torch.equal(found, expected)
    assert torch.equal(*(torch.autograd.grad((weights * out).sum(), given)[0] for out in (found, expected)))
    # At 0 and 6 there is no derivative.
    inner = given.detach()[[0, 2, 3, 5]].requires_grad_()
    assert torch.autograd.gradcheck(lambda x: ReLU6()(x.clone()), inner)
    x = given.clone()

    def note(held: Tensor) -> Tensor:
        saved.append(held.data_ptr())
        return held

    with torch.autograd.graph.saved_tensors_hooks(note, lambda held: held):
        out = ReLU6()(x)
    assert saved == [x.data_ptr()] == [out.data_ptr()]
