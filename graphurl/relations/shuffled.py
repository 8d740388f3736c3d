"""Draws of samples without replacement: each once an epoch, in a new order."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from graphurl.relations.relation import Batch, Feed


class Shuffled(nn.Module):
    """The order of an epoch; the last samples that fill no batch wait for another epoch.

    The order and the place in it are buffers: a run that resumes goes on in the middle of an epoch.

    Args:
        count: Number of samples.
        size: Samples in a batch, at most as many as there are; 0 takes all.
    """

    order: Tensor
    place: Tensor

    def __init__(self, count: int, size: int) -> None:
        """Starts before the first epoch."""
        super().__init__()
        self.count, self.size = count, min(size, count) if size else count
        self.register_buffer("order", torch.arange(count))
        self.register_buffer("place", torch.tensor(count))

    @property
    def steps(self) -> int:
        """Full batches in an epoch."""
        return self.count // self.size

    def taken(self, generator: torch.Generator) -> Tensor:
        """Numbers of the next samples, on the CPU."""
        start = int(self.place)
        if start + self.size > self.count:
            self.order.copy_(torch.randperm(self.count, generator=generator))
            start = 0
        self.place.fill_(start + self.size)
        return self.order[start : start + self.size].to("cpu", copy=True)


class RowBatches(Shuffled):
    """Samples that are compared each with something of its own (a teacher's vector), not with each other.

    Args:
        count: Number of samples.
        feed: Makes encoder inputs of sample numbers.
        size: Samples in a batch; 0 takes all.
    """

    def __init__(self, count: int, feed: Feed, size: int) -> None:
        """Keeps the feed."""
        super().__init__(count, size)
        self.feed = feed

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch, its samples in ascending order."""
        nodes = self.taken(generator).sort().values
        return Batch(nodes, self.feed(nodes, generator))
