"""What a run changes in its process is put back."""

from __future__ import annotations

import pytest
import torch

from graphurl.training.process import at_most_threads


@pytest.fixture(autouse=True)
def two_threads() -> object:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(("limit", "inside"), [(1, 1), (2, 2), (64, 2), (None, 2)])
def test_threads_are_limited_and_put_back(limit: int | None, inside: int) -> None:
    with at_most_threads(limit):
        assert torch.get_num_threads() == inside
    assert torch.get_num_threads() == 2


def test_threads_are_put_back_after_an_error() -> None:
    with pytest.raises(ZeroDivisionError), at_most_threads(1):
        _ = 1 / 0
    assert torch.get_num_threads() == 2
