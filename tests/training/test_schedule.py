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


@pytest.mark.parametrize("name", SCHEDULES)
@given(rounds=st.integers(1, 9), each=st.integers(1, 60), warmup=st.floats(0, 0.9))
def test_every_round_is_the_whole_course_again(name: str, rounds: int, each: int, warmup: float) -> None:
    whole, one = Schedule(name, rounds * each, warmup, rounds), Schedule(name, each, warmup)
    found = [whole.factor(step) for step in range(rounds * each)]
    assert found == pytest.approx([one.factor(step) for step in range(each)] * rounds)


@given(steps=st.integers(12, 300), rounds=st.integers(1, 12))
def test_rounds_that_do_not_divide_the_steps_begin_at_the_next_step(steps: int, rounds: int) -> None:
    schedule = Schedule("linear", steps, 0.0, rounds)
    found = [schedule.factor(step) for step in range(steps)]
    starts = {math.ceil(k * steps / rounds - 1e-9) for k in range(rounds)}
    assert all(found[step] > 1 - rounds / steps - 1e-9 for step in starts), "no round is entered near its end"
    rises = [step for step in range(1, steps) if found[step] > found[step - 1] + 1e-9]
    assert set(rises) <= starts


def test_rounds_end_where_the_run_ends() -> None:
    assert Schedule("linear", 6, 0.0, 2).factor(6) == 0
    assert [Schedule("linear", 4, 0.0, 2).factor(step) for step in range(4)] == [1, 0.5, 1, 0.5]
    with pytest.raises(InputError, match="rounds is 0: give the number of courses of the learning rate, 1 or more"):
        Schedule("cosine", 10, rounds=0)


def test_optimisers_are_those_of_the_name() -> None:
    kinds = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}
    made = {name: optimiser(name, [torch.nn.Parameter(torch.zeros(2))], 0.1, 0.01, 0.8) for name in kinds}
    assert {*kinds, "gains"} == set(OPTIMISERS)
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
    with pytest.raises(InputError, match="unknown optimiser 'lamb'.*choose one of adam, adamw, gains, sgd"):
        optimiser("lamb", [], 0.1, 0.0, 0.0)
