"""Graph encoders against dense formulas written out."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.encoders import Inputs
from graphurl.encoders.gcn import GAT, GCN, SAGE
from graphurl.errors import InputError

KINDS = [GCN, SAGE, GAT]


def graph(n: int = 7, f: int = 5) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(n, f, generator=generator)
    x = x * (x.abs() > 0.5)
    pairs = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 4, 4]])  # node 5 and 6 are alone
    weight = torch.rand(5, generator=generator) + 0.1
    return x, torch.cat([pairs, pairs.flip(0)], 1), torch.cat([weight, weight])


def smoothing(edges: Tensor, weight: Tensor, n: int) -> Tensor:
    """D^-½ (A + I) D^-½, dense in float64."""
    a = torch.eye(n, dtype=torch.float64)
    for (source, target), w in zip(edges.T.tolist(), weight.tolist(), strict=True):
        a[target, source] += w
    d = a.sum(1)
    return a / d.sqrt()[:, None] / d.sqrt()[None, :]


@pytest.mark.parametrize("weighted", [True, False])
def test_gcn_equals_the_dense_formula(weighted: bool) -> None:
    x, edges, weight = graph()
    model = GCN(5, 2, hidden=8, depth=3, slope=0.1)
    s = smoothing(edges, weight if weighted else torch.ones_like(weight), 7)
    h = x.double()
    hidden = []
    for position, layer in enumerate(model.layers):
        h = s @ h @ layer.lin.weight.double().T + layer.bias.double()  # type: ignore[union-attr, operator]
        if position < 2:
            h = torch.where(h > 0, h, 0.1 * h)
            hidden.append(h)
    out = model(Inputs(x, edges, weight if weighted else None))
    torch.testing.assert_close(out.z.double(), h, rtol=1e-4, atol=1e-5)
    for found, expected in zip(out.hidden, hidden, strict=True):
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


def test_sage_takes_the_mean_of_the_neighbours() -> None:
    x, edges, _ = graph()
    model = SAGE(5, 2, depth=1)
    layer = model.layers[0]
    mean = torch.zeros_like(x)
    for node in range(7):
        near = edges[0][edges[1] == node]
        mean[node] = x[near].mean(0) if len(near) else 0
    expected = mean @ layer.lin_l.weight.T + layer.lin_l.bias + x @ layer.lin_r.weight.T  # type: ignore[union-attr, operator]
    torch.testing.assert_close(model(Inputs(x, edges)).z, expected)


def test_sage_weighs_the_mean_of_the_neighbours() -> None:
    x, edges, weight = graph()
    weight = weight.clone()
    weight[3] = weight[8] = 0  # the edges of nodes 3 and 4
    model = SAGE(5, 2, depth=1)
    layer = model.layers[0]
    mean = torch.zeros_like(x)
    for node in range(7):
        near = [(float(w), x[s]) for s, t, w in zip(*edges.tolist(), weight, strict=True) if t == node]
        total = sum(w for w, _ in near)
        mean[node] = sum(w * row for w, row in near) / total if total else 0  # type: ignore[assignment]
    expected = mean @ layer.lin_l.weight.T + layer.lin_l.bias + x @ layer.lin_r.weight.T  # type: ignore[union-attr, operator]
    torch.testing.assert_close(model(Inputs(x, edges, weight)).z, expected)


@pytest.mark.parametrize("weighted", [True, False])
def test_gat_multiplies_the_attention_by_the_weight(weighted: bool) -> None:
    x, edges, weight = graph()
    model = GAT(5, 2, depth=1)
    layer = model.layers[0]
    h = x @ layer.lin.weight.T  # type: ignore[union-attr, operator]
    expected = torch.zeros(7, 2)
    for node in range(7):
        near = [(s, float(w)) for s, t, w in zip(*edges.tolist(), weight, strict=True) if t == node] + [(node, 1.0)]
        logit = [h[s] @ layer.att_src[0, 0] + h[node] @ layer.att_dst[0, 0] for s, _ in near]  # type: ignore[index]
        share = torch.stack([torch.nn.functional.leaky_relu(value, 0.2).exp() for value in logit])
        if weighted:
            share = share * torch.tensor([w for _, w in near])
        expected[node] = (share / share.sum()) @ torch.stack([h[s] for s, _ in near]) + layer.bias  # type: ignore[operator]
    torch.testing.assert_close(model(Inputs(x, edges, weight if weighted else None)).z, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_one_are_no_weights(kind: type[GCN]) -> None:
    x, edges, weight = graph()
    model = kind(5, 2, hidden=8, depth=2)
    plain, ones = (model(Inputs(x, edges, w)).z for w in (None, torch.ones_like(weight)))
    torch.testing.assert_close(ones, plain)
    assert not torch.allclose(model(Inputs(x, edges, weight)).z, plain, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [1, 2, 3])
def test_shapes_and_number_of_hidden_layers(kind: type[GCN], depth: int) -> None:
    x, edges, weight = graph()
    out = kind(5, 2, hidden=8, depth=depth)(Inputs(x, edges, weight))
    assert out.z.shape == (7, 2)
    assert [tuple(h.shape) for h in out.hidden] == [(7, 8)] * (depth - 1)
    assert bool(torch.isfinite(out.z).all())


@pytest.mark.parametrize("kind", KINDS)
def test_seeds_sparse_rows_permutation_and_rebuilding(kind: type[GCN]) -> None:
    x, edges, weight = graph()
    model = kind(5, 2, hidden=8, depth=2, dropout=0.4).eval()
    whole = model(Inputs(x, edges, weight))
    seeds = torch.tensor([6, 2])
    some = model(Inputs(x, edges, weight, seeds))
    assert torch.equal(some.z, whole.z[seeds])
    assert torch.equal(some.hidden[0], whole.hidden[0][seeds])
    assert torch.equal(model(Inputs(x.to_sparse_csr(), edges, weight)).z, whole.z)
    order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
    moved = model(Inputs(x[order], order.argsort()[edges], weight)).z
    torch.testing.assert_close(moved, whole.z[order])
    again = kind(**model.config()).eval()  # type: ignore[arg-type]
    again.load_state_dict(model.state_dict())
    assert torch.equal(again(Inputs(x, edges, weight)).z, whole.z)
    assert kind.needs == "graph"
    assert kind.inductive


@pytest.mark.parametrize("kind", KINDS)
def test_runs_in_bfloat16(kind: type[GCN]) -> None:
    x, edges, weight = graph()
    model = kind(5, 2, hidden=8)
    with torch.autocast("cpu", torch.bfloat16):
        z = model(Inputs(x, edges, weight)).z
    z.float().sum().backward()
    torch.testing.assert_close(z.float(), model(Inputs(x, edges, weight)).z, rtol=0.1, atol=0.05)


def test_what_cannot_work_is_refused() -> None:
    x, _, _ = graph()
    with pytest.raises(InputError, match="SAGE got rows without edges.*use mlp"):
        SAGE(5, 2)(Inputs(x))
    with pytest.raises(InputError, match="depth is 0: a GAT has at least 1 layer"):
        GAT(5, 2, depth=0)
