"""A small problem to train on, and draws that misbehave at a chosen step."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from graphurl.encoders.gcn import GCN
from graphurl.encoders.mlp import MLP
from graphurl.graphs.graph import Graph
from graphurl.losses import BCE, KL
from graphurl.relations import (
    Batch,
    Draw,
    Dynamic,
    EdgeBatches,
    GraphFeed,
    Objective,
    RowFeed,
    Source,
    Static,
    Term,
)
from graphurl.similarity import Similarity
from graphurl.training import Trained
from tests.relations.test_objective import Queue

N, SIZE = 24, 10  # three batches an epoch


def ring() -> Graph:
    rows = torch.arange(N)
    return Graph.from_edges(rows, (rows + 1) % N, N, weight=torch.linspace(0.2, 0.9, N)).symmetrise("max")


def features() -> Tensor:
    angle = torch.arange(N) / N * 2 * torch.pi
    return torch.stack([angle.cos(), angle.sin(), (2 * angle).cos(), torch.ones(N)], 1)


def objective(source: str = "static", encoder: str = "mlp", dropout: float = 0.0) -> Objective:
    """A fresh objective, the same each time."""
    graph, x = ring(), features()
    kind: Any = GCN if encoder == "gcn" else MLP
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(4, 2, hidden=8, depth=2, dropout=dropout)
    feed = GraphFeed(x, torch.stack([graph.rows, graph.col])) if encoder == "gcn" else RowFeed(x)
    draw = EdgeBatches(graph, feed, SIZE, far_weight=0.3)
    made: Source = {"static": Static, "dynamic": Dynamic, "queue": lambda: Queue(model)}[source]()
    loss = KL(over="rows") if source == "queue" else BCE()
    return Objective(model, draw, [Term("graph", made, Similarity(1.0), loss)])


class Troubled:
    """A draw that does something before a chosen one of its batches."""

    def __init__(self, draw: Draw, at: int, event: Callable[[], None], spoil: bool = False) -> None:
        self.draw, self.at, self.event, self.spoil, self.count = draw, at, event, spoil, 0

    @property
    def steps(self) -> int:
        return self.draw.steps

    def __call__(self, generator: torch.Generator) -> Batch:
        batch = self.draw(generator)
        if self.count == self.at:
            self.event()
            if self.spoil:
                batch = replace(batch, inputs=replace(batch.inputs, x=batch.inputs.x * torch.nan))
        self.count += 1
        return batch


class Killed(BaseException):
    """Stands for kill -9: nothing of the program runs any more."""


def kill() -> None:
    raise Killed


def ctrl_c() -> None:
    os.kill(os.getpid(), signal.SIGINT)


def without_time(run: Trained) -> list[dict[str, Any]]:
    return [{key: value for key, value in record.items() if key != "seconds"} for record in run.history]


def same_state(a: Objective, b: Objective) -> bool:
    mine, other = a.state_dict(), b.state_dict()
    return list(mine) == list(other) and all(torch.equal(mine[key], other[key]) for key in mine)
