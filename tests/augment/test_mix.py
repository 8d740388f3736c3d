"""Mixtures: what they keep of whom."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.augment import cutmix, mixup
from graphurl.errors import InputError

PARTNER = torch.tensor([2, 0, 3, 1])


def noise(*shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("ratio", [0.0, 0.3, 0.75, 1.0])
def test_mixup_is_the_weighted_sum(ratio: float) -> None:
    x = noise(4, 3, 5, 6)
    expected = torch.stack([ratio * x[i] + (1 - ratio) * x[j] for i, j in enumerate(PARTNER.tolist())])
    torch.testing.assert_close(mixup(x, PARTNER, ratio), expected)
    assert torch.equal(mixup(x, PARTNER, 1.0), x)
    assert torch.equal(mixup(x, PARTNER, 0.0), x[PARTNER])


@given(st.floats(0, 1), st.integers(1, 12), st.integers(1, 12), st.integers(0, 5))
def test_cutmix_keeps_the_share_that_it_says(ratio: float, height: int, width: int, seed: int) -> None:
    # Picture i is filled with i, so that every pixel tells whose it is.
    x = torch.arange(4.0)[:, None, None, None].expand(4, 2, height, width).clone()
    mixed, kept = cutmix(x, PARTNER, ratio, torch.Generator().manual_seed(seed))
    own, other = mixed == x, mixed == x[PARTNER]
    assert (own ^ other).all()
    assert own.float().mean((1, 2, 3)).tolist() == pytest.approx([kept] * 4)
    assert (own == own[0, 0]).all()
    # Rounding both sides to whole pixels moves the area by less than half a row and half a column.
    assert kept == pytest.approx(ratio, abs=0.5 / height + 0.5 / width + 0.25 / (height * width) + 1e-6)
    rows, cols = (other[0, 0].any(dim).nonzero().flatten() for dim in (1, 0))
    assert len(rows) * len(cols) == other[0, 0].sum()
    assert torch.equal(x, torch.arange(4.0)[:, None, None, None].expand_as(x))


def test_cutmix_takes_the_same_place_from_the_partner() -> None:
    x = noise(4, 3, 16, 16)
    mixed, kept = cutmix(x, PARTNER, 0.6, torch.Generator().manual_seed(3))
    assert (((mixed == x) | (mixed == x[PARTNER])).all()) and 0.4 < kept < 0.8
    again, _ = cutmix(x, PARTNER, 0.6, torch.Generator().manual_seed(3))
    assert torch.equal(mixed, again)


def test_cutmix_puts_its_rectangle_everywhere() -> None:
    x = torch.arange(4.0)[:, None, None, None].expand(4, 1, 8, 8)
    generator = torch.Generator().manual_seed(0)
    cut = torch.stack([(cutmix(x, PARTNER, 0.5, generator)[0][0] != x[0]) for _ in range(200)])
    corners = cut[:, 0, ::7, ::7].float().mean(0)
    assert ((corners > 0.05) & (corners < 0.25)).all()


@pytest.mark.parametrize("ratio", [-0.1, 1.1, float("nan")])
def test_a_ratio_that_is_no_share_is_refused(ratio: float) -> None:
    x = noise(4, 3, 5, 6)
    with pytest.raises(InputError, match="ratio is .*: give a share from 0 to 1"):
        mixup(x, PARTNER, ratio)
    with pytest.raises(InputError, match="ratio is .*: give a share from 0 to 1"):
        cutmix(x, PARTNER, ratio, torch.Generator())
