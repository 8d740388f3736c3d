"""A graph of a million nodes with planted classes: seconds, memory and accuracy, at three sizes; prints JSON.

    python benchmarks/scale.py --fast
    python benchmarks/scale.py --nodes 250000 500000 1000000 > scale.json

Every node has a class and ten undirected edges on average, most of them within the class; its 64 features are the mean
of the class under noise that hides it. Each size and method runs in a process of its own on two threads. Accuracy is
that of logistic regression on 1 % of the labels, tested on 20,000 other nodes. The exponent is the slope of
log seconds over log edges. DGI reads neighbourhoods of the same sampler (Veličković et al. 2019, section 4.2: a mean
over neighbours instead of the symmetric normalisation, features shuffled within the sample).
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.nn import DeepGraphInfomax, SAGEConv

import graphurl
from graphurl.bench.nodes import Row
from graphurl.bench.vectors import vectors
from graphurl.data.samples import Samples
from graphurl.evaluation.probe import linear_probe
from graphurl.functional.sampling import Sampler
from graphurl.graphs.graph import Graph
from graphurl.machine import peak_memory
from graphurl.relations.feeds import Portions, SampledFeed

CLASSES, FEATURES, DEGREE = 50, 64, 10
#: Share of the edges within a class, and how far the classes' means lie apart beside a noise of 1.
WITHIN, SIGNAL = 0.3, 0.2

_SHARED = {"features": "standard", "message": "citation"}
METHODS: dict[str, Row] = {
    "raw features": Row("raw features", "filter", changes={"features": "standard", "hops": 0}),
    "smoothing": Row("smoothing", "filter", changes={**_SHARED, "hops": 4}),
    "nodes": Row("nodes", changes=_SHARED),
    "nodes, 4 hops": Row("nodes, 4 hops", changes={**_SHARED, "hops": 4}),
    "sage": Row("sage", changes={**_SHARED, "encoder": "sage", "depth": 2, "hidden": 128, "dim": 64}),
}
DGI = "DGI, sampled"
DGI_DIM, DGI_BATCH, DGI_EPOCHS, FANOUTS = 256, 2048, 2, (10, 5)


class Patches(nn.Module):
    """Two layers of means over sampled neighbours, of as many of its first rows as are asked for."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.first, self.second = SAGEConv(features, DGI_DIM), SAGEConv(DGI_DIM, DGI_DIM)
        self.activations = nn.ModuleList((nn.PReLU(DGI_DIM), nn.PReLU(DGI_DIM)))

    def forward(self, x: Tensor, edge_index: Tensor, seeds: int) -> Tensor:
        """The seeds' patches; edges come layer by layer, so the seeds are the first rows."""
        hidden = self.activations[0](self.first(x, edge_index))
        patches: Tensor = self.activations[1](self.second(hidden, edge_index))
        return patches[:seeds]


def shuffled(x: Tensor, edge_index: Tensor, seeds: int) -> tuple[Tensor, Tensor, int]:
    """The corruption: the rows of the sample in another order."""
    return x[torch.randperm(len(x))], edge_index, seeds


def dgi(samples: Samples, epochs: int) -> Tensor:
    """DGI on sampled neighbourhoods."""
    assert samples.x is not None
    assert samples.graph is not None
    x = (samples.x - samples.x.mean(0)) / samples.x.std(0)
    generator = torch.Generator().manual_seed(0)
    feed = SampledFeed(x, Sampler(samples.graph.crow, samples.graph.col), FANOUTS)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = DeepGraphInfomax(DGI_DIM, Patches(x.shape[1]), lambda z, *_: torch.sigmoid(z.mean(0)), shuffled)
        optimiser = torch.optim.Adam(model.parameters(), 1e-3)
        for _ in range(epochs):
            for nodes in torch.randperm(len(x), generator=generator).split(DGI_BATCH):
                part = feed(nodes, generator)
                optimiser.zero_grad()
                model.loss(*model(part.x, part.edge_index, len(nodes))).backward()
                optimiser.step()
    with torch.no_grad():
        read = Portions(feed, len(x), DGI_BATCH)
        return torch.cat([model.encoder(part.x, part.edge_index, len(part.seeds)) for part in read])


