from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.data.samples import Samples
from graphurl.data.stacks import Picked, Stack
from graphurl.data.variants import correlated, first_of_each, long_tailed, pick, variant
from graphurl.errors import InputError
from graphurl.graphs.graph import Graph

pytestmark = pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
CLASSES = ("a", "b", "c")


def some(per_class: tuple[int, ...] = (40, 40, 40), test: int = 30, form: str = "images", **more: Any) -> Samples:
    """Rows or pictures whose content is their number; a third of the rows, spread among all, is for testing."""
    generator = torch.Generator().manual_seed(0)
    n = sum(per_class) + test
    order = torch.randperm(n, generator=generator)
    y = torch.cat([torch.arange(len(per_class)).repeat_interleave(torch.tensor(per_class)), torch.arange(test) % 3])
    train = torch.arange(n) < sum(per_class)
    number = torch.arange(n)
    if form == "images":
        content: dict[str, Any] = {"images": Stack(number.to(torch.uint8)[:, None, None, None].repeat(1, 1, 8, 8))}
    else:
        x = torch.stack([number.float(), torch.ones(n)], 1)
        content = {"x": x.to_sparse_csr() if form == "sparse" else x}
    parts = {"y": y[order], "classes": CLASSES, "splits": {"train": train[order], "test": ~train[order]}, **content}
    return Samples("s", **{**parts, **more})


def numbers(samples: Samples) -> Tensor:
    """The row numbers in the original data that the content tells."""
    if samples.images is not None:
        return samples.images.take(torch.arange(len(samples)))[:, 0, 0, 0].long()
    assert samples.x is not None
    return samples.x.to_dense()[:, 0].long()


def fits(made: Samples, old: Samples) -> None:
    """Every part of each row is still that of its original."""
    rows = numbers(made)
    assert made.y is not None and old.y is not None
    assert torch.equal(made.y, old.y[rows])
    assert made.ids == tuple(map(str, rows.tolist()))
    for name, mask in made.splits.items():
        assert torch.equal(mask, old.splits[name][rows])
    assert rows.tolist() == sorted(rows.tolist())
    held_out = old.splits["test"].nonzero()[:, 0].tolist()
    assert set(held_out) <= set(rows.tolist())


def counts(samples: Samples) -> list[int]:
    assert samples.y is not None
    return samples.y[samples.splits["train"]].bincount().tolist()


@pytest.mark.parametrize("form", ["images", "x", "sparse"])
def test_a_long_tail_falls_exponentially(form: str) -> None:
    old = some(form=form)
    made = long_tailed(old, 16, seed=0)
    assert counts(made) == [40, 10, 2]  # 40, 40/4, 40/16 = 2.5 rounded to even
    fits(made, old)
    assert (made.name, made.classes, made.shape) == (old.name, old.classes, old.shape)
    assert counts(old) == [40, 40, 40]
    if form == "sparse":
        assert made.x is not None
        assert made.x.layout == torch.sparse_csr
        assert torch.equal(made.x.to_dense()[:, 1], torch.ones(len(made)))


def test_the_tail_of_ten_classes_is_that_of_the_formula() -> None:
    y = torch.arange(10).repeat_interleave(100)
    made = long_tailed(Samples("s", torch.rand(1000, 2), y=y), 50, seed=0)
    assert made.y is not None
    assert made.y.bincount().tolist() == [round(100 * 50 ** (-c / 9)) for c in range(10)]


@given(st.floats(1, 1e6), st.lists(st.integers(1, 40), min_size=3, max_size=3))
def test_a_tail_keeps_the_bounds(factor: float, sizes: list[int]) -> None:
    old = some(tuple(sizes))
    made = counts(long_tailed(old, factor, seed=1))
    assert all(1 <= kept <= size for kept, size in zip(made, sizes, strict=True))
    for c, (kept, size) in enumerate(zip(made, sizes, strict=True)):
        assert kept == min(size, max(1, round(max(sizes) * factor ** (-c / 2))))


def test_which_rows_are_kept_is_the_seeds_choice(rng_untouched: None) -> None:
    old = some()
    for make in (lambda seed: long_tailed(old, 16, seed), lambda seed: first_of_each(old, 9, seed)):
        first, again, other = (numbers(make(seed)).tolist() for seed in (0, 0, 1))
        assert first == again
        assert first != other
    near = [correlated(old, 5, 4, seed=seed) for seed in (0, 0, 1)]
    taken = [samples.images.take(torch.arange(20)) for samples in near]  # type: ignore[union-attr]
    assert torch.equal(taken[0], taken[1])
    assert near[0].ids != near[2].ids
    assert not torch.equal(taken[0], taken[2])


