"""Batches that hold neighbours."""

from __future__ import annotations

import torch

from graphurl.graphs import from_edges
from graphurl.relations.feeds import RowFeed
from graphurl.relations.shuffled import NearBatches


def test_a_share_of_a_batch_are_neighbours_of_the_rest() -> None:
    n = 40
    here = torch.arange(n - 1)  # the last one has no neighbour
    graph = from_edges(here, (here + 20) % n, n, length=torch.ones(n - 1))
    draw = NearBatches(graph.crow, graph.col, RowFeed(torch.randn(n, 2)), 10, 0.5)
    assert (draw.size, draw.beside, draw.steps) == (5, 5, 8)
    generator, seen = torch.Generator().manual_seed(0), []
    for _ in range(draw.steps):
        batch = draw(generator)
        seeds = draw.order[int(draw.place) - 5 : int(draw.place)]
        seen += seeds.tolist()
        near = [(seed + 20) % n if seed < n - 1 else seed for seed in seeds.tolist()]
        assert batch.nodes.tolist() == sorted({*seeds.tolist(), *near})
        assert len(batch.inputs.x) == len(batch.nodes)
    assert sorted(seen) == list(range(n)), "each sample once an epoch beside its neighbours"
