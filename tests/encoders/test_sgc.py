"""The propagated linear map: its filter in dense float64, its start, and its gradient on empty rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.encoders import Inputs, sgc
from graphurl.encoders.sgc import PropagatedLinear, normalised_adjacency
from graphurl.errors import InputError
from graphurl.similarity import Similarity
from tests.encoders.test_gcn import graph, smoothing


def filtered(x: Tensor, s: Tensor, hops: int, residual: float) -> Tensor:
    """H x, each power by hand."""
    if hops == 0:
        return x.double()
    total, power = residual * x.double(), torch.eye(len(x), dtype=torch.float64)
    for _ in range(hops):
        power = power @ s
        total = total + power @ x.double() / hops
    return total


@pytest.mark.parametrize("hops", [0, 1, 4])
@pytest.mark.parametrize("out_dim", [2, 5, 9])
@pytest.mark.parametrize("weighted", [True, False])
def test_equals_the_dense_filter(hops: int, out_dim: int, weighted: bool) -> None:
    x, edges, weight = graph()
    model = PropagatedLinear(5, out_dim, hops=hops, residual=0.2)
    s = smoothing(edges, weight if weighted else torch.ones_like(weight), 7)
    expected = filtered(x, s, hops, 0.2) @ model.linear.weight.double().T
    found = model(Inputs(x, edges, weight if weighted else None))
    torch.testing.assert_close(found.z.double(), expected, rtol=1e-4, atol=1e-6)
    assert found.hidden == ()


def test_what_all_rows_share_is_shrunk_to_the_size_of_the_rest() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(0.01 * torch.randn(40, 6, generator=generator) + torch.eye(6)[2], dim=1)
    rows[0] = torch.eye(6)[3]  # one that lies apart must not speak for all
    shared, kept = sgc.excess(rows)
    found = sgc.without_excess(rows, shared, kept)
    assert float(shared[2]) > 0.99
    across = found - torch.outer(found @ shared, shared)
    assert float((found @ shared).mean()) == pytest.approx(float(across.norm(dim=1).median()), rel=1e-4)
    torch.testing.assert_close(across, rows - torch.outer(rows @ shared, shared), rtol=1e-4, atol=1e-6)
    assert 0.01 < kept < 0.05
    centred = rows[1:] - rows[1:].mean(0)
    assert sgc.excess(centred)[1] == 1


def test_many_hops_start_with_rows_that_differ() -> None:
    """Sixteen powers on a connected graph leave cosines of one; the map spreads the rows again, and loses nothing."""
    generator = torch.Generator().manual_seed(1)
    ends = torch.randint(60, (2, 900), generator=generator)
    edges, x = torch.cat([ends, ends.flip(0)], 1), torch.rand(60, 8, generator=generator)
    model = PropagatedLinear(8, 8, hops=4, filter="sgc")
    inputs = Inputs(x, edges)
    smooth = torch.nn.functional.normalize(sgc.propagate(x, normalised_adjacency(edges, None, 60), 4, filter="sgc"))
    assert float((smooth @ smooth.T).min()) > 0.999
    model.start(inputs, generator)
    z = torch.nn.functional.normalize(model(inputs).z.detach(), dim=1)
    assert float((z @ z.T).min()) < 0.5
    assert int(torch.linalg.matrix_rank(model.linear.weight.double(), rtol=1e-6)) == 8


@pytest.mark.parametrize("hops", [0, 1, 3])
def test_sgc_is_the_last_power(hops: int) -> None:
    x, edges, weight = graph()
    s = smoothing(edges, weight, 7)
    model = PropagatedLinear(5, 9, hops=hops, filter="sgc")
    expected = torch.linalg.matrix_power(s, hops) @ x.double() @ model.linear.weight.double().T
    torch.testing.assert_close(model(Inputs(x, edges, weight)).z.double(), expected, rtol=1e-4, atol=1e-6)
    with pytest.raises(InputError, match="filter.*'mean'"):
        PropagatedLinear(5, 2, filter="mean")


def test_filters_in_one_pass_are_those_alone() -> None:
    x, edges, weight = graph()
    s = normalised_adjacency(edges, weight, 7)
    wanted = [("s2gc", 0), ("s2gc", 3), ("sgc", 1), ("sgc", 3)]
    found = dict(sgc.propagated(x, s, wanted))
    assert set(found) == set(wanted)
    for name, hops in wanted:
        torch.testing.assert_close(found[name, hops], sgc.propagate(x, s, hops, filter=name))


def test_adjacency_gathers_from_sources_to_targets() -> None:
    edges, weight = torch.tensor([[0, 2], [1, 1]]), torch.tensor([3.0, 0.5])
    found = normalised_adjacency(edges, weight, 4).to_dense()
    torch.testing.assert_close(found.double(), smoothing(edges, weight, 4), rtol=1e-6, atol=1e-7)
    assert float(found[1, 0]) > 0
    assert float(found[0, 1]) == 0


@pytest.mark.parametrize("out_dim", [2, 4])
def test_start_is_the_best_linear_compression(out_dim: int) -> None:
    """No other projection to as many dimensions loses less of the rows without excess (Eckart and Young 1936)."""
    x, edges, weight = graph()
    model = PropagatedLinear(5, out_dim)
    model.start(Inputs(x, edges, weight), torch.Generator())
    w = model.linear.weight.detach().double()
    smooth = filtered(x, smoothing(edges, weight, 7), 4, 0.05)
    smooth = smooth / smooth.norm(dim=1, keepdim=True).clamp_min(1e-12)
    rows = sgc.without_excess(smooth, *sgc.excess(smooth))
    lost = float(rows.square().sum() - (smooth @ w.T).square().sum())
    best = float(torch.linalg.svdvals(rows)[out_dim:].square().sum())
    assert lost == pytest.approx(best, rel=1e-4)


def test_start_is_the_same_each_time_and_beyond_the_features_zero(rng_untouched: None) -> None:
    x, edges, weight = graph()
    with torch.random.fork_rng():
        models = [PropagatedLinear(5, 8) for _ in range(2)]
    for model in models:
        model.start(Inputs(x, edges, weight), torch.Generator())
    assert torch.equal(models[0].linear.weight, models[1].linear.weight)
    assert bool((models[0].linear.weight[5:] == 0).all())
    peak = models[0].linear.weight[:5].abs().argmax(1, keepdim=True)
    assert bool((models[0].linear.weight[:5].gather(1, peak) > 0).all()), "signs are settled"


def test_rows_without_features_have_a_finite_gradient_under_a_cosine() -> None:
    """There is no bias that would give all of them one tiny common direction."""
    x, edges, weight = graph()
    x[5:] = 0
    model = PropagatedLinear(5, 3)
    z = model(Inputs(x, edges, weight)).z
    assert bool((z[5:] == 0).all())
    value = Similarity(100.0, 0.7, metric="cosine").of(z)
    value.sum().backward()
    assert model.linear.weight.grad is not None
    assert bool(torch.isfinite(value).all())
    assert bool(torch.isfinite(model.linear.weight.grad).all())


def test_seeds_sparse_rows_permutation_and_rebuilding() -> None:
    x, edges, weight = graph()
    for out_dim in (2, 9):
        model = PropagatedLinear(5, out_dim, hops=3, residual=0.1)
        whole = model(Inputs(x, edges, weight)).z
        seeds = torch.tensor([6, 2])
        assert torch.equal(model(Inputs(x, edges, weight, seeds)).z, whole[seeds])
        assert torch.equal(model(Inputs(x.to_sparse_csr(), edges, weight)).z, whole)
        order = torch.randperm(7, generator=torch.Generator().manual_seed(1))
        torch.testing.assert_close(model(Inputs(x[order], order.argsort()[edges], weight)).z, whole[order])
        again = PropagatedLinear(**model.config())  # type: ignore[arg-type]
        again.load_state_dict(model.state_dict())
        assert torch.equal(again(Inputs(x, edges, weight)).z, whole)


@pytest.mark.parametrize("out_dim", [2, 9])
def test_runs_in_bfloat16(out_dim: int) -> None:
    x, edges, weight = graph()
    model = PropagatedLinear(5, out_dim)
    with torch.autocast("cpu", torch.bfloat16):
        z = model(Inputs(x, edges, weight)).z
    z.float().sum().backward()
    torch.testing.assert_close(z.float(), model(Inputs(x, edges, weight)).z, rtol=0.1, atol=0.05)


@pytest.mark.parametrize("out_dim", [2, 9])
def test_the_filter_ahead_changes_nothing(out_dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    x, edges, weight = graph()
    whole = Inputs(x, edges, weight)
    model = PropagatedLinear(5, out_dim, hops=3)
    ahead = model.ahead(whole)
    assert ahead.ahead and ahead.edge_index is None
    torch.testing.assert_close(model(ahead).z, model(whole).z)
    rows = torch.tensor([6, 2])
    picked = Inputs(ahead.x[rows], ahead=True)
    torch.testing.assert_close(model(picked).z, model(Inputs(x, edges, weight, rows)).z)
    assert model.ahead(ahead) is ahead
    first, second = PropagatedLinear(5, out_dim, hops=3), PropagatedLinear(5, out_dim, hops=3)
    first.start(whole, torch.Generator()), second.start(ahead, torch.Generator())
    torch.testing.assert_close(first.linear.weight, second.linear.weight)
    monkeypatch.setattr(sgc, "DENSE_NUMBERS", 34)
    assert model.ahead(whole) is whole


def test_what_cannot_work_is_refused() -> None:
    x, _, _ = graph()
    with pytest.raises(InputError, match="got rows without edges.*use mlp"):
        PropagatedLinear(5, 2)(Inputs(x))
    with pytest.raises(InputError, match="hops is -1.*0 or more"):
        PropagatedLinear(5, 2, hops=-1)
