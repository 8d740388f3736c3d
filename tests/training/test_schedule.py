"""Learning rates over a run, and optimisers by name."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.errors import InputError
from graphurl.training.schedule import OPTIMISERS, SCHEDULES, Schedule, optimiser


@pytest.mark.parametrize("name", SCHEDULES)
@given(steps=st.integers(1, 300), warmup=st.floats(0, 0.99))
def test_factor_rises_in_the_warm_up_and_never_after(name: str, steps: int, warmup: float) -> None:
    schedule = Schedule(name, steps, warmup)
    factors = [schedule.factor(step) for step in range(steps)]
    rising = math.ceil(warmup * steps)
    assert all(0 < f <= 1 for f in factors[:rising])
    assert all(0 <= f <= 1 for f in factors)
    assert factors[:rising] == sorted(factors[:rising])
    assert factors[rising:] == sorted(factors[rising:], reverse=True)
    assert factors[0] > 0, "the first step has to move"


def test_shapes() -> None:
    assert [Schedule("constant", 4, 0.0).factor(k) for k in range(4)] == [1] * 4
    assert [Schedule("linear", 4, 0.0).factor(k) for k in range(5)] == [1, 0.75, 0.5, 0.25, 0]
    expected = [0.5 * (1 + math.cos(math.pi * k / 8)) for k in range(8)]
    assert [Schedule("cosine", 8, 0.0).factor(k) for k in range(8)] == pytest.approx(expected)
    found = [Schedule("step", 10, 0.0).factor(k) for k in range(10)]
    assert found == pytest.approx([1] * 6 + [0.1] * 2 + [0.01] * 2)
    assert [Schedule("constant", 10, 0.3).factor(k) for k in range(4)] == pytest.approx([0.25, 0.5, 0.75, 1])


def test_optimisers_are_those_of_the_name() -> None:
    made = {name: optimiser(name, [torch.nn.Parameter(torch.zeros(2))], 0.1, 0.01, 0.8) for name in OPTIMISERS}
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    for name, kind in kinds.items():
        assert type(made[name]) is kind
        assert made[name].param_groups[0]["lr"] == 0.1
        assert made[name].param_groups[0]["weight_decay"] == 0.01
    assert made["sgd"].param_groups[0]["momentum"] == 0.8


def test_unknown_names_and_shares_are_refused() -> None:
    with pytest.raises(InputError, match="did you mean 'linear'"):
        Schedule("liner", 10)
    for wrong in (-0.1, 1.0, math.nan):
        with pytest.raises(InputError, match="warmup is .* from 0 to below 1"):
            Schedule("cosine", 10, wrong)
    with pytest.raises(InputError, match="unknown optimiser 'lamb'.*choose one of adam, adamw, sgd"):
        optimiser("lamb", [], 0.1, 0.0, 0.0)
