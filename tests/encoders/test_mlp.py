"""MLP: shapes, hidden layers, and what it computes written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.encoders import Inputs
from graphurl.encoders.mlp import MLP
from graphurl.errors import InputError


def features(n: int = 7, f: int = 5) -> Tensor:
    x = torch.randn(n, f, generator=torch.Generator().manual_seed(0))
    return x * (x.abs() > 0.5)


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_shapes_and_number_of_hidden_layers(depth: int) -> None:
    out = MLP(5, 2, hidden=8, depth=depth)(Inputs(features()))
    assert out.z.shape == (7, 2)
    assert [tuple(h.shape) for h in out.hidden] == [(7, 8)] * (depth - 1)


def test_equals_the_formula() -> None:
    model = MLP(5, 2, hidden=8, depth=3, slope=0.1)
    x = features()
    for position, layer in enumerate(model.layers):
        x = x @ layer.weight.T + layer.bias  # type: ignore[operator, union-attr]
        if position < 2:
            x = torch.where(x > 0, x, 0.1 * x)
    torch.testing.assert_close(model(Inputs(features())).z, x)


def test_sparse_rows_are_the_dense_rows() -> None:
    model, x = MLP(5, 2, hidden=8), features()
    assert torch.equal(model(Inputs(x.to_sparse_csr())).z, model(Inputs(x)).z)


def test_seeds_pick_embedding_and_hidden_layers() -> None:
    model, x, seeds = MLP(5, 2, hidden=8), features(), torch.tensor([4, 1])
    whole, some = model(Inputs(x)), model(Inputs(x, seeds=seeds))
    assert torch.equal(some.z, whole.z[seeds])
    assert all(torch.equal(a, b[seeds]) for a, b in zip(some.hidden, whole.hidden, strict=True))


def test_permutation_of_rows_permutes_the_embedding() -> None:
    model, x = MLP(5, 2, hidden=8), features()
    order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(model(Inputs(x[order])).z, model(Inputs(x)).z[order])


def test_dropout_is_off_in_evaluation() -> None:
    with torch.random.fork_rng():
        model, x = MLP(5, 2, hidden=32, dropout=0.5), features()
        assert not torch.equal(model(Inputs(x)).z, model(Inputs(x)).z)
        model.eval()
        assert torch.equal(model(Inputs(x)).z, model(Inputs(x)).z)


def test_config_rebuilds_the_same_shapes() -> None:
    model = MLP(5, 2, hidden=9, depth=4, slope=0.2, dropout=0.3)
    again = MLP(**model.config())  # type: ignore[arg-type]
    again.load_state_dict(model.state_dict())
    x = features()
    assert torch.equal(again.eval()(Inputs(x)).z, model.eval()(Inputs(x)).z)
    assert again.config() == model.config()


def test_without_layers_it_is_refused() -> None:
    with pytest.raises(InputError, match="depth is 0.*at least 1 layer"):
        MLP(5, 2, depth=0)
