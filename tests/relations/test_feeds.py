"""Feeds: each encoder gets what it reads, in the order of the nodes."""

from __future__ import annotations

import torch

from graphurl.relations import GraphFeed, IndexFeed, RowFeed


def features() -> torch.Tensor:
    x = torch.rand(9, 4, generator=torch.Generator().manual_seed(0))
    x[x < 0.5] = 0
    return x


def test_rows_in_order_and_repeats_dense_or_sparse() -> None:
    x, nodes = features(), torch.tensor([7, 0, 3, 3])
    for rows in (x, x.to_sparse_csr()):
        inputs = RowFeed(rows)(nodes)
        assert inputs.x.layout == torch.strided
        assert torch.equal(inputs.x, x[nodes])
        assert inputs.seeds is None
        assert inputs.edge_index is None


def test_rows_are_a_copy() -> None:
    x = features()
    RowFeed(x)(torch.arange(9)).x.zero_()
    assert torch.equal(x, features())


def test_index_hands_the_numbers_over() -> None:
    nodes = torch.tensor([5, 1])
    assert torch.equal(IndexFeed()(nodes).x, nodes)


def test_graph_hands_all_rows_over_and_the_nodes_as_seeds() -> None:
    x, edges, weight = features(), torch.tensor([[0, 1], [1, 2]]), torch.tensor([1.0, 0.5])
    inputs = GraphFeed(x, edges, weight)(torch.tensor([4, 2]))
    assert inputs.x is x
    assert inputs.edge_index is edges
    assert inputs.edge_weight is weight
    assert torch.equal(inputs.pick(x), x[[4, 2]])
    assert GraphFeed(x, edges)(torch.tensor([0])).edge_weight is None
