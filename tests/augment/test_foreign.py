"""Augmentations of kornia by name: reproducible, and last."""

from __future__ import annotations

import sys

import pytest
import torch
from torch import Tensor

from graphurl.augment import Plan, Policy, foreign, make_views, plans
from graphurl.errors import InputError

MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.2, 0.3)


@pytest.fixture(autouse=True)
def _needs_kornia(request: pytest.FixtureRequest) -> None:
    if "without" not in request.node.name:
        pytest.importorskip("kornia")


def pictures(n: int = 4) -> Tensor:
    return torch.rand(n, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "name",
    ["RandAugment", "RandomErasing", "RandomAffine", "RandomGaussianBlur", "RandomRotation", "RandomGaussianNoise"],
)
def test_the_seed_decides_and_the_global_state_stays(name: str, rng_untouched: None) -> None:
    x = pictures(8)
    once = foreign.augment(x, [name], 1)
    assert once.shape == x.shape
    assert once.min() >= 0 and once.max() <= 1
    assert torch.equal(once, foreign.augment(x, [name], 1))
    assert not torch.equal(once, x)
    assert not torch.equal(once, foreign.augment(x, [name], 2))


def test_names_are_applied_one_after_the_other() -> None:
    x = pictures()
    x[:, :, :, 16:] = 0.1
    flipped = foreign.augment(x, ["RandomHorizontalFlip", "RandomHorizontalFlip"], 0)
    assert all(torch.equal(row, own) or torch.equal(row, own.flip(2)) for row, own in zip(flipped, x, strict=True))
    assert torch.equal(foreign.augment(x, [], 0), x)


def test_every_name_is_offered_that_can_be_built(rng_untouched: None) -> None:
    names = foreign.known()
    assert {"RandAugment", "RandomErasing", "RandomSolarize", "TrivialAugment"} <= set(names)
    assert not {"RandomResizedCrop", "CenterCrop", "RandomDissolving", "RandomMixUpV2", "Normalize"} & set(names)
    with pytest.raises(InputError, match=r"unknown augmentation of kornia 'randaugment': did you mean 'RandAugment'\?"):
        foreign.augment(pictures(), ["randaugment"], 0)


@pytest.mark.parametrize(
    "name", ["RandomPlanckianJitter", "RandomJPEG", "RandomHue", "RandomSaturation", "RandomRGBShift"]
)
def test_grey_pictures_are_three_equal_channels_to_them(name: str) -> None:
    x = pictures()[:, :1]
    made = foreign.augment(x, [name], 1)
    assert torch.equal(made, foreign.augment(x.expand(-1, 3, -1, -1), [name], 1)[:, :1])
    assert made.shape == x.shape


def test_what_one_of_them_refuses_is_said_in_a_line() -> None:
    with pytest.raises(InputError, match=r"kornia's RandomRain does not take views of \(8, 8\) pixels: .*leave it out"):
        foreign.augment(pictures()[:, :, :8, :8], ["RandomRain"], 0)


def test_views_apply_them_before_the_normalisation() -> None:
    x = (255 * pictures()).to(torch.uint8)
    drawn = []

    class Half(torch.nn.Module):
        def forward(self, pixels: Tensor) -> Tensor:
            drawn.append(pixels.clone())
            return pixels / 2

    plan = Plan((Policy(flip=1.0, gray=1.0, extra=("Half",)),))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(foreign, "_classes", lambda: {"Half": Half})
        (view,), _ = make_views(x, plan, 1, 32, torch.Generator(), mean=MEAN, std=STD)
    grey = (x / 255 * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1, keepdim=True).flip(3)
    torch.testing.assert_close(drawn[0], grey.expand(4, 3, 32, 32), atol=1e-5, rtol=0)
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    torch.testing.assert_close(view, (drawn[0] / 2 - mean) / std, atol=1e-5, rtol=0)


def test_views_with_them_are_reproducible(rng_untouched: None) -> None:
    x, plan = (255 * pictures()).to(torch.uint8), Plan((Policy(extra=("RandAugment", "RandomErasing")),))
    one, other, third = (
        make_views(x, plan, 2, 24, torch.Generator().manual_seed(seed), mean=MEAN, std=STD)[0] for seed in (0, 0, 1)
    )
    assert torch.equal(one[0], other[0]) and torch.equal(one[1], other[1])
    assert not torch.equal(one[0], one[1])
    assert not torch.equal(one[0], third[0])


def test_without_kornia_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "kornia", None)
    x = (255 * pictures()).to(torch.uint8)
    with pytest.raises(InputError, match=r'kornia is not installed: pip install "graphurl\[vision\]"'):
        make_views(x, Plan((Policy(extra=("RandAugment",)),)), 1, 8, torch.Generator(), mean=MEAN, std=STD)
    with pytest.raises(InputError, match="kornia is not installed"):
        foreign.known()
    assert len(make_views(x, plans.CIFAR, 1, 8, torch.Generator(), mean=MEAN, std=STD)[0]) == 1