@pytest.mark.parametrize("form", ["images", "x", "sparse"])
def test_a_subset_is_balanced(form: str) -> None:
    old = some((40, 30, 20), form=form)
    made = first_of_each(old, 12, seed=3)
    assert counts(made) == [12, 12, 12]
    fits(made, old)
    assert set(numbers(first_of_each(old, 5, seed=3)).tolist()) < set(numbers(made).tolist())


def test_rows_without_labels() -> None:
    bare = some(y=None, classes=None)
    assert int(first_of_each(bare, 50, seed=0).splits["train"].sum()) == 50
    with pytest.raises(InputError, match="give labels of at least two"):
        long_tailed(bare, 50, seed=0)
    unknown = some(y=torch.full((150,), -1))
    assert int(first_of_each(unknown, 50, seed=0).splits["train"].sum()) == 50
    partly = some()
    assert partly.y is not None
    hidden = numbers(partly) % 2 == 1
    made = first_of_each(some(y=partly.y.masked_fill(hidden, -1)), 7, seed=0)
    assert counts(made) == [7, 7, 7]
    assert int(made.splits["test"].sum()) == 30


def test_training_rows_are_those_of_no_held_out_split() -> None:
    masks = {"unlabeled": torch.arange(150) >= 60, "val": torch.arange(150) < 30}
    made = first_of_each(some(splits=masks), 10, seed=0)
    assert len(made) == 30 + 30
    assert int(made.splits["val"].sum()) == 30
    assert len(first_of_each(some(splits={}), 10, seed=0)) == 30
    with pytest.raises(InputError, match="all rows are for validation or test"):
        first_of_each(some(splits={"test": torch.ones(150, dtype=torch.bool)}), 10, seed=0)


def pictures(n: int = 90, side: int = 32) -> Samples:
    """Smooth pictures, each with a gradient of its own."""
    slope = torch.rand(n, 3, 1, 1, generator=torch.Generator().manual_seed(0)) * 2
    ramp = slope * torch.arange(side) + 60 + 20 * torch.arange(side)[:, None] / side
    train = torch.arange(n) < 60
    return Samples(
        "p", images=Stack(ramp.to(torch.uint8)), y=torch.arange(n) % 3, splits={"train": train, "test": ~train},
        ids=tuple(f"n{row}" for row in range(n)),
    )  # fmt: skip


def test_near_copies_are_near_and_differ() -> None:
    old = pictures()
    made = correlated(old, 7, 5, seed=0)
    assert made.ids is not None and made.y is not None and made.images is not None and old.images is not None
    assert len(made) == 7 * 5 + 30
    assert made.ids[:6] == (*(f"{made.ids[0][:-2]}#{copy}" for copy in range(5)), made.ids[5])
    originals = [int(name[1:].split("#")[0]) for name in made.ids[:35:5]]
    assert len(set(originals)) == 7 and originals == sorted(originals)
    assert sorted(torch.tensor([row % 3 for row in originals]).bincount().tolist()) == [2, 2, 3]
    assert made.y[:35].tolist() == [row % 3 for row in originals for _ in range(5)]
    assert made.splits["train"].tolist() == [True] * 35 + [False] * 30
    copies = made.images.take(torch.arange(35)).float()
    assert torch.equal(copies, made.images.take(torch.arange(35)).float())  # drawn once
    sources = old.images.take(torch.tensor(originals)).float().repeat_interleave(5, 0)
    apart = (copies - sources).abs().mean((1, 2, 3))
    assert apart.min() > 1 and apart.max() < 0.15 * 150 + 10
    light = copies.mean((1, 2, 3)) / sources.mean((1, 2, 3))
    assert light.min() > 0.8 and light.max() < 1.2 and light.std() > 0.05
    held_out = torch.arange(60, 90)
    assert torch.equal(made.images.take(torch.arange(35, 65)), old.images.take(held_out))
    assert made.ids[35:] == tuple(f"n{row}" for row in range(60, 90))


