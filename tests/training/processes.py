"""Small problems that one process or several can work on, and what a process of a test does with them."""

from __future__ import annotations

import contextlib
import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from graphurl.encoders.base import Encoded, Encoder, Inputs
from graphurl.encoders.gcn import GCN, SAGE
from graphurl.encoders.mlp import MLP
from graphurl.encoders.sgc import PropagatedLinear
from graphurl.encoders.table import Table
from graphurl.errors import InputError, RunError
from graphurl.functional.ranks import ALONE, Ranks, shared
from graphurl.functional.sampling import Sampler
from graphurl.losses import BCE, GKL, KL, MSE, InfoNCE
from graphurl.model import Model
from graphurl.relations import (
    Draw,
    Dynamic,
    EdgeBatches,
    FullBatch,
    GraphFeed,
    IndexFeed,
    Objective,
    RowFeed,
    Static,
    Term,
)
from graphurl.relations.feeds import OwnFeed, Portions, SampledFeed
from graphurl.relations.relation import Feed
from graphurl.similarity import Similarity
from graphurl.training import Settings, Trainer
from graphurl.training.callbacks import Moment
from graphurl.training.distributed import averaged, placed
from tests.training.small import SIZE, Killed, N, Troubled, features, kill, ring

LOSSES = {
    "mse": MSE(), "kl-rows": KL(over="rows"), "kl-all": KL(over="all"), "bce": BCE(), "gkl": GKL(),
    "infonce": InfoNCE(),
}  # fmt: skip
ENCODERS = ("mlp", "table", "gcn", "sage", "linear", "half-used")


@dataclass(frozen=True)
class Case:
    """One problem."""

    loss: str = "bce"
    draw: str = "edges"
    encoder: str = "mlp"
    dynamic: bool = False
    head: bool = False
    dropout: float = 0.0

    @property
    def name(self) -> str:
        return "-".join([self.loss, self.draw, self.encoder, *[w for w in ("dynamic", "head") if getattr(self, w)]])


CASES = (
    *(Case(loss, draw) for loss in LOSSES for draw in ("edges", "full")),
    *(Case(encoder=encoder) for encoder in ENCODERS[1:]),
    *(Case("kl-rows", "full", encoder) for encoder in ("gcn", "sage", "linear")),
    Case(dynamic=True),
    Case(head=True),
    Case("kl-rows", "full", head=True),
)


