"""Batches of single rows: each once an epoch, in ascending order, and on from the middle of an epoch."""

from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.relations.feeds import RowFeed
from graphurl.relations.shuffled import RowBatches


def batches(n: int, size: int) -> RowBatches:
    return RowBatches(n, RowFeed(10.0 * torch.arange(n)[:, None]), size)


@given(n=st.integers(1, 25), size=st.integers(0, 30), seed=st.integers(0, 100))
def test_each_epoch_shows_every_row_once_but_for_what_fills_no_batch(n: int, size: int, seed: int) -> None:
    draw, generator = batches(n, size), torch.Generator().manual_seed(seed)
    expected = n if size == 0 else min(n, size)
    for _ in range(2):
        seen = []
        for _ in range(draw.steps):
            batch = draw(generator)
            nodes = batch.nodes.tolist()
            assert len(nodes) == expected
            assert nodes == sorted(nodes)
            assert batch.inputs.x[:, 0].tolist() == [10.0 * i for i in nodes]
            seen += nodes
        assert len(set(seen)) == len(seen) == n - n % expected


def test_it_goes_on_in_the_middle_of_an_epoch() -> None:
    draw, generator = batches(20, 6), torch.Generator().manual_seed(0)
    draw(generator)
    state, kept = generator.get_state(), {k: v.clone() for k, v in draw.state_dict().items()}
    expected = [draw(generator).nodes for _ in range(5)]
    again, later = batches(20, 6), torch.Generator()
    again.load_state_dict(kept)
    later.set_state(state)
    assert all(torch.equal(again(later).nodes, each) for each in expected)
