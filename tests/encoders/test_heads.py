"""Heads: what they compute written out, how they are named, drawn and rebuilt, batches of one row."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl import registry
from graphurl.encoders.heads import HEADS, MLP, Bare, Head, NormLinear, Predictor, TwoBranch, build_head
from graphurl.errors import InputError

LAYERED = ("mlp", "mlp3", "norm-mlp")


def features(n: int = 9, width: int = 6) -> Tensor:
    return torch.randn(n, width, generator=torch.Generator().manual_seed(0), dtype=torch.double)


def head_of(kind: str, dim: int = 4, seed: int = 0, **options: Any) -> Any:
    return build_head(kind, 6, dim, generator=torch.Generator().manual_seed(seed), **options).double()


def standard(x: Tensor) -> Tensor:
    return (x - x.mean(0)) / (x.var(0, correction=0) + 1e-5).sqrt()


def weights(head: Head) -> list[Tensor]:
    return [w for name, w in head.named_parameters() if w.dim() == 2]


def test_no_head_is_the_identity_whatever_the_dimension_asked_for() -> None:
    head, x = head_of("none", 99), features()
    assert head(x) is x
    assert (head.width, head.dim) == (6, 6)
    with pytest.raises(InputError, match="without a head 6 features stay 6 and cannot become 4"):
        Bare(6, 4)


def test_linear_written_out() -> None:
    head, x = head_of("linear"), features()
    torch.testing.assert_close(head(x), x @ head.layer.weight.T + head.layer.bias)


@pytest.mark.parametrize(("kind", "depth"), [("mlp", 2), ("mlp3", 3)])
@pytest.mark.parametrize("output_norm", [False, True])
def test_mlp_written_out(kind: str, depth: int, output_norm: bool) -> None:
    head, x = head_of(kind, hidden=5, output_norm=output_norm), features()
    *hidden, last = weights(head)
    assert [tuple(w.shape) for w in (*hidden, last)] == [(5, 6), (5, 5), (4, 5)][:: 1 if depth == 3 else 2]
    expected = x
    for w in hidden:
        expected = standard(expected @ w.T).clamp(min=0)
    expected = expected @ last.T
    bias: Any = dict(head.named_parameters()).get(f"steps.{3 * depth - 3}.bias")
    assert (bias is None) == output_norm
    # A hidden step has three parameters; a normalised output has no scale and shift.
    assert len(list(head.parameters())) == 3 * (depth - 1) + (1 if output_norm else 2)
    expected = standard(expected) if output_norm else expected + bias
    torch.testing.assert_close(head(x), expected)


def test_names_choose_depth_and_output() -> None:
    assert build_head("mlp", 6, 4).config() == {
        "kind": "mlp", "width": 6, "dim": 4, "hidden": 6, "depth": 2, "output_norm": False,
    }  # fmt: skip
    assert build_head("mlp3", 6, 4, hidden=7).config() == {
        "kind": "mlp3", "width": 6, "dim": 4, "hidden": 7, "depth": 3, "output_norm": True,
    }  # fmt: skip


def test_norm_linear_gives_cosines() -> None:
    head, x = head_of("norm-linear"), features()
    expected = F.cosine_similarity(x[:, None], head.layer.weight[None], dim=2)
    torch.testing.assert_close(head(x), expected)
    assert [name for name, _ in head.named_parameters()] == ["layer.weight"]


@given(st.floats(1e-3, 1e3), st.floats(1e-3, 1e3))
def test_norm_linear_does_not_see_lengths(a: float, b: float) -> None:
    head, x = head_of("norm-linear"), features()
    before = head(x)
    with torch.no_grad():
        head.layer.weight.mul_(b)
    torch.testing.assert_close(head(a * x), before)


def test_norm_linear_of_nothing_is_finite() -> None:
    head, x = head_of("norm-linear"), torch.zeros(2, 6, dtype=torch.double, requires_grad=True)
    head(x).sum().backward()
    assert x.grad is not None and x.grad.isfinite().all()


def test_norm_mlp_written_out() -> None:
    head, x = head_of("norm-mlp", hidden=5), features()
    first, last = weights(head)
    hidden = standard(x @ first.T).clamp(min=0)
    torch.testing.assert_close(head(x), F.normalize(hidden, dim=1) @ F.normalize(last, dim=1).T)


@pytest.mark.parametrize("normalised", [False, True])
def test_two_branches_share_their_hidden_layer(normalised: bool) -> None:
    head: Any = TwoBranch(6, 4, 3, hidden=5, normalised=normalised).double()
    x = features()
    hidden = standard(x @ head.shared[0].weight.T).clamp(min=0)
    both = head(x)
    assert [tuple(z.shape) for z in both] == [(9, 4), (9, 3)]
    for z, branch in zip(both, head.branches, strict=True):
        w = branch.layer.weight
        expected = F.normalize(hidden) @ F.normalize(w).T if normalised else hidden @ w.T + branch.layer.bias
        torch.testing.assert_close(z, expected)
    assert [tuple(z.shape) for z in TwoBranch(6, 4).double()(x)] == [(9, 4), (9, 4)]


def test_predictor_keeps_the_dimension_through_a_bottleneck() -> None:
    assert Predictor(8)(features(width=8).float()).shape == (9, 8)
    assert (Predictor(8).hidden, Predictor(2).hidden, Predictor(8, hidden=16).hidden) == (2, 1, 16)
    assert Predictor(8, hidden=3).config() == {"dim": 8, "hidden": 3}


def test_named_heads_are_those_of_the_registry() -> None:
    assert {name: registry.resolve("heads", name) for name in registry.names("heads")} == dict(HEADS)
    with pytest.raises(InputError, match="unknown head 'norm-liner': did you mean 'norm-linear'"):
        build_head("norm-liner", 6, 4)


@pytest.mark.parametrize("kind", HEADS)
def test_the_generator_draws_the_weights_and_nothing_else_moves(kind: str) -> None:
    before = torch.random.get_rng_state()
    first, same, other = (head_of(kind, seed=seed) for seed in (0, 0, 1))
    fixed, again = build_head(kind, 6, 4), build_head(kind, 6, 4)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(map(torch.equal, weights(first), weights(same)))
    assert all(map(torch.equal, weights(fixed), weights(again)))
    assert not any(map(torch.equal, weights(first), weights(other)))


@pytest.mark.parametrize("kind", HEADS)
def test_config_rebuilds_a_named_head(kind: str) -> None:
    head = head_of(kind, **({"hidden": 5} if kind in LAYERED else {}))
    again = build_head(**json.loads(json.dumps(head.config())), generator=torch.Generator().manual_seed(7)).double()
    again.load_state_dict(head.state_dict())
    x = features()
    assert torch.equal(again(x), head(x))
    assert again.config() == head.config()


@pytest.mark.parametrize("head", [TwoBranch(6, 4, 3, hidden=5, normalised=True), Predictor(6, hidden=5)])
def test_config_rebuilds_a_head_without_a_name(head: Head) -> None:
    again = type(head)(**json.loads(json.dumps(head.config())))
    again.load_state_dict(head.state_dict())
    x = features().float()
    for one, other in zip(again(x), head(x), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", HEADS)
def test_hidden_is_read_by_heads_with_a_hidden_layer(kind: str) -> None:
    assert build_head(kind, 6, 4, hidden=11).config().get("hidden") == (11 if kind in LAYERED else None)


@pytest.mark.parametrize("kind", LAYERED)
def test_a_batch_of_one_row_works_in_evaluation_and_is_refused_in_training(kind: str) -> None:
    head, x = head_of(kind), features()
    with pytest.raises(InputError, match="one row has no spread .*2 rows or more"):
        head(x[:1])
    head.eval()
    torch.testing.assert_close(head(x[:1]), head(x)[:1])


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="depth is 4: an MLP head has 2 or 3"):
        MLP(6, 4, depth=4)
    with pytest.raises(InputError, match="hidden is 0"):
        build_head("mlp", 6, 4, hidden=0)
    with pytest.raises(InputError, match="a head maps 6 to 0 dimensions"):
        NormLinear(6, 0)
