"""Views of batches: reproducible, picture by picture, in range; and the whole pictures."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from graphurl.augment import Plan, Policy, make_views, plans, views, whole
from graphurl.augment.colour import Normalisation
from graphurl.augment.crop import blur_weights
from graphurl.augment.draws import draw
from graphurl.errors import InputError

NAMES = sorted(name for name, value in vars(plans).items() if isinstance(value, Plan))
MEAN, STD = (0.49, 0.48, 0.45), (0.25, 0.2, 0.3)


def pictures(n: int = 6, channels: int = 3, height: int = 32, width: int = 32) -> Tensor:
    """Smooth colours with grain, as bytes."""
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(n, channels, 4, 4, generator=generator)
    fine = torch.rand(n, channels, height, width, generator=generator)
    return (255 * (0.7 * interpolate(coarse, (height, width), mode="bilinear") + 0.3 * fine)).to(torch.uint8)


def made(x: Tensor, plan: Plan, count: int = 2, side: int = 24, seed: int = 0) -> tuple[list[Tensor], list[Tensor]]:
    channels = x.shape[1]
    generator = torch.Generator().manual_seed(seed)
    return make_views(x, plan, count, side, generator, mean=MEAN[:channels], std=STD[:channels])


def shown(x: Tensor) -> Tensor:
    """Views brought back to [0, 1]."""
    return Normalisation(MEAN[: x.shape[1]], STD[: x.shape[1]]).undo(x)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("channels", "height", "width"), [(3, 32, 32), (1, 20, 40)])
def test_every_plan_makes_views_in_range(
    name: str, channels: int, height: int, width: int, rng_untouched: None
) -> None:
    plan, x = getattr(plans, name), pictures(6, channels, height, width)
    before = x.clone()
    full, small = made(x, plan, 3)
    assert [tuple(view.shape) for view in full] == [(6, channels, 24, 24)] * 3
    assert [tuple(view.shape) for view in small] == [(6, channels, 10, 10)] * plan.small_views
    for view in full + small:
        assert view.dtype == torch.float32
        assert view.is_contiguous()
        if name != "NOISE":
            assert shown(view).min() > -1e-5
            assert shown(view).max() < 1 + 1e-5
    assert torch.equal(x, before)


@pytest.mark.parametrize("name", NAMES)
def test_the_same_generator_makes_the_same_bytes(name: str) -> None:
    plan, x = getattr(plans, name), pictures()
    full, small = made(x, plan)
    again, small_again = made(x, plan)
    assert all(torch.equal(a, b) for a, b in zip(full + small, again + small_again, strict=True))
    if name != "NONE":
        assert not torch.equal(full[0], full[1])
        assert not torch.equal(full[0], made(x, plan, seed=1)[0][0])


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_is_its_pictures_one_by_one(name: str) -> None:
    x, normalise = pictures(), Normalisation(MEAN, STD, 255.0)
    for policy in getattr(plans, name).policies:
        drawn = draw(policy, (6, 3, 32, 32), 24, torch.Generator().manual_seed(0))
        batch = views.render(x, policy, drawn, 24, normalise)
        for i in range(6):
            alone = views.render(x[i : i + 1], policy, drawn.part(slice(i, i + 1)), 24, normalise)
            torch.testing.assert_close(alone[0], batch[i], atol=2e-5, rtol=1e-5)


def test_blocks_make_the_same_views(monkeypatch: pytest.MonkeyPatch) -> None:
    x, plan = pictures(7), plans.BYOL
    full, _ = made(x, plan)
    monkeypatch.setattr(views, "_BLOCK", 2 * 3 * 32 * 32)
    for one, other in zip(made(x, plan)[0], full, strict=True):
        torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)
    monkeypatch.setattr(views, "_BLOCK", 1)
    torch.testing.assert_close(made(x, plan)[0][1], full[1], atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ["CIFAR", "BYOL", "NONE"])
def test_bytes_and_fractions_make_the_same_views(name: str) -> None:
    x, plan = pictures(), getattr(plans, name)
    for fractions in (x / 255, (x / 255).double()):
        for one, other in zip(made(x, plan)[0], made(fractions, plan)[0], strict=True):
            torch.testing.assert_close(one, other, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize(("height", "width", "side"), [(32, 32, 32), (32, 32, 24), (20, 33, 24), (33, 20, 8)])
def test_none_is_the_whole_picture(height: int, width: int, side: int) -> None:
    x = pictures(3, 3, height, width)
    (view,), _ = made(x, plans.NONE, 1, side)
    assert torch.equal(view, whole(x, side, mean=MEAN, std=STD))


def test_whole_is_the_centre_square_shrunk_and_normalised() -> None:
    mean, std = (torch.tensor(v)[:, None, None] for v in (MEAN, STD))
    for wide, square in ((32, slice(0, 32)), (40, slice(4, 36))):
        x = pictures(2, 3, 32, wide)
        expected = interpolate(x[..., square] / 255, (24, 24), mode="bilinear", antialias=True)
        # Pixels beside the square count at its left and right border.
        inside = slice(0, 24) if wide == 32 else slice(1, 23)
        made = whole(x, 24, mean=MEAN, std=STD)
        torch.testing.assert_close(made[..., inside], ((expected - mean) / std)[..., inside], atol=1e-5, rtol=0)
    x = pictures(2)
    torch.testing.assert_close(whole(x, 32, mean=MEAN, std=STD), (x / 255 - mean) / std, atol=2e-6, rtol=1e-5)
    one = whole(x[:, :1], 32, mean=[0.5], std=[0.5])
    torch.testing.assert_close(one, x[:, :1] / 127.5 - 1)


def test_views_take_turns_with_the_policies() -> None:
    x = pictures(2)
    plan = Plan((Policy(flip=1.0), Policy(), Policy(gray=1.0)))
    full, _ = made(x, plan, 5, 32)
    picture = whole(x, 32, mean=MEAN, std=STD)
    for flipped in (full[0], full[3]):
        torch.testing.assert_close(flipped, picture.flip(3))
    for plain in (full[1], full[4]):
        assert torch.equal(plain, picture)
    grey = shown(full[2])
    torch.testing.assert_close(grey[:, 0], grey[:, 2], atol=1e-6, rtol=0)


def test_small_views_follow_their_own_policy() -> None:
    x = pictures(2)
    full, small = made(x, Plan((Policy(),), small=Policy(flip=1.0), small_views=3, small_share=0.5), 1, 32)
    assert torch.equal(full[0], whole(x, 32, mean=MEAN, std=STD))
    for view in small:
        torch.testing.assert_close(view, whole(x, 16, mean=MEAN, std=STD).flip(3), atol=1e-5, rtol=0)
    assert made(x, plans.MULTI_CROP, 0)[0] == []


@pytest.mark.parametrize(("side", "radius"), [(224, 11), (96, 4), (32, 1), (8, 1)])
def test_blur_has_the_papers_kernel_for_the_side(side: int, radius: int) -> None:
    x = pictures(1)
    (view,), _ = made(x, Plan((Policy(blur=1.0, sigma=(2.0, 2.0)),)), 1, side)
    kernel = blur_weights(torch.tensor([2.0]), side, radius)
    expected = kernel @ whole(x, side, mean=MEAN, std=STD) @ kernel.mT
    torch.testing.assert_close(view, expected, atol=2e-5, rtol=0)


def test_solarised_views_are_turned_at_the_end() -> None:
    x = pictures(4)
    policy = Policy(scale=(0.2, 1.0), jitter=(0.4, 0.4, 0.4, 0.1), jitter_probability=1.0)
    plain = shown(made(x, Plan((policy,)), 1)[0][0])
    turned = shown(made(x, Plan((replace(policy, solarise=1.0),)), 1)[0][0])
    torch.testing.assert_close(turned, torch.where(plain >= 0.5, 1 - plain, plain), atol=1e-5, rtol=0)


def test_noise_is_gaussian_around_the_picture_and_not_clamped() -> None:
    x = pictures(64)
    noisy, _ = made(x, Plan((Policy(noise=0.2),)), 2, 32)
    drawn = [shown(view) - x / 255 for view in noisy]
    for noise in drawn:
        assert noise.mean() == pytest.approx(0, abs=0.003)
        assert noise.std() == pytest.approx(0.2, rel=0.01)
        assert (noise.abs() < 0.2).float().mean() == pytest.approx(0.683, abs=0.005)
    assert torch.corrcoef(torch.stack([noise.flatten() for noise in drawn]))[0, 1].abs() < 0.01
    assert shown(noisy[0]).min() < -0.1


def test_without_antialiasing_a_shrunk_view_is_rougher() -> None:
    x = pictures(4)
    smooth, rough = (made(x, Plan((Policy(antialias=a),)), 1, 12)[0][0] for a in (True, False))
    assert rough.diff(dim=3).abs().mean() > 1.2 * smooth.diff(dim=3).abs().mean()


def test_an_empty_batch_has_empty_views() -> None:
    full, small = made(pictures()[:0], plans.MULTI_CROP)
    assert [tuple(view.shape) for view in full + small] == [(0, 3, 24, 24)] * 2 + [(0, 3, 10, 10)] * 4


def test_wrong_calls_say_why() -> None:
    generator = torch.Generator()
    for shape in ((3, 3, 8), (2, 3, 8, 8, 8), (2, 4, 8, 8), (2, 3, 0, 8)):
        with pytest.raises(InputError, match=r"pixels have shape \(.*: give n x C x H x W with 1 or 3 channels"):
            whole(torch.zeros(shape), 8, mean=MEAN, std=STD)
    with pytest.raises(InputError, match="pixels are torch.int64: give bytes"):
        whole(torch.zeros(2, 3, 8, 8, dtype=torch.int64), 8, mean=MEAN, std=STD)
    with pytest.raises(InputError, match="side is 0: give at least 1 pixel"):
        make_views(pictures(), plans.NONE, 1, 0, generator, mean=MEAN, std=STD)
    with pytest.raises(InputError, match="count is -1"):
        make_views(pictures(), plans.NONE, -1, 8, generator, mean=MEAN, std=STD)
    with pytest.raises(InputError, match="mean has 3 values"):
        make_views(pictures(2, 1), plans.NONE, 1, 8, generator, mean=MEAN, std=STD)


@pytest.mark.gpu
@pytest.mark.parametrize("name", NAMES)
def test_another_device_makes_the_same_views(name: str) -> None:
    x, plan = pictures(), getattr(plans, name)
    here_all, there_all = ([*full, *small] for full, small in (made(x, plan), made(x.cuda(), plan)))
    for here, there in zip(here_all, there_all, strict=True):
        assert there.is_cuda
        torch.testing.assert_close(there.cpu(), here, atol=1e-3, rtol=1e-3)
