"""ShuffleNet: known sizes for every number of groups, the unit written out, the shuffle."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F

from graphurl.encoders import Inputs
from graphurl.encoders.shufflenet import ShuffleNetV1, ShuffleUnit, shuffled
from graphurl.errors import InputError
from tests.encoders.test_pictures import drawn, views
from tests.encoders.test_resnet import norm, size, unsettle


@pytest.mark.parametrize(
    ("groups", "width", "known"),
    [(1, 576, 1_531_936), (2, 800, 1_733_848), (3, 960, 1_865_728), (4, 1088, 1_968_344), (8, 1536, 2_434_768)],
)
def test_sizes_are_the_known_ones(groups: int, width: int, known: int) -> None:
    """The known ones count a classifier of 1000 classes."""
    with torch.device("meta"):
        model, small = ShuffleNetV1(groups=groups, stem="imagenet"), ShuffleNetV1(groups=groups)
    assert model.width == width
    assert size(model) + (width + 1) * 1000 == known
    assert size(small) == size(model)


@pytest.mark.parametrize(("stem", "places"), [("cifar", 4), ("imagenet", 1)])
def test_resolution_before_the_mean(stem: str, places: int) -> None:
    model, maps = drawn(ShuffleNetV1, stem=stem).eval(), []
    model.units.register_forward_hook(lambda _layer, _inputs, out: maps.append(out))
    z = model(Inputs(views(2, side=32))).z
    assert maps[0].shape == (2, 960, places, places)
    torch.testing.assert_close(z, maps[0].mean((2, 3)))


def test_shuffle_transposes_groups_and_members() -> None:
    x = torch.arange(6.0).view(1, 6, 1, 1).expand(2, 6, 3, 4)
    assert shuffled(x, 3)[0, :, 0, 0].tolist() == [0, 2, 4, 1, 3, 5]
    assert shuffled(x, 2)[1, :, 2, 3].tolist() == [0, 3, 1, 4, 2, 5]
    x = views(channels=6)
    assert torch.equal(shuffled(shuffled(x, 3), 2), x)


@pytest.mark.parametrize(("stride", "first_groups"), [(1, 3), (2, 3), (2, 1)])
def test_unit_written_out(stride: int, first_groups: int) -> None:
    after = 12 if stride == 1 else 24
    unit: Any = ShuffleUnit(12, after, stride, 3, first_groups).eval()
    x = views(channels=12)
    unsettle(unit)
    y = norm(F.conv2d(x, unit.squeeze.weight, groups=first_groups), unit.squeeze_norm).clamp(min=0)
    inner = after // 4
    y = y[:, [member + group * (inner // 3) for member in range(inner // 3) for group in range(3)]]
    y = norm(F.conv2d(y, unit.filter.weight, stride=stride, padding=1, groups=inner), unit.filter_norm)
    y = norm(F.conv2d(y, unit.expand.weight, groups=3), unit.expand_norm)
    # A 3 × 3 average is a convolution with ninths; zeros beyond the border count.
    average = F.conv2d(x, torch.full((12, 1, 3, 3), 1 / 9), stride=2, padding=1, groups=12)
    expected = x + y if stride == 1 else torch.cat([average, y], dim=1)
    torch.testing.assert_close(unit(x), expected.clamp(min=0))


def test_convolutions_start_after_he() -> None:
    weight = drawn(ShuffleNetV1).units[-1].expand.weight
    # fan_out counts the channels of all groups.
    assert weight.detach().var().item() == pytest.approx(2 / 960, rel=0.02)


def test_config_rebuilds_the_same_map() -> None:
    model = drawn(ShuffleNetV1, 1, groups=2, stem="imagenet").eval()
    again = ShuffleNetV1(**json.loads(json.dumps(model.config()))).eval()
    again.load_state_dict(model.state_dict())
    x = Inputs(views(2, 1, 32))
    assert torch.equal(again(x).z, model(x).z)
    assert again.config() == model.config() == {"channels": 1, "groups": 2, "stem": "imagenet"}


def test_another_number_of_groups_is_refused() -> None:
    with pytest.raises(InputError, match="groups is 5: a ShuffleNet has 1, 2, 3, 4, 8 groups"):
        ShuffleNetV1(groups=5)
