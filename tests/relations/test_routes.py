"""Routes: dense, chunked and sampled evaluation agree, in value and in gradient."""

from __future__ import annotations

import gc
import weakref

import pytest
import torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses import BCE, GKL, KL, MSE, Alignment, InfoNCE, Loss
from graphurl.relations import Relation, evaluate, routes
from graphurl.similarity import Similarity

LOSSES: list[Loss] = [MSE(), BCE(), GKL(), GKL(gamma=0.3, power=2), KL(), KL(over="rows"), InfoNCE(temperature=0.5)]


def rectangle(rows: int = 7, cols: int = 9, seed: int = 0) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, 3, generator=generator, dtype=torch.float64)
    y = torch.randn(cols, 3, generator=generator, dtype=torch.float64)
    p = torch.rand(rows, cols, generator=generator, dtype=torch.float64)
    p = p * (p < 0.5)
    p[2] = 0  # a row without any positive
    return x, y, p, torch.rand(rows, cols, generator=generator, dtype=torch.float64)


def value_and_gradients(
    relation: Relation, loss: Loss, chunk: int | None, similarity: Similarity | None = None
) -> tuple[Tensor, list[Tensor]]:
    value, _ = evaluate(relation, similarity or Similarity(1.0, mu=0.1), loss, chunk=chunk)
    leaves = [relation.rows] if relation.cols is relation.rows else [relation.rows, relation.cols]
    return value, list(torch.autograd.grad(value, leaves))


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("chunk", [1, 3, 7])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("sparse", [False, True])
def test_chunked_equals_dense(loss: Loss, chunk: int, weighted: bool, sparse: bool) -> None:
    x, y, p, weight = rectangle()
    x.requires_grad_(), y.requires_grad_()
    prescribed = p.to_sparse_csr() if sparse else p
    for total in (None, 11.5):
        relation = Relation(x, y, prescribed, weight if weighted else None, far_weight=0.2, total=total)
        dense, expected = value_and_gradients(relation, loss, None)
        chunked, gradients = value_and_gradients(relation, loss, chunk)
        torch.testing.assert_close(chunked, dense)
        for a, b in zip(gradients, expected, strict=True):
            torch.testing.assert_close(a, b)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_chunks_of_a_square_relation_leave_the_diagonal_out(loss: Loss) -> None:
    x, _, p, _ = rectangle(8, 8)
    x.requires_grad_()
    far = torch.where(p > 0, 1.0, 0.25).double().fill_diagonal_(0)
    explicit = loss(p, Similarity(1.0, mu=0.1).of(x), far)
    (expected,) = torch.autograd.grad(explicit, x)
    for chunk in (None, 1, 3, 8):
        value, (gradient,) = value_and_gradients(
            Relation(x, x, p.to_sparse_csr(), far_weight=0.25, same=True), loss, chunk
        )
        torch.testing.assert_close(value, explicit)
        torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("same", [False, True])
