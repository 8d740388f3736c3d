"""Several processes on one run: joining the group that torchrun starts, and the model whose gradients are averaged."""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from graphurl.encoders.base import Inputs
from graphurl.functional.ranks import ALONE, Ranks, current, shared
from graphurl.model import Model, pieces
from graphurl.relations.feeds import Portions

#: What torchrun tells each process that it starts.
VARIABLES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")


def launched() -> bool:
    """Whether torchrun started this process as one of several."""
    return all(name in os.environ for name in VARIABLES) and int(os.environ["WORLD_SIZE"]) > 1


def processes_here() -> int:
    """How many processes of the run share this machine and its memory."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", "1")) if current().size > 1 else 1


@contextmanager
def distributed(device: str = "auto") -> Iterator[Ranks]:
    """Shares the runs inside among the processes that torchrun started; with one process nothing changes.

    The group is made here, unless the caller has made one: gloo on the CPU, nccl on GPUs, where each process takes
    the GPU of its local rank.

    Args:
        device: Where the runs inside train: auto, cpu or cuda.
    """
    if not dist.is_available() or not (launched() or dist.is_initialized()):
        yield ALONE
        return
    on_gpu = device.startswith("cuda") or (device == "auto" and torch.cuda.is_available())
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    own = not dist.is_initialized()
    if own:
        # Values that are compared between processes lie on the CPU, whatever the gradients lie on.
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    try:
        with shared() as ranks:
            yield ranks
        if own:
            # torchrun ends all processes when one ends badly: none leaves before the first has written its files.
            dist.barrier()
    finally:
        if own:
            # The group's threads end with the last that holds it, and one that still runs when Python ends aborts
            # the process: models that averaged gradients go first.
            gc.collect()
            dist.destroy_process_group()


class _Watched(nn.Module):
    """An objective beside a weight that nothing uses.

    DistributedDataParallel lays gradients out anew after the first step, unless it looks for unused weights; sums of
    more than two processes then differ in their last bits between a run and one that was resumed. It looks, and
    finds this one, or it would complain in every run that all are used.
    """

    def __init__(self, objective: nn.Module, device: torch.device) -> None:
        super().__init__()
        self.objective = objective
        self.unused = nn.Parameter(torch.zeros(1, device=device))

    def forward(self, *arguments: Any) -> Any:
        return self.objective(*arguments)


def averaged(objective: nn.Module, ranks: Ranks) -> Callable[..., Any]:
    """The objective, with gradients that are averaged over the processes as soon as they are known."""
    if ranks.size == 1:
        return objective
    device = next(objective.parameters()).device
    return DistributedDataParallel(_Watched(objective, device), find_unused_parameters=True)


def share_weights(module: nn.Module, ranks: Ranks) -> None:
    """Gives every process the weights and buffers of the first, to the bit."""
    if ranks.size == 1:
        return
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if isinstance(tensor, Tensor):
                dist.broadcast(tensor, 0)


def placed(model: Model, everything: Inputs | Iterable[Inputs], count: int, ranks: Ranks) -> Tensor:
    """All rows embedded: each process does its part where rows are read apart, and gets those of the others.

    Args:
        model: What places rows; the same in all processes.
        everything: Inputs of all rows.
        count: Number of rows.
        ranks: This process among all.
    """
    start, stop = ranks.span(count)
    if 1 < ranks.size <= count and isinstance(everything, Portions):
        own: Inputs | Iterable[Inputs] = everything.part(start, stop)
    elif 1 < ranks.size <= count and isinstance(everything, Inputs) and everything.edge_index is None:
        own = pieces(everything, start, stop)
    else:  # the whole graph is read for any row
        return model.place(everything)
    return ranks.gather(model.place(own), [last - first for first, last in pairwise(ranks.bounds(count))])
