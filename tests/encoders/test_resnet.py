"""ResNets: published sizes and names, blocks written out, the start as an identity."""

from __future__ import annotations

import importlib
import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from graphurl.encoders import Inputs
from graphurl.encoders.resnet import Basic, Block, Bottleneck, ResNet, ResNet18, ResNet50
from tests.encoders.test_pictures import drawn, views

TORCHVISION = {ResNet18: "resnet18", ResNet50: "resnet50"}


def size(model: nn.Module) -> int:
    return sum(w.numel() for w in model.parameters())


def unsettle(model: nn.Module) -> None:
    """Gives normalisations statistics, scales and shifts of their own, so that none of them is the identity."""
    g = torch.Generator().manual_seed(1)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            stats: Any = layer
            stats.running_mean.normal_(0, 0.1, generator=g)
            stats.running_var.uniform_(0.5, 2, generator=g)
            layer.weight.data.uniform_(0.5, 1.5, generator=g)
            layer.bias.data.normal_(0, 0.1, generator=g)


@pytest.mark.parametrize(("kind", "published"), [(ResNet18, 11_176_512), (ResNet50, 23_508_032)])
def test_sizes_are_the_published_ones(kind: type[ResNet], published: int) -> None:
    with torch.device("meta"):
        assert size(kind(stem="imagenet")) == published
        assert size(kind(1, stem="imagenet")) == published - 2 * 64 * 7 * 7
        assert size(kind()) == published - 3 * 64 * (7 * 7 - 3 * 3)


@pytest.mark.parametrize(("kind", "width"), [(ResNet18, 512), (ResNet50, 2048)])
@pytest.mark.parametrize(("stem", "places"), [("cifar", 4), ("imagenet", 1)])
def test_resolution_before_the_mean(kind: type[ResNet], width: int, stem: str, places: int) -> None:
    model, maps = drawn(kind, stem=stem).eval(), []
    model.layer4.register_forward_hook(lambda _layer, _inputs, out: maps.append(out))
    z = model(Inputs(views(2, side=32))).z
    assert maps[0].shape == (2, width, places, places)
    torch.testing.assert_close(z, maps[0].mean((2, 3)))


def norm(x: Tensor, layer: nn.BatchNorm2d) -> Tensor:
    return F.batch_norm(x, layer.running_mean, layer.running_var, layer.weight, layer.bias)


@pytest.mark.parametrize(("after", "stride"), [(6, 1), (6, 2), (4, 2)])
def test_basic_block_written_out(after: int, stride: int) -> None:
    block: Any = Basic(4, after, stride).eval()
    x = views(channels=4)
    unsettle(block)
    y = norm(F.conv2d(x, block.conv1.weight, stride=stride, padding=1), block.bn1).clamp(min=0)
    y = norm(F.conv2d(y, block.conv2.weight, padding=1), block.bn2)
    around, around_norm = block.downsample
    beside = norm(F.conv2d(x, around.weight, stride=stride), around_norm)
    torch.testing.assert_close(block(x), (y + beside).clamp(min=0))


def test_bottleneck_strides_in_its_middle() -> None:
    block: Any = Bottleneck(8, 3, 2).eval()
    x = views(channels=8)
    unsettle(block)
    y = norm(F.conv2d(x, block.conv1.weight), block.bn1).clamp(min=0)
    y = norm(F.conv2d(y, block.conv2.weight, stride=2, padding=1), block.bn2).clamp(min=0)
    y = norm(F.conv2d(y, block.conv3.weight), block.bn3)
    around, around_norm = block.downsample
    beside = norm(F.conv2d(x, around.weight, stride=2), around_norm)
    torch.testing.assert_close(block(x), (y + beside).clamp(min=0))


@pytest.mark.parametrize("block", [Basic(8, 8, 1), Bottleneck(8, 2, 1)])
def test_a_new_block_is_the_identity_on_what_relu_lets_through(block: Block) -> None:
    x = views(channels=8)
    assert torch.equal(block(x), x.clamp(min=0))
    assert not list(block.downsample.parameters())


def test_convolutions_start_after_he() -> None:
    weight = drawn(ResNet18).layer4[1].conv2.weight
    assert weight.detach().var().item() == pytest.approx(2 / (512 * 9), rel=0.01)


@pytest.mark.parametrize(("kind", "stem"), [(ResNet18, "cifar"), (ResNet50, "imagenet")])
def test_config_rebuilds_the_same_map(kind: type[ResNet], stem: str) -> None:
    model = drawn(kind, 1, stem=stem).eval()
    again = kind(**json.loads(json.dumps(model.config()))).eval()
    again.load_state_dict(model.state_dict())
    x = Inputs(views(2, 1))
    assert torch.equal(again(x).z, model(x).z)


def test_names_are_the_published_ones() -> None:
    with torch.device("meta"):
        names = set(ResNet50().state_dict())
    norm_names = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    expected = {"conv1.weight", *(f"bn1.{name}" for name in norm_names)}
    for stage, depth in enumerate((3, 4, 6, 3), start=1):
        for block in range(depth):
            at = f"layer{stage}.{block}"
            for layer in (1, 2, 3):
                expected |= {f"{at}.conv{layer}.weight", *(f"{at}.bn{layer}.{name}" for name in norm_names)}
        around = f"layer{stage}.0.downsample"
        expected |= {f"{around}.0.weight", *(f"{around}.1.{name}" for name in norm_names)}
    assert names == expected


@pytest.mark.parametrize("kind", [ResNet18, ResNet50])
def test_equals_torchvision_where_it_is_installed(kind: type[ResNet]) -> None:
    try:
        models = importlib.import_module("torchvision.models")
    except (ImportError, RuntimeError):
        pytest.skip("torchvision is not installed")
    theirs = drawn(models.get_model, TORCHVISION[kind]).eval()
    unsettle(theirs)
    mine = kind(stem="imagenet").eval()
    mine.load_state_dict({name: w for name, w in theirs.state_dict().items() if not name.startswith("fc.")})
    theirs.fc = nn.Identity()
    x = views(2, side=64)
    torch.testing.assert_close(mine(Inputs(x)).z, theirs(x), rtol=1e-4, atol=1e-4)
