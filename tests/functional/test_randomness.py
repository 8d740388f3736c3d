"""Weights drawn from a generator of one's own: repeatable, and the global state is left alone."""

from __future__ import annotations

import pytest
import torch

from graphurl.functional.randomness import drawn_from


def test_the_same_state_gives_the_same_numbers_and_moves_on() -> None:
    first, again = torch.Generator().manual_seed(3), torch.Generator().manual_seed(3)
    with drawn_from(first):
        a = torch.rand(4)
    with drawn_from(again):
        b = torch.rand(4)
    with drawn_from(again):
        c = torch.rand(4)
    assert torch.equal(a, b)
    assert not torch.equal(b, c)


def test_the_global_state_is_put_back_even_after_an_error() -> None:
    before = torch.get_rng_state()
    with pytest.raises(KeyError), drawn_from(torch.Generator()):
        torch.rand(4)
        raise KeyError
    assert torch.equal(torch.get_rng_state(), before)
