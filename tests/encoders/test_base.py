"""What encoders read and return, and foreign modules as encoders."""

from __future__ import annotations

import torch
from torch import nn

from graphurl.encoders import Encoded, Encoder, Inputs, Plain, as_encoder


def test_pick_takes_the_seeds_in_order() -> None:
    rows = torch.arange(10).view(5, 2)
    assert Inputs(rows).pick(rows) is rows
    assert Inputs(rows, seeds=torch.tensor([3, 0])).pick(rows).tolist() == [[6, 7], [0, 1]]


def test_encoded_has_no_hidden_layers_unless_given() -> None:
    assert Encoded(torch.zeros(1)).hidden == ()


def test_any_module_is_an_encoder() -> None:
    module = nn.Linear(4, 2)
    encoder = as_encoder(module)
    assert isinstance(encoder, Plain)
    assert encoder.needs == "rows"
    assert encoder.inductive
    x = torch.eye(4)
    assert torch.equal(encoder(Inputs(x)).z, module(x))
    assert torch.equal(encoder(Inputs(x.to_sparse_csr())).z, module(x))
    assert torch.equal(encoder(Inputs(x, seeds=torch.tensor([2]))).z, module(x)[[2]])
    assert encoder.config() == {"module": "Linear"}
    assert list(encoder.state_dict()) == ["module.weight", "module.bias"]


def test_an_encoder_is_taken_as_it_is() -> None:
    encoder = Plain(nn.Identity())
    assert as_encoder(encoder) is encoder


def test_start_does_nothing_by_default(rng_untouched: None) -> None:
    with torch.random.fork_rng():
        encoder = Plain(nn.Linear(3, 2))
    before = [w.clone() for w in encoder.parameters()]
    encoder.start(Inputs(torch.eye(3)), torch.Generator())
    assert all(torch.equal(a, b) for a, b in zip(before, encoder.parameters(), strict=True))
    assert issubclass(Plain, Encoder)


def test_a_module_of_ones_own_encodes_further_stacks_too() -> None:
    module = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 2))
    large, small = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 4, 4)
    z = Plain(module)(Inputs(large, more=(small,))).z
    assert torch.equal(z, torch.cat([module(large), module(small)]))
