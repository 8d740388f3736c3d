"""Processes that share one run: which one this is, what is its part, and how parts come together with gradient.

Each process holds the same weights and draws the same batch. It embeds those nodes of the batch that are its own;
`gather` puts the rows of all together, so that near and far pairs across processes are seen. The backward pass of
`gather` adds up what all processes want of a row. Where every process then arrives at the same loss, averaging the
gradients of the weights, as DistributedDataParallel does, gives the gradient that one process would have found on
the whole batch: each term was counted once a process, and is divided by their number.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from graphurl.errors import RunError


@dataclass(frozen=True)
class Ranks:
    """This process among all.

    Attributes:
        rank: Its number, from 0.
        size: How many there are.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this is the process that writes and prints."""
        return self.rank == 0

    def bounds(self, count: int) -> list[int]:
        """Where each process's part of so many things begins, and the end: parts as equal as can be."""
        return [rank * count // self.size for rank in range(self.size + 1)]

    def span(self, count: int) -> tuple[int, int]:
        """First and last (exclusive) of this process's part."""
        bounds = self.bounds(count)
        return bounds[self.rank], bounds[self.rank + 1]

    def counts(self, numbers: Tensor, count: int) -> list[int]:
        """How many of some numbers below `count`, in ascending order, belong to each process."""
        bounds = torch.tensor(self.bounds(count), device=numbers.device)
        return torch.diff(torch.searchsorted(numbers, bounds)).tolist()

    def gather(self, rows: Tensor, counts: Sequence[int]) -> Tensor:
        """The rows of all processes, one process after the other, with gradient to where they come from.

        Args:
            rows: This process's rows.
            counts: How many rows each process has; all know it.
        """
        if self.size == 1:
            return rows
        gathered: Tensor = _Gather.apply(rows, self, tuple(counts))  # type: ignore[no-untyped-call]
        return gathered

    def any(self, flag: bool) -> bool:
        """Whether the flag is up in any process: what they all decide alike."""
        if self.size == 1:
            return flag
        seen = torch.tensor(int(flag))
        dist.all_reduce(seen, dist.ReduceOp.MAX)
        return bool(seen)

    def all_of(self, value: Any) -> list[Any]:
        """The values of all processes."""
        if self.size == 1:
            return [value]
        found: list[Any] = [None] * self.size
        dist.all_gather_object(found, value)
        return found

    def require_alike(self, what: str, value: str) -> None:
        """Refuses to go on where processes differ in what has to be the same in all."""
        found = self.all_of(value)
        other = next((rank for rank, there in enumerate(found) if there != found[0]), None)
        if other is not None:
            raise RunError(
                f"the processes 0 and {other} have different {what} ({found[0]} and {found[other]}): "
                "give all the same files, settings and versions"
            )


ALONE = Ranks()
_CURRENT: ContextVar[Ranks] = ContextVar("ranks", default=ALONE)


def current() -> Ranks:
    """The processes that share what runs now; one alone, unless `shared` says otherwise."""
    return _CURRENT.get()


@contextmanager
def shared() -> Iterator[Ranks]:
    """Shares what runs inside among the processes of torch.distributed's default group, which exists already."""
    before = _CURRENT.set(Ranks(dist.get_rank(), dist.get_world_size()))
    try:
        yield current()
    finally:
        _CURRENT.reset(before)


class _Gather(torch.autograd.Function):
    """Rows of all processes; the backward pass adds up the gradients of all for the own rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, ranks: Ranks, counts: tuple[int, ...]) -> Tensor:
        """Pads to the longest part, since a collective wants equal shapes."""
        ctx.ranks, ctx.counts = ranks, counts
        padded = rows.new_zeros((max(counts), *rows.shape[1:]))
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in counts]
        dist.all_gather(parts, padded)
        return torch.cat([part[:count] for part, count in zip(parts, counts, strict=True)])

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Σ over processes of their gradients of the own rows."""
        summed = gradient.contiguous().clone()
        dist.all_reduce(summed)
        edges = [0, *torch.tensor(ctx.counts).cumsum(0).tolist()]
        start, stop = list(pairwise(edges))[ctx.ranks.rank]
        return summed[start:stop], None, None
