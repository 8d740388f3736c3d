from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.data.splits import check_disjoint, pick_column, planetoid_split, random_split, random_splits
from graphurl.errors import InputError


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(
    n=st.integers(1, 200),
    train=st.floats(0, 0.6),
    val=st.floats(0, 0.2),
    test=st.floats(0, 0.2),
    seed=st.integers(0, 99),
)
def test_fractions_have_their_size_by_name_and_are_disjoint(
    n: int, train: float, val: float, test: float, seed: int
) -> None:
    fractions = {"train": train, "val": val, "test": test}
    masks = random_split(n, fractions, generator=seeded(seed))
    for name, fraction in fractions.items():
        assert abs(int(masks[name].sum()) - fraction * n) < 1, name
    assert abs(sum(int(mask.sum()) for mask in masks.values()) - (train + val + test) * n) <= 0.5 + 1e-6
    check_disjoint(masks)


@given(n=st.integers(1, 100), shares=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_fractions_that_sum_to_one_use_every_sample(n: int, shares: list[int]) -> None:
    fractions = {str(i): share / sum(shares) for i, share in enumerate(shares)}
    masks = random_split(n, fractions, generator=seeded())
    assert torch.stack(list(masks.values())).sum(0).eq(1).all()


@given(sizes=st.lists(st.integers(0, 20), min_size=3, max_size=3), spare=st.integers(1, 20))
def test_counts_are_exact_by_name(sizes: list[int], spare: int) -> None:
    counts = dict(zip(("train", "val", "test"), sizes, strict=True))
    masks = random_split(sum(sizes) + spare, counts, generator=seeded())
    assert {name: int(mask.sum()) for name, mask in masks.items()} == counts
    check_disjoint(masks)


@given(seed=st.integers(0, 200), parts=st.lists(st.integers(5, 60), min_size=2, max_size=4))
def test_stratified_keeps_shares_and_sizes(seed: int, parts: list[int]) -> None:
    y = torch.cat([torch.full((size,), label) for label, size in enumerate(parts)])
    y = torch.cat([y, torch.full((7,), -1)])
    masks = random_split(
        y, {"train": 0.5, "val": 0.25, "test": 0.25}, generator=seeded(seed), stratified=True
    )
    n = sum(parts)
    assert sum(int(mask.sum()) for mask in masks.values()) == n
    check_disjoint(masks)
    for name, share in (("train", 0.5), ("val", 0.25), ("test", 0.25)):
        assert not masks[name][y == -1].any()
        for label, size in enumerate(parts):
            # Each cut of the spread order is off by one per class at most, a stretch has two cuts.
            assert abs(int((masks[name] & (y == label)).sum()) - share * size) <= 2 * (1 + len(parts))


def test_stratified_is_close_to_even() -> None:
    y = torch.arange(10).repeat_interleave(100)
    masks = random_split(y, generator=seeded(), stratified=True)
    for name, count in (("train", 60), ("val", 20), ("test", 20)):
        assert ((torch.bincount(y[masks[name]], minlength=10) - count).abs() <= 1).all()


def test_same_seed_same_split_and_global_state_untouched(rng_untouched: None) -> None:
    first, second, other = (random_split(50, generator=seeded(seed)) for seed in (1, 1, 2))
    assert torch.equal(first["train"], second["train"])
    assert not torch.equal(first["train"], other["train"])


def test_several_splits_differ() -> None:
    splits = random_splits(40, 3, {"train": 10, "test": 30}, generator=seeded())
    assert len(splits) == 3
    assert not torch.equal(splits[0]["train"], splits[1]["train"])


@given(seed=st.integers(0, 50))
def test_planetoid_split_by_name(seed: int) -> None:
    y = torch.cat([torch.arange(4).repeat(30), torch.full((5,), -1)])
    masks = planetoid_split(y, generator=seeded(seed), per_class=5, val=20, test=40)
    assert torch.bincount(y[masks["train"]]).tolist() == [5, 5, 5, 5]
    assert (int(masks["val"].sum()), int(masks["test"].sum())) == (20, 40)
    assert not any(mask[y == -1].any() for mask in masks.values())
    check_disjoint(masks)


@pytest.mark.parametrize(
    ("settings", "text"),
    [({"per_class": 31}, "class 0: 30 samples"), ({"val": 60, "test": 60}, "100 samples remain")],
)
def test_planetoid_split_too_small(settings: dict[str, int], text: str) -> None:
    y = torch.arange(4).repeat(30)
    with pytest.raises(InputError, match=text):
        planetoid_split(y, generator=seeded(), **{"per_class": 5, "val": 1, "test": 1, **settings})


@pytest.mark.parametrize(
    ("sizes", "text"),
    [
        ({}, "no split named"),
        ({"train": 0.8, "test": 0.3}, "sum to 1.1"),
        ({"train": -0.1, "test": 0.3}, ">= 0"),
        ({"train": 8, "test": 3}, "at most 10"),
        ({"train": -1, "test": 3}, "counts >= 0"),
        ({"train": 8, "test": 0.2}, "mix counts and fractions"),
    ],
)
def test_impossible_sizes(sizes: dict[str, float], text: str) -> None:
    with pytest.raises(InputError, match=text):
        random_split(10, sizes, generator=seeded())


def test_stratified_without_labels() -> None:
    with pytest.raises(InputError, match="needs the labels"):
        random_split(10, generator=seeded(), stratified=True)
    with pytest.raises(InputError, match="at least 1"):
        random_splits(10, 0, generator=seeded())


def test_masks_with_several_columns() -> None:
    mask = torch.tensor([[1, 0], [0, 1], [0, 1]])
    assert pick_column(mask, 1).tolist() == [False, True, True]
    assert pick_column(mask[:, 0], 1).tolist() == [True, False, False]
    with pytest.raises(InputError, match="split 2 of a mask with 2 columns"):
        pick_column(mask, 2)
    with pytest.raises(InputError, match="shape"):
        pick_column(torch.zeros(2, 2, 2))


def test_overlap_is_named() -> None:
    one, two = torch.tensor([True, True, False]), torch.tensor([False, True, True])
    with pytest.raises(InputError, match="'a' and 'b' share 1 rows, the first is 1"):
        check_disjoint({"a": one, "b": two})
