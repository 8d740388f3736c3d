"""What the rule for filter and hops loses on generated graphs, beside fixed ones; prints JSON, a line a graph.

    python benchmarks/hops.py --fast
    python benchmarks/hops.py > hops.json

Nodes have a class and within it a group; edges stay in the group, in the class or nowhere in particular, and popular
nodes have many. Features are the means of class and group under noise, with directions of large variance that mean
nothing (`nuisance`), or words of the class, of a topic that means nothing, and of all. Every graph is smoothed by each
filter and read by logistic regression on a tenth of the labels; the regret of a choice is what it stays below the best.
"""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from graphurl.assembly import message_edges, prepared, settled
from graphurl.assembly.hops import CANDIDATES
from graphurl.data.samples import Samples
from graphurl.encoders.sgc import excess, normalised_adjacency, propagated, without_excess
from graphurl.evaluation.probe import linear_probe
from graphurl.functional.projection import leading_directions
from graphurl.graphs.graph import Graph
from graphurl.pipeline import default_recipe

#: Directions that the probe reads.
WIDTH = 256


@dataclass(frozen=True)
class Shape:
    """How a graph is drawn.

    Attributes:
        nodes: Number of nodes.
        classes: Number of classes.
        degree: Edges of a node in the mean.
        within: Share of the edges that stay in the class (of `shift` classes on).
        groups: Groups in each class.
        close: Share of those edges that stay in the group.
        spread: Deviation of the logarithm of a node's popularity.
        shift: How many classes on the partner's is: 1 makes the graph heterophilous.
        features: Number of columns.
        signal: How far the means of classes lie apart; for words the share of words that are of the class.
        own: How far the means of groups lie apart.
        nuisance: Number of directions of large variance.
        words: Words in a row; 0 for dense features.
    """

    nodes: int = 8000
    classes: int = 10
    degree: float = 10.0
    within: float = 0.5
    groups: int = 1
    close: float = 0.6
    spread: float = 0.0
    shift: int = 0
    features: int = 64
    signal: float = 0.15
    own: float = 0.0
    nuisance: int = 0
    words: int = 0


SHAPES: dict[str, Shape] = {
    **{f"degree {d}": Shape(20_000, 50, d, 0.3, signal=0.2) for d in (4, 10, 20, 40)},
    **{
        f"{c} classes, within {w}, degree {d}": Shape(classes=c, within=w, degree=d)
        for c, w, d in ((5, 0.3, 10), (5, 0.6, 4), (20, 0.9, 4), (20, 0.5, 20), (50, 0.6, 10), (50, 0.9, 20))
    },
    "strong features": Shape(signal=0.5),
    "weak features": Shape(degree=6, within=0.7, signal=0.06),
    "useless features": Shape(classes=5, within=0.8, signal=0.0),
    "nuisance": Shape(within=0.7, signal=0.3, nuisance=8),
    "groups": Shape(within=0.8, groups=6, spread=0.7, own=0.2),
    "edges at random": Shape(classes=5, within=0.0, signal=0.3),
    "heterophilous": Shape(classes=5, within=0.7, shift=1, signal=0.3),
    "few words": Shape(classes=6, degree=4, within=0.75, groups=20, spread=0.6, features=1000, signal=0.1, words=18),
    "many words": Shape(classes=6, degree=6, spread=0.6, features=1000, signal=0.25, words=60),
    "three classes of papers": Shape(12_000, 3, 4.5, 0.7, 40, 0.7, 1.0, features=500, signal=0.12, words=60),
    "goods": Shape(7600, 8, 31, 0.8, 12, 0.7, 1.0, features=745, signal=0.02, words=400),
    "more goods": Shape(13_000, 10, 36, 0.75, 12, 0.7, 1.2, features=767, signal=0.015, words=400),
    "authors": Shape(12_000, 15, 9, 0.8, 15, 0.7, 0.8, features=1500, signal=0.14, words=60),
    "pages": Shape(11_700, 10, 37, 0.6, 8, 0.5, 1.3, features=300, signal=0.16, own=0.1, nuisance=20),
    "many papers": Shape(30_000, 40, 13.8, 0.64, 6, 0.5, 1.2, features=128, signal=0.22, own=0.15, nuisance=16),
}