def planted(nodes: int, seed: int = 0) -> Samples:
    """The graph: DEGREE / 2 · N edges from random nodes to random others, of the same class with chance WITHIN."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (nodes,), generator=generator)
    edges = DEGREE * nodes
    source = torch.randint(nodes, (edges,), generator=generator)
    target = torch.randint(nodes, (edges,), generator=generator)
    order = torch.argsort(y, stable=True)
    start = torch.cat([torch.zeros(1, dtype=torch.int64), torch.bincount(y, minlength=CLASSES).cumsum(0)])
    own = y[source]
    size = (start[own + 1] - start[own]).double()
    mate = order[start[own] + (torch.rand(edges, generator=generator, dtype=torch.float64) * size).long()]
    target = torch.where(torch.rand(edges, generator=generator) < WITHIN, mate, target)
    apart = source != target
    graph = Graph.from_edges(source[apart], target[apart], nodes).symmetrise("max")
    means = SIGNAL * torch.randn(CLASSES, FEATURES, generator=generator)
    x = means[y] + torch.randn(nodes, FEATURES, generator=generator)
    return Samples(f"planted-{nodes}", x=x, graph=graph, y=y)


def measured(name: str, nodes: int, epochs: int | None) -> dict[str, Any]:
    """One method at one size."""
    torch.set_num_threads(2)
    samples = planted(nodes)
    assert samples.y is not None
    assert samples.graph is not None
    row = METHODS.get(name)
    if row is not None and epochs is not None and row.kind == "recipe":
        row = Row(row.name, changes={**row.changes, "epochs": epochs})
    before = peak_memory()
    wall, cpu = time.perf_counter(), time.process_time()
    z = dgi(samples, epochs or DGI_EPOCHS) if row is None else vectors(row, samples, 0)
    spent = {"wall": round(time.perf_counter() - wall, 1), "cpu": round(time.process_time() - cpu, 1)}
    return {
        "method": name, "nodes": nodes, "edges": samples.graph.num_edges // 2, **spent,
        "accuracy": round(accuracy(z, samples.y), 2), "dim": z.shape[1],
        "data_GiB": round(before / 2**30, 2), "peak_GiB": round(peak_memory() / 2**30, 2),
    }  # fmt: skip


def accuracy(z: Tensor, y: Tensor) -> float:
    """Logistic regression on 1 % of the labels, up to 10,000."""
    order = torch.randperm(len(z), generator=torch.Generator().manual_seed(1)).numpy()
    known = min(10_000, len(z) // 100)
    rows = order[: 2 * known + 20_000]
    parts = {"train": np.arange(known), "val": np.arange(known, 2 * known), "test": np.arange(2 * known, len(rows))}
    return 100 * float(linear_probe(z[rows].numpy(), y[rows].numpy(), parts, grid=(1.0, 10.0, 100.0))["accuracy"])


def exponent(runs: list[dict[str, Any]]) -> float | None:
    """Slope of log CPU seconds over log edges."""
    if len(runs) < 2:
        return None
    edges = [math.log(run["edges"]) for run in runs]
    return round(float(np.polyfit(edges, [math.log(run["cpu"]) for run in runs], 1)[0]), 3)


def main() -> None:
    """Runs all methods at all sizes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--methods", nargs="+", default=[*METHODS, DGI], choices=[*METHODS, DGI])
    parser.add_argument("--epochs", type=int, help="epochs of trained methods instead of the recipe's")
    parser.add_argument("--fast", action="store_true", help="two small graphs, one epoch")
    arguments = parser.parse_args()
    sizes = [30_000, 60_000] if arguments.fast else arguments.nodes
    epochs = 1 if arguments.fast else arguments.epochs
    runs: list[dict[str, Any]] = []
    for name in arguments.methods:
        for nodes in sizes:
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
                runs.append(pool.submit(measured, name, nodes, epochs).result())
            print(json.dumps(runs[-1]), flush=True)
    slopes = {name: exponent([run for run in runs if run["method"] == name]) for name in arguments.methods}
    about = {"graphurl": graphurl.__version__, "torch": str(torch.__version__).split("+")[0]}
    print(json.dumps({"versions": about, "machine": platform.machine(), "exponent": slopes}))


if __name__ == "__main__":
    main()
