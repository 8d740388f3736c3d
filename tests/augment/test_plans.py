"""The named views against the papers' tables."""

from __future__ import annotations

import pytest

from graphurl.augment import plans
from graphurl.augment.policy import Plan, Policy

# crop from, (brightness, contrast, saturation, hue), their probability, grey, blur, solarise
TABLE = {
    "CIFAR": [(0.2, (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.0, 0.0)],
    "MOCO_V2": [(0.2, (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.5, 0.0)],
    "SIMCLR": [(0.08, (0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, 0.0)],
    "SIMCLR_CIFAR": [(0.08, (0.4, 0.4, 0.4, 0.1), 0.8, 0.2, 0.0, 0.0)],
    "BYOL": [
        (0.08, (0.4, 0.4, 0.2, 0.1), 0.8, 0.2, 1.0, 0.0),
        (0.08, (0.4, 0.4, 0.2, 0.1), 0.8, 0.2, 0.1, 0.2),
    ],
    "INFOMIN": [(0.2, (0.8, 0.8, 0.8, 0.2), 0.8, 0.2, 0.5, 0.0)],
}


@pytest.mark.parametrize("name", TABLE)
def test_settings_are_the_papers(name: str) -> None:
    plan = getattr(plans, name)
    for policy, (least, *others) in zip(plan.policies, TABLE[name], strict=True):
        assert policy.scale == (least, 1.0)
        assert policy.ratio == (3 / 4, 4 / 3)
        assert policy.flip == 0.5
        assert policy.sigma == (0.1, 2.0)
        assert [policy.jitter, policy.jitter_probability, policy.gray, policy.blur, policy.solarise] == others
        assert (policy.noise, policy.extra, policy.antialias) == (0.0, (), True)


def test_the_other_plans_do_what_their_names_say() -> None:
    assert plans.NONE.policies == (Policy(),)
    assert plans.NOISE.policies == (Policy(noise=plans.NOISE.policies[0].noise),)
    assert plans.NOISE.policies[0].noise > 0
    assert plans.WEAK.policies == (Policy(shift=0.125, flip=0.5),)
    assert plans.WEAK_STRONG.policies == (*plans.WEAK.policies, *plans.STRONG.policies)
    assert plans.WEAK_CIFAR.policies == (*plans.WEAK.policies, *plans.CIFAR.policies)
    small = plans.MULTI_CROP.small
    assert small is not None
    assert small.scale == (0.05, 0.14)
    assert plans.MULTI_CROP.policies[0].scale == (0.14, 1.0)
    assert (plans.MULTI_CROP.small_views, plans.MULTI_CROP.small_side(224)) == (4, 96)


def test_every_plan_runs_without_further_libraries() -> None:
    found = [value for value in vars(plans).values() if isinstance(value, Plan)]
    assert len(found) == 13
    assert all(not policy.extra for plan in found for policy in plan.policies)
