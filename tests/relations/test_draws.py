"""Batches of views: every picture once an epoch, in the right place, and on from the middle of an epoch."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.augment.plans import MULTI_CROP, NONE
from graphurl.augment.policy import Plan, Policy
from graphurl.data.stacks import Stack
from graphurl.errors import InputError
from graphurl.relations import Batch
from graphurl.relations.draws import ViewBatches, Viewing
from graphurl.relations.views import Views

SIDE = 4
#: The second view is mirrored; a third would be like the first.
MIRRORED = Plan((Policy(), Policy(flip=1.0)))


def pictures(n: int) -> Stack:
    """Grey pictures: brightness 10 times the number, one more from column to column."""
    columns = torch.arange(SIDE).expand(n, 1, SIDE, SIDE)
    return Stack((10 * torch.arange(n).view(n, 1, 1, 1) + columns).to(torch.uint8))


def viewing(plan: Plan = NONE, count: int = 2, mix: str = "none") -> Viewing:
    return Viewing(plan, count, SIDE, [0.0], [1 / 255], mix)


def batches(draw: ViewBatches, generator: torch.Generator, count: int | None = None) -> list[Batch]:
    return [draw(generator) for _ in range(draw.steps if count is None else count)]


def shown(x: Tensor) -> list[int]:
    """Which pictures these are, told by their pixels."""
    return [round((float(picture.mean()) - 1.5) / 10) for picture in x]


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(n=st.integers(2, 25), size=st.integers(0, 30), seed=st.integers(0, 100))
def test_each_epoch_shows_every_picture_once_but_for_what_fills_no_batch(n: int, size: int, seed: int) -> None:
    draw, generator = ViewBatches(pictures(n), viewing(count=1), size), seeded(seed)
    expected = n if size == 0 or size > n else size
    for _ in range(3):
        seen = []
        for batch in batches(draw, generator):
            assert len(batch.nodes) == expected
            assert shown(batch.inputs.x) == batch.nodes.tolist()
            seen += batch.nodes.tolist()
        assert len(set(seen)) == len(seen) == n - n % expected


def test_each_epoch_has_another_order_and_none_is_left_out_for_good() -> None:
    draw, generator = ViewBatches(pictures(11), viewing(), 4), seeded()
    assert draw.steps == 2
    orders = [[i for batch in batches(draw, generator) for i in batch.nodes.tolist()] for _ in range(12)]
    assert len({tuple(order) for order in orders}) == 12
    left_out = [set(range(11)) - set(order) for order in orders]
    assert len({tuple(sorted(rest)) for rest in left_out}) > 4


def test_all_randomness_lies_in_the_generator(rng_untouched: None) -> None:
    plan = Plan((Policy(scale=(0.2, 1.0), flip=0.5),))
    first, again, other = (
        ViewBatches(pictures(9), viewing(plan, mix="cutmix"), 4)(seeded(seed)) for seed in (0, 0, 1)
    )
    assert torch.equal(first.inputs.x, again.inputs.x)
    assert torch.equal(first.notes["partner"], again.notes["partner"])
    assert not torch.equal(first.inputs.x, other.inputs.x)


def test_a_batch_stays_as_it_is_when_the_next_is_drawn() -> None:
    draw, generator = ViewBatches(pictures(6), viewing(), 6), seeded()
    first = draw(generator)
    kept = first.nodes.clone()
    batches(draw, generator, 3)
    assert torch.equal(first.nodes, kept)


@pytest.mark.parametrize("mix", ["none", "mixup", "cutmix"])
def test_rows_come_in_the_order_that_views_are_taken_apart(mix: str) -> None:
    small = replace(MULTI_CROP, policies=MIRRORED.policies, small=Policy(flip=1.0), small_views=2, small_share=0.5)
    batch = ViewBatches(pictures(12), viewing(small, mix=mix), 5)(seeded(3))
    n, plain = 5, pictures(12).take(batch.nodes).float()
    assert batch.views == 2
    assert batch.inputs.x.shape == ((3 if mix != "none" else 2) * n, 1, SIDE, SIDE)
    assert [stack.shape for stack in batch.inputs.more] == [(2 * n, 1, SIDE // 2, SIDE // 2)]
    torch.testing.assert_close(batch.inputs.x[:n], plain)
    torch.testing.assert_close(batch.inputs.x[n : 2 * n], plain.flip(3))
    assert shown(batch.inputs.more[0]) == batch.nodes.tolist() * 2
    assert bool((batch.inputs.more[0].diff(dim=3) < 0).all())
    z = torch.cat([batch.inputs.x.mean((1, 2, 3)), batch.inputs.more[0].mean((1, 2, 3))])[:, None]
    views = Views.of(batch, z)
    for view in (*views.full, *views.small):
        torch.testing.assert_close(view, plain.mean((2, 3)))
    assert (views.mixed is None) == (mix == "none")
    if views.mixed is not None:
        r, partner = batch.notes["ratio"], batch.notes["partner"]
        torch.testing.assert_close(views.mixed, batch.inputs.x[2 * n : 3 * n].mean((1, 2, 3))[:, None])
        assert sorted(partner.tolist()) == list(range(n))
        assert 0 <= float(r) <= 1
        if mix == "mixup":
            torch.testing.assert_close(batch.inputs.x[2 * n :], r * plain + (1 - r) * plain[partner])
        else:
            own = batch.inputs.x[2 * n :] == plain
            of_partner = batch.inputs.x[2 * n :] == plain[partner]
            assert bool((own | of_partner).all())
            torch.testing.assert_close(own[partner != torch.arange(n)].float().mean(), r)


def test_ratios_are_drawn_for_each_batch_over_the_whole_range() -> None:
    draw, generator = ViewBatches(pictures(4), viewing(mix="mixup"), 4), seeded()
    drawn = batches(draw, generator, 60)
    ratios = torch.stack([batch.notes["ratio"] for batch in drawn])
    assert len(ratios.unique()) == 60
    assert float(ratios.min()) < 0.1
    assert float(ratios.max()) > 0.9
    assert len({tuple(batch.notes["partner"].tolist()) for batch in drawn}) > 10


def test_pixels_are_normalised() -> None:
    look = Viewing(NONE, 1, SIDE, [0.25], [0.5])
    batch = ViewBatches(pictures(3), look, 0)(seeded())
    torch.testing.assert_close(batch.inputs.x, (pictures(3).take(batch.nodes).float() / 255 - 0.25) / 0.5)


def test_only_given_rows_are_drawn_and_nodes_number_them() -> None:
    rows, label = torch.tensor([9, 2, 7, 4, 11]), torch.arange(12) * 3
    draw, generator = ViewBatches(pictures(12), viewing(), 2, rows=rows, label=label), seeded()
    assert draw.steps == 2
    seen: set[int] = set()
    for batch in batches(draw, generator, 20):
        assert shown(batch.inputs.x) == rows[batch.nodes].tolist() * 2
        assert batch.notes["label"].tolist() == [3 * row for row in rows[batch.nodes].tolist()]
        seen |= set(batch.nodes.tolist())
    assert seen == set(range(5)), "numbers of the rows, as a memory bank counts them"


def test_without_labels_or_mixtures_nothing_is_noted() -> None:
    assert ViewBatches(pictures(3), viewing(), 2)(seeded()).notes == {}


@pytest.mark.parametrize("done", [0, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("mix", ["none", "cutmix"])
def test_a_fresh_draw_goes_on_from_the_middle_of_an_epoch(done: int, mix: str) -> None:
    look = viewing(Plan((Policy(scale=(0.2, 1.0), flip=0.5, noise=0.1),)), mix=mix)
    first, generator = ViewBatches(pictures(14), look, 4), seeded(2)
    batches(first, generator, done)
    state, randomness = {key: value.clone() for key, value in first.state_dict().items()}, generator.get_state()
    assert set(state) == {"order", "place"}
    fresh = ViewBatches(pictures(14), look, 4)
    fresh.load_state_dict(state)
    later = seeded(99)
    later.set_state(randomness)
    for a, b in zip(batches(first, generator, 5), batches(fresh, later, 5), strict=True):
        assert torch.equal(a.nodes, b.nodes)
        assert torch.equal(a.inputs.x, b.inputs.x)
        assert all(torch.equal(a.notes[key], b.notes[key]) for key in a.notes)


def test_two_pictures_are_the_least() -> None:
    assert ViewBatches(pictures(2), viewing(), 0).steps == 1
    for draw in (lambda: ViewBatches(pictures(1), viewing(), 0), lambda: pick(torch.tensor([3]))):
        with pytest.raises(InputError, match="1 picture: contrast needs at least 2"):
            draw()


def pick(rows: Tensor) -> ViewBatches:
    return ViewBatches(pictures(5), viewing(), 0, rows=rows)


def test_an_unknown_mixture_is_refused() -> None:
    with pytest.raises(InputError, match="unknown mix 'mixap': did you mean 'mixup'"):
        viewing(mix="mixap")