def test_copies_are_moved_by_whole_pixels_and_edges_repeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphurl.data.variants._NOISE", 0.0)
    monkeypatch.setattr("graphurl.data.variants._BRIGHTNESS", 0.0)
    image = torch.randint(0, 256, (1, 3, 32, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    made = correlated(Samples("p", images=Stack(image)), 1, 200, seed=0)
    padded = torch.nn.functional.pad(image.float(), (1, 1, 2, 2), mode="replicate")[0].byte()
    moved = [padded[:, dy : dy + 32, dx : dx + 20] for dy in range(5) for dx in range(3)]
    assert made.images is not None
    kinds = [
        next(k for k, shift in enumerate(moved) if torch.equal(copy, shift))
        for copy in made.images.take(torch.arange(200))
    ]
    assert set(kinds) == set(range(15))


def test_light_and_noise_end_at_black_and_white() -> None:
    ends = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 1, 16, 16)
    made = correlated(Samples("p", images=Stack(ends)), 2, 50, seed=0)
    assert made.images is not None
    assert made.images.take(torch.arange(50)).max() < 40
    assert made.images.take(torch.arange(50, 100)).min() > 180


@pytest.mark.parametrize("side", [1, 2])
def test_tiny_pictures_have_near_copies(side: int) -> None:
    made = correlated(Samples("p", images=Stack(torch.full((2, 1, side, side), 9, dtype=torch.uint8))), 2, 3, seed=0)
    assert len(made) == 6
    assert made.shape == (1, side, side)


def test_copies_of_rows_that_are_pictures() -> None:
    made = correlated(
        Samples("p", torch.rand(4, 12), shape=(3, 2, 2), feature_names=tuple("abcdefghijkl")), 2, 3, seed=0
    )
    assert made.x is None
    assert made.ids is not None
    assert [name.split("#")[1] for name in made.ids] == ["0", "1", "2"] * 2
    with pytest.raises(InputError, match="no pictures"):
        correlated(Samples("p", torch.rand(4, 12)), 2, 3, seed=0)


def test_many_copies_are_made_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphurl.data.variants._CHUNK", 4)
    made = correlated(pictures(), 3, 5, seed=0)
    assert made.images is not None
    assert len(made.images) == 15 + 30


def test_variants_by_name() -> None:
    old = some()
    made = variant(old, "long-tailed:16 + subset:2", seed=4)
    assert counts(made) == [2, 2, 2]
    assert torch.equal(numbers(made), numbers(first_of_each(long_tailed(old, 16, 4), 2, 4)))
    assert made.provenance == {"variant": "long-tailed:16 + subset:2", "variant_seed": 4}
    near = variant(old, "correlated:6x5")
    assert near.ids == correlated(old, 6, 5, 0).ids
    assert counts(variant(old, "long-tailed:2.5")) == [40, 25, 16]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("tail:5", "unknown variant 'tail'.*choose one of correlated:OBJECTSxCOPIES, links:SHARE, .*subset:COUNT"),
        ("", "unknown variant ''"),
        ("subset:5+", "unknown variant ''"),
        ("long-tailed", "variant 'long-tailed': write it as long-tailed:FACTOR, such as long-tailed:50"),
        ("correlated:5", "write it as correlated:OBJECTSxCOPIES"),
        ("subset:-5", "write it as subset:COUNT"),
        ("long-tailed:0.5", "at least 1"),
        ("subset:0", "give 1 to 40"),
        ("subset:41", "subset:41: the smallest class of s has 40 rows"),
        ("correlated:121x2", "give 1 to 120 objects"),
        ("correlated:0x2", "give 1 to 120 objects"),
        ("correlated:5x0", "at least 1 copy"),
    ],
)
def test_wrong_variants_are_refused(text: str, error: str) -> None:
    with pytest.raises(InputError, match=error):
        variant(some(), text)


def test_data_with_a_graph_are_refused() -> None:
    graph = Graph.from_edges([0, 1], [1, 0], 4)
    with pytest.raises(InputError, match="comes with a graph"):
        variant(Samples("g", torch.rand(4, 2), graph=graph), "subset:2")


@pytest.mark.parametrize("form", ["images", "x", "sparse"])
def test_picking_takes_rows_in_any_order_and_again(form: str) -> None:
    old = some(form=form, ids=tuple(f"n{row}" for row in range(150)))
    rows = torch.tensor([140, 3, 3, 77])
    made = pick(old, rows)
    assert torch.equal(numbers(made), rows)
    assert made.ids == ("n140", "n3", "n3", "n77")
    if form == "images":
        assert isinstance(made.images, Picked)
