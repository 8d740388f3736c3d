"""What is drawn: ranges, shares, and the same numbers for every policy."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.augment.draws import Draw, draw
from graphurl.augment.policy import Policy

MANY = 4000


def drawn(policy: Policy, n: int = MANY, size: tuple[int, int] = (32, 32), channels: int = 3, seed: int = 0) -> Draw:
    return draw(policy, (n, channels, *size), 24, torch.Generator().manual_seed(seed))


@given(
    st.integers(1, 60), st.integers(1, 60), st.floats(0.01, 1), st.floats(0.01, 1), st.floats(0.2, 1), st.floats(1, 5)
)
def test_crops_lie_inside_and_have_area_and_ratio(
    height: int, width: int, one: float, other: float, low: float, high: float
) -> None:
    scale = (min(one, other), max(one, other))
    left, top, wide, tall = drawn(Policy(scale=scale, ratio=(low, high)), 50, (height, width)).box.unbind(1)
    assert left.min() >= 0
    assert top.min() >= 0
    assert (left + wide).max() <= width * (1 + 1e-5)
    assert (top + tall).max() <= height * (1 + 1e-5)
    ratio = wide / tall
    assert ratio.min() >= low * (1 - 1e-4)
    assert ratio.max() <= high * (1 + 1e-4)
    share = wide * tall / (height * width)
    assert share.max() <= scale[1] * (1 + 1e-4)
    # Where no attempt fits, the largest crop that does may be smaller than asked for.
    nearest = min(max(width / height, low), high)
    largest = min(width, height * nearest) * min(height, width / nearest) / (height * width)
    assert share.min() >= min(scale[0], largest) * (1 - 1e-4)


def test_area_log_ratio_and_place_are_uniform() -> None:
    # These fit at the first attempt.
    left, top, wide, tall = drawn(Policy(scale=(0.1, 0.4))).box.unbind(1)
    area, slant = wide * tall / 32**2, (wide / tall).log() / math.log(4 / 3)
    for values, low, high in (
        (area, 0.1, 0.4), (slant, -1, 1), (left / (32 - wide), 0, 1), (top / (32 - tall), 0, 1),
    ):  # fmt: skip
        spread = (high - low) / math.sqrt(12)
        assert values.mean() == pytest.approx((low + high) / 2, abs=4 * spread / math.sqrt(MANY))
        assert values.std() == pytest.approx(spread, rel=0.05)
    assert torch.corrcoef(torch.stack([area, slant, left / (32 - wide), top / (32 - tall)])).tril(-1).abs().max() < 0.06


def test_a_crop_that_never_fits_is_the_largest_one() -> None:
    box = drawn(Policy(scale=(1.0, 1.0), ratio=(1.0, 1.0)), 5, (10, 25)).box
    assert torch.equal(box[:, 2:], torch.full((5, 2), 10.0))
    assert len(box[:, 0].unique()) == 5
    box = drawn(Policy(scale=(1.0, 1.0), ratio=(1.0, 1.5)), 5, (10, 25)).box
    assert torch.equal(box[:, 2:], torch.tensor([[15.0, 10.0]]).expand(5, 2))
    box = drawn(Policy(scale=(1.0, 1.0), ratio=(0.5, 1.0)), 5, (10, 25)).box
    assert torch.equal(box[:, 2:], torch.full((5, 2), 10.0))
    # Hardly anything fits here, and the square of 9 x 9 would be more than 64 %.
    size = drawn(Policy(scale=(0.63, 0.64), ratio=(0.5, 1.0)), 50, (9, 14)).box[:, 2:]
    assert size.prod(1).max() <= 0.64 * 9 * 14 * (1 + 1e-5)
    assert torch.allclose(size.median(0).values, torch.tensor(math.sqrt(0.64 * 9 * 14)))


def test_hardly_any_crop_is_given_up() -> None:
    size = drawn(Policy(scale=(0.8, 1.0))).box[:, 2:]
    # Half of these crops do not fit at the first attempt; one in a thousand fails ten times.
    assert (size == 32).all(1).float().mean() < 0.03


def test_without_a_crop_it_is_the_centre_square() -> None:
    assert torch.equal(drawn(Policy(), 2, (20, 30)).box, torch.tensor([[5.0, 0, 20, 20]]).expand(2, 4))


def test_shifts_move_the_box_beyond_the_picture() -> None:
    box = drawn(Policy(shift=0.125)).box
    assert torch.equal(box[:, 2:], torch.full((MANY, 2), 32.0))
    assert box[:, :2].abs().max() <= 4
    assert box[:, :2].amin(0).max() < -3.9
    assert box[:, :2].amax(0).min() > 3.9
    assert torch.corrcoef(box[:, :2].T)[0, 1].abs() < 0.06


def test_shares_are_the_probabilities() -> None:
    policy = Policy(flip=0.3, jitter=(0.4, 0, 0, 0), jitter_probability=0.7, gray=0.2, blur=0.6, solarise=0.1)
    made = drawn(policy)
    assert made.matrix is not None and made.sigma is not None and made.solarised is not None
    grey = (made.matrix[:, 0] == made.matrix[:, 1]).all(1)
    happened = torch.stack(
        [made.box[:, 2] < 0, made.matrix.sum((1, 2)).sub(3).abs() > 1e-5, grey, made.sigma > 0, made.solarised]
    )
    expected = torch.tensor([0.3, 0.7, 0.2, 0.6, 0.1])
    assert ((happened.float().mean(1) - expected).abs() < 4 * (expected * (1 - expected) / MANY).sqrt()).all()
    assert torch.corrcoef(happened.float()).tril(-1).abs().max() < 0.06


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_never_and_always(p: float) -> None:
    policy = Policy(flip=p, jitter=(0.4, 0, 0, 0), jitter_probability=p, blur=p, solarise=p)
    made = drawn(policy, 200)
    assert (made.box[:, 2] < 0).all() == bool(p)
    for value in (made.matrix, made.lift, made.sigma, made.solarised):
        assert (value is not None) == bool(p)
    if made.sigma is not None and made.solarised is not None:
        assert (made.sigma > 0).all() and made.solarised.all()


def test_a_mirrored_box_is_the_same_box_from_the_right() -> None:
    plain, mirrored = (drawn(Policy(scale=(0.2, 1.0), flip=p), 50).box for p in (0.0, 1.0))
    assert torch.equal(mirrored[:, 0], plain[:, 0] + plain[:, 2])
    assert torch.equal(mirrored[:, 1:], plain[:, 1:] * torch.tensor([1.0, -1.0, 1.0]))


@pytest.mark.parametrize(("which", "strength", "low", "high"), [(0, 0.4, 0.6, 1.4), (0, 1.5, 0.0, 2.5)])
def test_brightness_is_uniform_around_one(which: int, strength: float, low: float, high: float) -> None:
    jitter = tuple(strength if i == which else 0.0 for i in range(4))
    made = drawn(Policy(jitter=jitter, jitter_probability=1.0))  # type: ignore[arg-type]
    assert made.matrix is not None
    value = made.matrix[:, 0].sum(1)
    assert value.min() == pytest.approx(low, abs=0.01)
    assert value.max() == pytest.approx(high, abs=0.01)
    assert value.median() == pytest.approx(1, abs=4 * strength / math.sqrt(MANY))


def test_contrast_lifts_and_saturation_and_hue_turn() -> None:
    contrast = drawn(Policy(jitter=(0, 0.4, 0, 0), jitter_probability=1.0))
    assert contrast.matrix is not None and contrast.lift is not None
    torch.testing.assert_close(contrast.matrix[:, 0, 0] + contrast.lift, torch.ones(MANY))
    assert (contrast.lift.min(), contrast.lift.max()) == pytest.approx((-0.4, 0.4), abs=0.01)
    hue = drawn(Policy(jitter=(0, 0, 0, 0.1), jitter_probability=1.0))
    assert hue.matrix is not None
    # The trace of a rotation is 1 + 2 cos, the sign that of its antisymmetric part.
    angle = torch.acos(((hue.matrix.diagonal(dim1=1, dim2=2).sum(1) - 1) / 2).clamp(-1, 1))
    turn = angle / (2 * math.pi) * (hue.matrix[:, 1, 0] - hue.matrix[:, 0, 1]).sign()
    assert (turn.min(), turn.max()) == pytest.approx((-0.1, 0.1), abs=0.001)
    saturation = drawn(Policy(jitter=(0, 0, 0.4, 0), jitter_probability=1.0))
    assert saturation.matrix is not None
    value = saturation.matrix[:, 0, 0] - saturation.matrix[:, 1, 0]
    assert (value.min(), value.max()) == pytest.approx((0.6, 1.4), abs=0.01)


def test_sigma_noise_and_seed(rng_untouched: None) -> None:
    made = drawn(Policy(blur=1.0, sigma=(0.5, 1.5), noise=0.3, extra=("RandAugment",)), 100)
    assert made.sigma is not None and made.noise is not None and made.seed is not None
    assert (made.sigma.min(), made.sigma.max()) == pytest.approx((0.5, 1.5), abs=0.05)
    assert made.noise.shape == (100, 3, 24, 24)
    assert made.noise.std() == pytest.approx(0.3, rel=0.02)
    assert made.seed != drawn(Policy(extra=("RandAugment",)), 100, seed=1).seed


def test_policies_are_compared_on_equal_crops(rng_untouched: None) -> None:
    crops = Policy(scale=(0.2, 1.0), flip=0.5)
    more = Policy(scale=(0.2, 1.0), flip=0.5, jitter=(0.4,) * 4, jitter_probability=0.8, gray=0.2, blur=0.5)
    assert torch.equal(drawn(crops, 20).box, drawn(more, 20).box)
    assert not torch.equal(drawn(crops, 20).box, drawn(crops, 20, seed=1).box)


def test_a_part_has_the_numbers_of_its_pictures() -> None:
    policy = Policy(scale=(0.2, 1.0), blur=1.0, noise=0.1, extra=("RandAugment",))
    made = drawn(policy, 5)
    part = made.part(slice(1, 3))
    assert made.sigma is not None and made.noise is not None
    assert part.sigma is not None and part.noise is not None
    assert torch.equal(part.box, made.box[1:3])
    assert torch.equal(part.sigma, made.sigma[1:3])
    assert torch.equal(part.noise, made.noise[1:3])
    assert (part.matrix, part.seed) == (None, made.seed)
    assert made.to(torch.device("meta")).box.is_meta
