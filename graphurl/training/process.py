"""What a run changes in its process, and puts back: randomness, threads, the meaning of Ctrl-C."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor


@contextmanager
def deferred_interrupt() -> Iterator[Callable[[], bool]]:
    """Turns Ctrl-C into a question that the loop asks between two steps, so that no step is cut in half.

    A second Ctrl-C interrupts at once. Outside the main thread Python delivers no signals, and a process in the
    background ignores them on purpose; nothing is changed there.
    """
    seen = threading.Event()
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        yield seen.is_set
        return
    before = signal.getsignal(signal.SIGINT)
    before = signal.default_int_handler if before is None else before

    def note(number: int, frame: object) -> None:
        seen.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, note)
    try:
        yield seen.is_set
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def at_most_threads(number: int | None) -> Iterator[None]:
    """Limits the threads of the CPU for a while, and puts the number back.

    Args:
        number: How many at most; None changes nothing.
    """
    before = torch.get_num_threads()
    if number is not None:
        torch.set_num_threads(min(number, before))
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def private_randomness(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds the global generators for a while and puts them back afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


def randomness(generator: torch.Generator, device: torch.device) -> dict[str, Tensor]:
    """The states of all generators that a run draws from."""
    states = {"draw": generator.get_state(), "global": torch.get_rng_state()}
    if device.type == "cuda":
        states["cuda"] = torch.cuda.get_rng_state(device)
    return states


def restore_randomness(states: dict[str, Tensor], generator: torch.Generator, device: torch.device) -> None:
    """Puts the states of `randomness` back."""
    generator.set_state(states["draw"])
    torch.set_rng_state(states["global"])
    if device.type == "cuda" and "cuda" in states:
        torch.cuda.set_rng_state(states["cuda"], device)
