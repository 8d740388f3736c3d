"""Starting weights from a generator of the caller's: layers draw from the global one, which is left as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def drawn_from(generator: torch.Generator) -> Iterator[None]:
    """Seeds the global generator with a number drawn from another, and puts it back afterwards.

    Args:
        generator: Source of the seed; it moves on by one draw.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(torch.randint(2**31, (1,), generator=generator)))
        yield
