"""The route over a grid: the same loss as over all pairs, one by one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from graphurl.graphs import knn
from graphurl.losses import BCE, GKL, KL, MSE, InfoNCE, Loss
from graphurl.relations import FullBatch, IndexFeed, Relation, batches, evaluate, routes
from graphurl.relations.routes import OfDistance
from graphurl.similarity import Similarity

LOSSES: list[Loss] = [MSE(), GKL(), GKL(gamma=0.3, power=2), BCE(), KL(), KL(push=0.4)]


def relation(n: int = 150, dim: int = 2, far_weight: float = 0.3) -> Relation:
    generator = torch.Generator().manual_seed(0)
    graph = knn(torch.randn(n, 4, generator=generator), 6).similarity(symmetrise="mean")
    batch = FullBatch(graph, IndexFeed(), far_weight=far_weight)(generator)
    z = (3 * torch.randn(n, dim, generator=generator)).double().requires_grad_()
    p = batch.p
    return Relation(z, z, p, None, far_weight, same=True, pairs=batch.pairs, total=batch.total)


@pytest.fixture
def fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "FIELD_FROM", 10)
    monkeypatch.setattr(routes, "FIELD_SPACING", 0.2)
    monkeypatch.setattr(routes, "FIELD_ORDER", 3)


@pytest.mark.usefixtures("fine")
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize(("nu", "sigma"), [(1.0, 1.0), (0.5, 2.0)])
@pytest.mark.parametrize("dim", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_the_grid_gives_what_all_pairs_give(loss: Loss, nu: float, sigma: float, dim: int) -> None:
    whole, similarity = relation(dim=dim), Similarity(nu, sigma, normalised=False)
    assert routes.has_sums(loss, whole, similarity)
    found, pairs = evaluate(whole, similarity, loss)
    expected, same_pairs = evaluate(whole, similarity, loss, chunk=len(whole.rows))
    assert pairs == same_pairs
    torch.testing.assert_close(found, expected, rtol=2e-4, atol=1e-6)
    (force,) = torch.autograd.grad(found, whole.rows)
    (exact,) = torch.autograd.grad(expected, whole.rows)
    assert float((force - exact).norm() / exact.norm()) < 0.01


@pytest.mark.usefixtures("fine")
@pytest.mark.parametrize("loss", [MSE(), GKL()], ids=repr)
def test_a_mean_divides_by_all_pairs(loss: Loss) -> None:
    whole, similarity = replace(relation(), total=None), Similarity(1.0, normalised=False)
    found, expected = (evaluate(whole, similarity, loss, chunk=chunk)[0] for chunk in (None, len(whole.rows)))
    torch.testing.assert_close(found, expected, rtol=2e-4, atol=1e-6)


@pytest.mark.usefixtures("fine")
def test_the_grid_is_taken_where_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[int] = []
    original = routes._summed
    monkeypatch.setattr(routes, "_summed", lambda *given: taken.append(1) or original(*given))
    whole, t = relation(), Similarity(1.0, normalised=False)
    evaluate(whole, t, KL())
    assert taken == [1]
    evaluate(whole, t, KL(), chunk=50)
    evaluate(whole, t, KL(over="rows"))
    evaluate(whole, t, InfoNCE())
    evaluate(whole, replace(t, normalised=True), BCE())
    evaluate(whole, replace(t, mu=0.1), KL())
    evaluate(replace(whole, pairs=None), t, KL())
    evaluate(replace(whole, cols=whole.rows * 1), t, KL())
    evaluate(replace(whole, same=False), t, KL())
    assert taken == [1], "nothing of these is a radial sum over mutual edges and all pairs"
    monkeypatch.setattr(routes, "LARGEST_GRID", 100)
    evaluate(whole, t, KL())
    monkeypatch.setattr(routes, "FIELD_FROM", 1000)
    evaluate(whole, t, KL())
    assert taken == [1]


def test_one_way_edges_are_seen() -> None:
    generator = torch.Generator()
    graph = knn(torch.randn(40, 4, generator=generator), 3)
    assert FullBatch(graph.similarity(symmetrise="none"), IndexFeed())(generator).pairs is None
    assert FullBatch(graph.similarity(symmetrise="max"), IndexFeed())(generator).pairs is not None


def test_similarities_that_underflowed_are_far_pairs() -> None:
    graph = knn(torch.randn(40, 4, generator=torch.Generator().manual_seed(0)), 3).symmetrise("max")
    weight = torch.ones(graph.num_edges)
    weight[::2] = 0.0
    p = FullBatch(replace(graph, length=None, weight=weight), IndexFeed()).p
    assert p.values().tolist() == [1.0] * int((weight > 0).sum())


def test_nodes_are_taken_in_an_order_that_keeps_neighbours_close(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = torch.Generator().manual_seed(0)
    graph = knn(torch.randn(60, 4, generator=generator), 5).similarity(symmetrise="mean")
    plain = FullBatch(graph, IndexFeed())(generator)
    monkeypatch.setattr(batches, "ORDERED_FROM", 50)
    moved = FullBatch(graph, IndexFeed())(generator)
    assert plain.nodes.tolist() == list(range(60)) == moved.nodes.sort().values.tolist()
    assert moved.nodes.tolist() != plain.nodes.tolist()
    z = torch.randn(60, 2, generator=generator, dtype=torch.float64)
    found = []
    for batch in (plain, moved):
        rows = z[batch.nodes].requires_grad_()
        whole = Relation(rows, rows, batch.p, None, 1.0, same=True, pairs=batch.pairs, total=batch.total)
        value, _ = evaluate(whole, Similarity(1.0, normalised=False), KL())
        (force,) = torch.autograd.grad(value, rows)
        found.append((value, torch.zeros_like(z).index_copy(0, batch.nodes, force)))
    torch.testing.assert_close(found[0], found[1])


def test_equal_functions_of_log_q_share_a_grid() -> None:
    t = Similarity(1.0, normalised=False)
    assert OfDistance(t, torch.exp) == OfDistance(Similarity(1.0, normalised=False), torch.exp)
    loss = GKL()
    assert OfDistance(t, loss.of_far) == OfDistance(t, loss.of_far)
    assert OfDistance(t, GKL().of_far) != OfDistance(t, GKL(gamma=0.3).of_far) != OfDistance(t, torch.exp)
    assert OfDistance(t, torch.exp) != OfDistance(replace(t, nu=2.0), torch.exp)
    d2 = torch.rand(5)
    torch.testing.assert_close(OfDistance(t, GKL().of_far)(d2), GKL().pairwise(torch.zeros(5), t.log(d2)))


@pytest.mark.usefixtures("fine")
@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("dim", [2, 7])
def test_all_rows_as_columns_give_what_all_pairs_give(loss: Loss, dim: int) -> None:
    similarity = Similarity(0.5, 2.0, normalised=False)
    whole = replace(relation(dim=dim), columns=torch.arange(150))
    assert routes.has_sums(loss, whole, similarity)
    found, expected = (evaluate(whole, similarity, loss, chunk=chunk)[0] for chunk in (None, 150))
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(*(torch.autograd.grad(value, whole.rows)[0] for value in (found, expected)))


@pytest.mark.usefixtures("fine")
def test_more_than_three_dimensions_need_columns() -> None:
    similarity = Similarity(1.0, normalised=False)
    assert not routes.has_sums(KL(), relation(dim=4), similarity)
    some = replace(relation(dim=4), columns=torch.arange(40))
    found, whole = evaluate(some, similarity, KL())[0], evaluate(some, similarity, KL(), chunk=150)[0]
    assert found != whole
    assert abs(float(found - whole)) < 0.2


def test_columns_are_drawn_anew_each_once() -> None:
    graph = knn(torch.randn(50, 4, generator=torch.Generator().manual_seed(0)), 6).similarity(symmetrise="mean")
    generator = torch.Generator().manual_seed(0)
    draw = FullBatch(graph, IndexFeed(), columns=20)
    first, second = (draw(generator).to(torch.device("cpu")).columns for _ in range(2))
    assert first is not None and second is not None
    assert len(first.unique()) == len(second.unique()) == 20
    assert first.tolist() != second.tolist()
    assert FullBatch(graph, IndexFeed())(generator).columns is None
