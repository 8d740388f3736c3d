"""Ctrl-C: a question between two steps, whose handler comes back."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from graphurl.training import Settings, Trainer
from tests.training.small import Killed, Troubled, ctrl_c, kill, objective, same_state


def test_interrupt_returns_the_model_so_far_and_puts_the_handler_back(tmp_path: Path) -> None:
    seen: list[int] = []

    def handler(number: int, frame: object) -> None:
        seen.append(number)

    signal.signal(signal.SIGINT, handler)
    whole = objective()
    whole.draw = Troubled(whole.draw, 4, ctrl_c)
    run = Trainer(Settings(epochs=9), checkpoint=tmp_path / "c").fit(whole)
    assert run.status == "interrupted"
    assert len(run.history) == 1
    assert signal.getsignal(signal.SIGINT) is handler
    assert seen == [], "the first Ctrl-C is a question, no interrupt"
    expected = objective()
    expected.draw = Troubled(expected.draw, 5, kill)
    with pytest.raises(Killed):
        Trainer(Settings(epochs=9)).fit(expected)
    assert same_state(whole, expected), "the step that was under way is finished"


@pytest.mark.parametrize("before", [signal.default_int_handler, signal.SIG_DFL])
def test_every_kind_of_handler_comes_back(before: Any) -> None:
    signal.signal(signal.SIGINT, before)
    Trainer(Settings(epochs=1)).fit(objective())
    assert signal.getsignal(signal.SIGINT) is before or signal.getsignal(signal.SIGINT) == before


def test_a_process_that_ignores_interrupts_goes_on_ignoring_them() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    whole = objective()
    whole.draw = Troubled(whole.draw, 1, ctrl_c)
    assert Trainer(Settings(epochs=1)).fit(whole).status == "finished"
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_a_second_interrupt_ends_the_run_at_once() -> None:
    whole = objective()

    def twice() -> None:
        ctrl_c()
        ctrl_c()

    whole.draw = Troubled(whole.draw, 1, twice)
    with pytest.raises(KeyboardInterrupt):
        Trainer(Settings(epochs=9)).fit(whole)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_worker_thread_changes_no_handler() -> None:
    handlers: list[Any] = []
    whole = objective()
    whole.draw = Troubled(whole.draw, 1, lambda: handlers.append(signal.getsignal(signal.SIGINT)))
    thread = threading.Thread(target=lambda: Trainer(Settings(epochs=1)).fit(whole))
    thread.start()
    thread.join(60)
    assert handlers == [signal.default_int_handler]