def test_where_near_pairs_alone_count_no_other_is_looked_at(same: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, p, weight = rectangle(8, 8)
    x.requires_grad_(), y.requires_grad_()
    cols = x if same else y
    expected = value_and_gradients(Relation(x, cols, p, far_weight=0.3, same=same), Alignment(), None)
    assert not routes.entries_alone(Alignment(), Relation(x, cols, p), Similarity())
    assert not routes.entries_alone(Alignment(), Relation(x, cols, p.to_sparse_csr(), weight), Similarity())
    assert not routes.entries_alone(MSE(), Relation(x, cols, p.to_sparse_csr()), Similarity())
    monkeypatch.setattr(routes, "_part", None)
    relation = Relation(x, cols, p.to_sparse_csr(), far_weight=0.3, same=same)
    found = value_and_gradients(relation, Alignment(), None)
    torch.testing.assert_close(found, expected)


def test_total_divides_additive_losses_only() -> None:
    x, y, p, weight = rectangle()
    for loss in LOSSES:
        plain, _ = evaluate(Relation(x, y, p, weight), Similarity(), loss)
        divided, pairs = evaluate(Relation(x, y, p, weight, total=5.0), Similarity(), loss)
        factor = float(weight.sum()) / 5 if loss.additive else 1.0
        torch.testing.assert_close(divided, plain * factor)
        assert pairs == 63


def test_large_relations_are_cut_without_being_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    x, y, p, weight = rectangle()
    expected, _ = evaluate(Relation(x, y, p, weight), Similarity(), BCE())
    seen: list[int] = []

    class Watch(Similarity):
        def of(self, x: Tensor, y: Tensor | None = None) -> Tensor:
            seen.append(len(x))
            return super().of(x, y)

    for limit, sizes in ((63, [7]), (62, [6, 1]), (20, [2, 2, 2, 1]), (1, [1] * 7)):
        monkeypatch.setattr(routes, "DENSE_PAIRS", limit)
        seen.clear()
        value, _ = evaluate(Relation(x, y, p, weight), Watch(), BCE())
        assert seen == sizes
        torch.testing.assert_close(value, expected)


def test_chunks_keep_no_block_between_forward_and_backward() -> None:
    """What autograd saves grows with the rows, not with rows × columns."""

    def saved(chunk: int | None) -> int:
        x = torch.randn(64, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
        sizes: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            if tensor.layout == torch.strided:
                sizes[tensor.data_ptr()] = tensor.numel()
            return tensor

        relation = Relation(x, x, torch.eye(64).roll(1, 0).to_sparse_csr(), same=True)
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            value, _ = evaluate(relation, Similarity(1.0), BCE(), chunk=chunk)
        value.backward()
        return sum(sizes.values())

    assert saved(8) < 64 * 64 / 4 < saved(None)


def test_chunks_keep_no_p_either() -> None:
    x = torch.randn(12, 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    made: list[weakref.ref[Tensor]] = []

    class Watch(Relation):
        def block(self, start: int, stop: int) -> tuple[Tensor, Tensor | None]:
            p, weight = super().block(start, stop)
            assert weight is not None
            made.extend([weakref.ref(p), weakref.ref(weight)])
            return p, weight

    value, _ = evaluate(Watch(x, x, torch.eye(12).roll(1, 0).to_sparse_csr(), same=True), Similarity(), BCE(), chunk=4)
    gc.collect()
    assert len(made) == 6
    assert all(ref() is None for ref in made)
    value.backward()
    assert len(made) == 12


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize("chunk", [None, 3])
def test_permutation_of_rows_changes_nothing(loss: Loss, chunk: int | None) -> None:
    x, _, p, _ = rectangle(8, 8)
    order = torch.randperm(8, generator=torch.Generator().manual_seed(2))
    a = Relation(x, x, p.to_sparse_csr(), far_weight=0.3, same=True)
    b = Relation(x[order], x[order], p[order][:, order].to_sparse_csr(), far_weight=0.3, same=True)
    torch.testing.assert_close(
        evaluate(a, Similarity(1.0), loss, chunk=chunk)[0], evaluate(b, Similarity(1.0), loss, chunk=chunk)[0]
    )


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_gradcheck_through_the_chunked_route(loss: Loss) -> None:
    x, _, p, _ = rectangle(5, 5)
    sparse = p.to_sparse_csr()

    def chunked(rows: Tensor) -> Tensor:
        return evaluate(Relation(rows, rows, sparse, far_weight=0.5, same=True), Similarity(1.0), loss, chunk=2)[0]

    assert torch.autograd.gradcheck(chunked, x.requires_grad_())


def test_shapes_that_do_not_match_are_named() -> None:
    x, y, p, _ = rectangle()
    with pytest.raises(InputError, match=r"p has shape \(7, 8\) and log q \(7, 9\)"):
        evaluate(Relation(x, y, p[:, :8]), Similarity(), BCE())


def test_inputs_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    x, y, p, weight = rectangle()
    copies = [t.clone() for t in (x, y, p, weight)]
    for loss in LOSSES:
        evaluate(Relation(x.requires_grad_(), y, p, weight), Similarity(), loss, chunk=2)[0].backward()
    for before, after in zip(copies, (x, y, p, weight), strict=True):
        assert torch.equal(before, after)
