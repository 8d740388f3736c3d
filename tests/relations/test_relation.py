"""Relation and Batch: dense blocks of any p, weights that are implied, and travel between devices."""

from __future__ import annotations

from dataclasses import replace

import torch

from graphurl.encoders.base import Encoded, Inputs
from graphurl.relations import Batch, Relation, Source
from graphurl.relations.relation import pair_weight


def test_block_is_a_slice_dense_or_sparse() -> None:
    z = torch.randn(6, 2, generator=torch.Generator().manual_seed(0))
    p = torch.rand(6, 6, generator=torch.Generator().manual_seed(1)).round(decimals=1)
    p[p < 0.5] = 0
    for prescribed in (p, p.to_sparse_csr()):
        block, weight = Relation(z, z, prescribed).block(2, 5)
        assert torch.equal(block, p[2:5])
        assert weight is None
        block, weight = Relation(z, z, prescribed, p + 1).block(2, 5)
        assert torch.equal(block, p[2:5])
        assert weight is not None
        assert torch.equal(weight, p[2:5] + 1)


def test_implied_weights() -> None:
    z = torch.zeros(5, 2)
    p = torch.tensor([[0.3, 0, 0, 0, 0.2]]).repeat(5, 1)
    _, weight = Relation(z, z, p, far_weight=0.1).block(1, 3)
    assert weight is not None
    torch.testing.assert_close(weight, torch.tensor([[1, 0.1, 0.1, 0.1, 1]]).repeat(2, 1))
    _, weight = Relation(z, z, p, far_weight=0.1, same=True).block(1, 3)
    assert weight is not None
    torch.testing.assert_close(weight, torch.tensor([[1, 0, 0.1, 0.1, 1], [1, 0.1, 0, 0.1, 1]]))
    _, weight = Relation(z, z, p, same=True).block(4, 5)
    assert weight is not None
    assert weight.tolist() == [[1, 1, 1, 1, 0]]


def test_weights_of_a_rectangle_whose_diagonal_lies_outside() -> None:
    assert pair_weight(torch.zeros(2, 3), 0.5, None).tolist() == [[0.5] * 3] * 2
    assert pair_weight(torch.zeros(2, 3), 0.5, 2).tolist() == [[0.5, 0.5, 0.0], [0.5, 0.5, 0.5]]


def test_pairs_that_are_left_out_weigh_nothing() -> None:
    z, p = torch.zeros(3, 1), torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0]])
    others = ~torch.eye(3, dtype=torch.bool)
    relation = Relation(z, torch.zeros(4, 1), p, far_weight=0.5, left_out=others)
    _, weight = relation.block(1, 3)
    assert weight is not None
    assert weight.tolist() == [[0, 1, 0, 0.5], [0, 0, 1, 0.5]]
    _, weight = replace(relation, weight=torch.full((3, 4), 2.0)).block(0, 1)
    assert weight is not None
    assert weight.tolist() == [[2, 0, 0, 2]]


def test_batch_moves_with_everything_in_it() -> None:
    nodes = torch.arange(3)
    edges, small = torch.zeros(2, 4, dtype=torch.int64), (torch.ones(2, 1), torch.ones(4, 1))
    inputs = Inputs(torch.ones(3, 2), edges, torch.ones(4), seeds=nodes, more=small)
    p, notes = torch.eye(3).to_sparse_csr(), {"label": nodes}
    moved = Batch(nodes, inputs, p, torch.ones(3, 3), 0.5, 7.0, views=2, notes=notes).to(torch.device("meta"))
    read = moved.inputs
    tensors = (moved.nodes, moved.p, moved.weight, read.x, read.edge_index, read.edge_weight, read.seeds)
    for tensor in (*tensors, *read.more, *moved.notes.values()):
        assert tensor is not None
        assert tensor.device.type == "meta"
    assert (moved.far_weight, moved.total, moved.views, len(read.more)) == (0.5, 7.0, 2, 2)
    bare = Batch(nodes, Inputs(nodes)).to(torch.device("meta"))
    assert bare.p is None
    assert bare.weight is None
    assert bare.inputs.edge_index is None


def test_a_source_has_state_of_its_own_and_no_duty_after_a_step() -> None:
    class Bank(Source):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("bank", torch.zeros(4, 2))

    source = Bank()
    assert list(source.state_dict()) == ["bank"]
    nodes = torch.arange(2)
    source.after_step(Batch(nodes, Inputs(nodes)), Encoded(torch.zeros(2, 2)))
    assert torch.equal(source.state_dict()["bank"], torch.zeros(4, 2))
