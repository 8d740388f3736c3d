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


class NearBatches(Shuffled):
    """Samples without replacement, and beside them neighbours of theirs: pairs that are near are seen together.

    A batch drawn at random from many samples holds almost no neighbours.

    Args:
        crow: Row starts of a graph on the samples.
        col: Its neighbours.
        feed: Makes encoder inputs of sample numbers.
        size: Samples in a batch, neighbours included, before those drawn twice are taken once; 0 takes all.
        share: Share of the batch that are neighbours.
    """

    def __init__(self, crow: Tensor, col: Tensor, feed: Feed, size: int, share: float) -> None:
        """Keeps graph and feed; the graph is made again on resuming."""
        count = len(crow) - 1
        whole = min(size, count) if size else count
        super().__init__(count, max(1, round(whole * (1 - share))))
        self._crow, self._col, self.feed, self.beside = crow, col, feed, whole - self.size

    def __call__(self, generator: torch.Generator) -> Batch:
        """The next batch, its samples in ascending order."""
        seeds = self.taken(generator)
        picked = seeds[torch.arange(self.beside) % len(seeds)]
        start, degree = self._crow[picked], self._crow[picked + 1] - self._crow[picked]
        # A sample without neighbours stands for itself.
        edge = (start + (torch.rand(self.beside, generator=generator) * degree).long()).clamp_max(len(self._col) - 1)
        near = torch.where(degree > 0, self._col[edge], picked)
        nodes = torch.unique(torch.cat([seeds, near]))
        return Batch(nodes, self.feed(nodes, generator))