def drawn(name: str, shape: Shape, seed: int = 0) -> Samples:
    """A graph of this shape."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.multinomial(torch.rand(shape.classes, generator=generator) + 0.3, shape.nodes, True, generator=generator)
    group = y * shape.groups + torch.randint(shape.groups, (shape.nodes,), generator=generator)
    weight = torch.exp(shape.spread * torch.randn(shape.nodes, generator=generator))
    edges = int(shape.degree * shape.nodes / 2)
    source, anyone = (torch.multinomial(weight, edges, True, generator=generator) for _ in range(2))
    mate = partner(y, (y[source] + shape.shift) % shape.classes, weight, generator)
    near = partner(group, group[source], weight, generator) if shape.groups > 1 else mate
    chance = torch.rand(edges, generator=generator)
    target = torch.where(chance < shape.within, mate, anyone)
    target = torch.where(chance < shape.within * shape.close, near, target)
    apart = source != target
    graph = Graph.from_edges(source[apart], target[apart], shape.nodes).symmetrise("max")
    x = worded(y, shape, generator) if shape.words else dense(y, group, shape, generator)
    return Samples(name, x, graph, y)


def partner(label: Tensor, wanted: Tensor, weight: Tensor, generator: torch.Generator) -> Tensor:
    """For each wanted label a node that has it, by weight."""
    order = torch.argsort(label, stable=True)
    total = torch.cat([torch.zeros(1, dtype=torch.float64), weight[order].double().cumsum(0)])
    ends = torch.bincount(label, minlength=int(label.max()) + 1).cumsum(0)
    start, end = total[torch.cat([ends.new_zeros(1), ends[:-1]])][wanted], total[ends][wanted]
    place = start + (end - start) * torch.rand(len(wanted), generator=generator, dtype=torch.float64)
    return order[(torch.searchsorted(total, place, right=True) - 1).clamp(0, len(order) - 1)]


def dense(y: Tensor, group: Tensor, shape: Shape, generator: torch.Generator) -> Tensor:
    """Means of class and group, noise of 1, and directions that mean nothing."""
    x = torch.randn(shape.nodes, shape.features, generator=generator)
    x += shape.signal * torch.randn(shape.classes, shape.features, generator=generator)[y]
    x += shape.own * torch.randn(shape.classes * shape.groups, shape.features, generator=generator)[group]
    loud = torch.randn(shape.nodes, shape.nuisance, generator=generator)
    return x + loud @ torch.randn(shape.nuisance, shape.features, generator=generator)


def worded(y: Tensor, shape: Shape, generator: torch.Generator) -> Tensor:
    """Which words a row has: of its class, a third of the rest of one of 30 topics, all others as frequent as ever."""
    common = 1 / (torch.randperm(shape.features, generator=generator) + 10.0)
    topics = common * torch.rand(shape.classes + 30, shape.features, generator=generator) ** 10
    counts = torch.poisson(torch.full((shape.nodes,), float(shape.words)), generator=generator).clamp_min(3)
    topic = shape.classes + torch.randint(30, (shape.nodes,), generator=generator)
    share = (1 - shape.signal) / 3
    chances = shape.signal * topics[y] / topics[y].sum(1, keepdim=True)
    chances += share * topics[topic] / topics[topic].sum(1, keepdim=True) + 2 * share * common / common.sum()
    # Words drawn independently: a row has a word unless each of its draws misses it.
    missed = torch.exp(-counts[:, None] * chances)
    return (torch.rand(missed.shape, generator=generator) > missed).float()


def accuracy(z: Tensor, y: Tensor) -> float:
    """Logistic regression on a tenth of the labels, up to 1,500; two draws."""
    found = []
    for seed in range(2):
        order = np.random.default_rng(seed).permutation(len(y))
        known = min(len(y) // 10, 1500)
        parts = {"train": order[:known], "val": order[known : 2 * known], "test": order[2 * known :][:8000]}
        found.append(linear_probe(z, y, parts, grid=(1.0, 10.0, 100.0))["accuracy"])
    return 100 * float(np.mean(found))


def measured(name: str, shape: Shape) -> dict[str, object]:
    """Accuracy by number of hops over the given edges, and what the rule chose."""
    samples = drawn(name, shape)
    assert samples.y is not None
    recipe = default_recipe(samples, "nodes")
    _, x = prepared(samples, recipe)
    assert x is not None
    choice = settled(samples, x, recipe)[2]
    plain = settled(samples, x, recipe.but(message="citation"))[2]
    s = normalised_adjacency(*message_edges(samples, x, recipe.but(message="citation")), len(x))
    found = {}
    for (filter, hops), rows in propagated(x, s, CANDIDATES):
        z = without_excess(torch.nn.functional.normalize(rows, dim=1), *excess(rows))
        basis = leading_directions(z, WIDTH, torch.Generator().manual_seed(0))
        found[f"{filter} {hops}"] = round(accuracy(z @ basis.T, samples.y), 2)
    chosen = {"chosen": f"{plain['filter']} {plain['hops']}", "message": choice["message"]}
    return {"graph": name, "accuracy": found, **chosen, "auc": plain["edge_auc"]["citation"]}


def main() -> None:
    """Runs all graphs, and sums up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", nargs="+", default=list(SHAPES), choices=list(SHAPES), metavar="NAME")
    parser.add_argument("--fast", action="store_true", help="one small graph")
    arguments = parser.parse_args()
    shapes = {"small": Shape(600)} if arguments.fast else {name: SHAPES[name] for name in arguments.graphs}
    regrets: dict[str, list[float]] = {}
    for name, shape in shapes.items():
        run = measured(name, shape)
        print(json.dumps(run), flush=True)
        found: dict[str, float] = run["accuracy"]  # type: ignore[assignment]
        best = max(found.values())
        for way, value in {"rule": found[str(run["chosen"])], **found}.items():
            regrets.setdefault(way, []).append(best - value)
    summed = {way: [round(statistics.fmean(each), 2), round(max(each), 2)] for way, each in regrets.items()}
    print(json.dumps({"regret, mean and worst": summed, "torch": str(torch.__version__).split("+")[0]}))


if __name__ == "__main__":
    main()
