"""Policies and plans refuse what no view can have."""

from __future__ import annotations

import math

import pytest

from graphurl.augment import Plan, Policy
from graphurl.errors import InputError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"flip": 1.5}, "flip is 1.5: give a probability from 0 to 1"),
        ({"gray": -0.1}, "gray is -0.1: give a probability"),
        ({"blur": math.nan}, "blur is nan: give a probability"),
        ({"solarise": 2}, "solarise is 2: give a probability"),
        ({"jitter_probability": 2}, "jitter_probability is 2: give a probability"),
        ({"scale": (0.0, 1.0)}, r"scale is \(0.0, 1.0\): give a least and a largest value above 0 up to 1"),
        ({"scale": (0.5, 1.1)}, "scale is .* up to 1"),
        ({"scale": (0.5, 0.4)}, "scale is .* a least and a largest"),
        ({"scale": (0.5,)}, "scale is .* a least and a largest"),
        ({"ratio": (0.0, 1.0)}, "ratio is .* above 0"),
        ({"ratio": (1.0, math.inf)}, "ratio is .* above 0"),
        ({"sigma": (2.0, 1.0)}, "sigma is .* above 0"),
        ({"shift": 1.5}, "shift is 1.5: give a share"),
        ({"noise": -1.0}, "noise is -1.0: give a number from 0"),
        ({"noise": math.inf}, "noise is inf: give a number from 0"),
        ({"jitter": (0.4, 0.4, 0.4)}, "jitter is .* brightness, contrast, saturation and hue"),
        ({"jitter": (-0.1, 0, 0, 0)}, "jitter of brightness is -0.1: give a strength from 0"),
        ({"jitter": (0, -1, 0, 0)}, "jitter of contrast is -1"),
        ({"jitter": (0, 0, math.inf, 0)}, "jitter of saturation is inf"),
        ({"jitter": (0, 0, 0, 0.6)}, "jitter of hue is 0.6: give a turn from 0 to 0.5"),
    ],
)
def test_a_policy_out_of_range_is_refused(settings: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Policy(**settings)  # type: ignore[arg-type]


def test_the_ends_of_the_ranges_are_allowed() -> None:
    Policy(scale=(1.0, 1.0), ratio=(2.0, 2.0), shift=1.0, flip=1.0, jitter=(9.0, 0.0, 0.0, 0.5), noise=0.0)


@pytest.mark.parametrize(
    ("policy", "recolours"),
    [
        (Policy(), False),
        (Policy(blur=1.0, flip=1.0, noise=1.0), False),
        (Policy(gray=0.1), True),
        (Policy(jitter=(0.4, 0.4, 0.4, 0.1)), False),
        (Policy(jitter_probability=0.5), False),
        (Policy(jitter=(0.0, 0.0, 0.0, 0.1), jitter_probability=0.5), True),
    ],
)
def test_whether_colours_may_change(policy: Policy, recolours: bool) -> None:
    assert policy.recolours is recolours


def test_a_plan_that_makes_no_views_is_refused() -> None:
    with pytest.raises(InputError, match="policies is empty"):
        Plan(())
    with pytest.raises(InputError, match="small_views is -1: give 0 or more"):
        Plan((Policy(),), small_views=-1)
    with pytest.raises(InputError, match="small_views is 2 and small is None: give both or neither"):
        Plan((Policy(),), small_views=2)
    with pytest.raises(InputError, match="small_views is 0 and small is Policy.*give both or neither"):
        Plan((Policy(),), small=Policy())
    for share in (0.0, 1.1):
        with pytest.raises(InputError, match="small_share is .*above 0 and up to 1"):
            Plan((Policy(),), small=Policy(), small_views=1, small_share=share)


@pytest.mark.parametrize(("share", "side", "small"), [(0.5, 32, 16), (96 / 224, 224, 96), (0.01, 32, 1), (1.0, 7, 7)])
def test_side_of_small_views(share: float, side: int, small: int) -> None:
    assert Plan((Policy(),), small=Policy(), small_views=1, small_share=share).small_side(side) == small
