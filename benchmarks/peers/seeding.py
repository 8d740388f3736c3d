"""A seed for a while: the methods draw from torch's global generator, which afterwards is as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seeds torch inside the block and gives back the random state of all devices behind it.

    Args:
        seed: What `torch.manual_seed` is called with.
    """
    with torch.random.fork_rng(devices=list(range(torch.cuda.device_count()))):
        torch.manual_seed(seed)
        yield