class HalfUsed(Encoder):
    """A user's module, of which a part is not called."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.spare = nn.Linear(4, 2), nn.Linear(4, 2)

    def forward(self, inputs: Inputs) -> Encoded:
        return Encoded(self.used(inputs.x))


def parts(case: Case) -> tuple[Encoder, Feed, Inputs | Portions]:
    """Encoder, feed, and inputs of everything."""
    graph, x = ring(), features().double()
    edges = torch.stack([graph.rows, graph.col])
    kinds: dict[str, Callable[[], Encoder]] = {
        "mlp": lambda: MLP(4, 2, hidden=8, depth=2, dropout=case.dropout),
        "table": lambda: Table(N, 2),
        "gcn": lambda: GCN(4, 2, hidden=8),
        "sage": lambda: SAGE(4, 2, hidden=8),
        "linear": lambda: PropagatedLinear(4, 3, hops=2),
        "half-used": HalfUsed,
    }
    with torch.random.fork_rng():
        torch.manual_seed(0)
        encoder = kinds[case.encoder]().double()
    whole = Inputs(x, edges)
    if case.encoder == "gcn":
        return encoder, GraphFeed(x, edges), whole
    if case.encoder == "sage":
        feed = SampledFeed(x, Sampler(graph.crow, graph.col), (-1, -1))
        return encoder, feed, Portions(feed, N, 5)
    if case.encoder == "linear":
        ahead = encoder.ahead(whole)
        return encoder, RowFeed(ahead.x, ahead=True), ahead
    if case.encoder == "table":
        return encoder, IndexFeed(), Inputs(torch.arange(N))
    return encoder, RowFeed(x), Inputs(x)


def problem(case: Case, ranks: Ranks = ALONE) -> Objective:
    """A fresh objective, the same each time and in every process."""
    encoder, feed, _ = parts(case)
    read = OwnFeed(feed, ranks, N) if ranks.size > 1 else feed
    draw: Draw = FullBatch(ring(), read) if case.draw == "full" else EdgeBatches(ring(), read, SIZE, far_weight=0.3)
    term = Term("graph", Dynamic() if case.dynamic else Static(), Similarity(1.0), LOSSES[case.loss])
    if case.head:
        with torch.random.fork_rng():
            torch.manual_seed(1)
            term.head = nn.Linear(2, 3).double()
    return Objective(encoder, draw, [term], ranks=ranks, num_nodes=N)


def gradient(case: Case, ranks: Ranks = ALONE) -> dict[str, Tensor]:
    """Loss and gradient of the first two batches, summed."""
    objective = problem(case, ranks)
    compare, generator = averaged(objective, ranks), torch.Generator().manual_seed(0)
    found: dict[str, Tensor] = {"loss": torch.zeros((), dtype=torch.float64)}
    for _ in range(2):
        loss, _ = compare(objective.draw(generator), 0.25)
        loss.backward()
        found["loss"] = found["loss"] + loss.detach()
    for name, weight in objective.named_parameters():
        found[name] = torch.zeros_like(weight) if weight.grad is None else weight.grad
    return found


def trained(case: Case, ranks: Ranks = ALONE) -> dict[str, Tensor]:
    """All weights after three epochs, and the embedding of everything."""
    objective = problem(case, ranks)
    Trainer(Settings(epochs=3, lr=0.01, clip=1.0)).fit(objective)
    model = Model("custom", objective.encoder, None)
    return {**objective.state_dict(), "z": placed(model, parts(case)[2], N, ranks)}


def resumed(ranks: Ranks, folder: Path) -> dict[str, Tensor]:
    """Weights of a run with dropout that was cut off, and of the same run unbroken."""
    case, settings = Case(dropout=0.5), Settings(epochs=4, checkpoint_seconds=0.0)
    unbroken = problem(case, ranks)
    Trainer(settings).fit(unbroken)
    broken = problem(case, ranks)
    broken.draw = Troubled(broken.draw, 7, kill)
    with contextlib.suppress(Killed):
        Trainer(settings, checkpoint=folder / "cut").fit(broken)
    dist.barrier()
    again = problem(case, ranks)
    Trainer(settings, checkpoint=folder / "cut").fit(again, resume=True)
    whole = {f"unbroken.{key}": value for key, value in unbroken.state_dict().items()}
    return whole | {f"resumed.{key}": value for key, value in again.state_dict().items()}


def masks(ranks: Ranks) -> dict[str, Tensor]:
    """What dropout of the first step makes of ones: in each process something else."""
    seen: list[Tensor] = []
    objective = problem(Case(), ranks)
    objective.draw = Troubled(objective.draw, 0, lambda: seen.append(torch.rand(8)))
    Trainer(Settings(epochs=1)).fit(objective)
    return {"drawn": seen[0]}


def stopped(ranks: Ranks) -> dict[str, Tensor]:
    """Epochs done where the last process alone wants to stop after the second."""

    def watch(moment: Moment) -> bool:
        return ranks.rank == ranks.size - 1 and moment.epoch == 2

    run = Trainer(Settings(epochs=5), callbacks=[watch]).fit(problem(Case(), ranks))
    return {"epochs": torch.tensor(len(run.history))}


def refused(ranks: Ranks) -> list[str]:
    """What is said where the processes do not fit together."""
    said = []
    try:
        ranks.require_alike("graphs", "a" if ranks.first else "b")
    except (InputError, RunError) as error:
        said.append(str(error))
    return said


def work(rank: int, size: int, folder: Path) -> None:
    """All that a process of a test does; each writes what it found."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=size)
    with shared() as ranks:
        found: dict[str, Any] = {f"gradient {case.name}": gradient(case, ranks) for case in CASES}
        found |= {f"trained {case.name}": trained(case, ranks) for case in CASES if case.loss == "bce"}
        found |= {"resumed": resumed(ranks, folder), "masks": masks(ranks), "stopped": stopped(ranks)}
        found["refused"] = refused(ranks)
    torch.save(found, folder / f"{rank}.pt")
    dist.destroy_process_group()


def together(size: int, folder: Path) -> list[dict[str, Any]]:
    """What so many processes find."""
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=work, args=(rank, size, folder)) for rank in range(size)]
    for process in running:
        process.start()
    for process in running:
        process.join(300)
        if process.is_alive():
            process.kill()
    assert [process.exitcode for process in running] == [0] * size
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(size)]
