"""Streamed evaluation: the same numbers from entries and normalisers, where the form of a relation allows it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses import BCE, KL, InfoNCE, Loss
from graphurl.relations import Relation, evaluate, routes
from graphurl.similarity import Similarity

ROWWISE: list[KL] = [KL(over="rows"), InfoNCE(), InfoNCE(temperature=0.2)]
KERNELS = [
    Similarity(metric="cosine"),
    Similarity(metric="cosine", sigma=0.1),
    Similarity(sigma=0.3),
    Similarity(nu=1.0, sigma=0.5, normalised=False),
    Similarity(nu=100.0, sigma=0.3, metric="cosine", normalised=False),
]


def value_and_gradients(
    relation: Relation, loss: Loss, chunk: int | None, similarity: Similarity
) -> tuple[Tensor, list[Tensor]]:
    value, _ = evaluate(relation, similarity, loss, chunk=chunk)
    leaves = [relation.rows] if relation.cols is relation.rows else [relation.rows, relation.cols]
    return value, list(torch.autograd.grad(value, leaves))


@pytest.fixture
def every_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams relations of any size."""
    monkeypatch.setattr(routes, "STREAMED_FROM", 0)
    monkeypatch.setattr(routes, "ENTRY_COST", 0)


def sparse_relation(rows: int = 7, cols: int = 9, seed: int = 0, dim: int = 5, **more: object) -> Relation:
    """A relation of a form that can be streamed, with a row without entries and an entry of 0."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(rows, dim, generator=generator, dtype=torch.float64)
    y = torch.randn(cols, dim, generator=generator, dtype=torch.float64)
    p = torch.rand(rows, cols, generator=generator)
    p = (p * (p < 0.4)).index_fill(0, torch.tensor([rows // 2]), 0).to_sparse_csr()
    p.values()[: len(p.values()) // 4] = 0
    return replace(Relation(x.requires_grad_(), y.requires_grad_(), p), **more)  # type: ignore[arg-type]


def forbid_streaming(*_: object, **__: object) -> Tensor:
    raise AssertionError("streamed")


@settings(max_examples=40, deadline=None)
@given(
    rows=st.integers(1, 9), cols=st.integers(2, 9), loss=st.sampled_from(ROWWISE), kernel=st.sampled_from(KERNELS),
    same=st.booleans(), width=st.integers(0, 9), seed=st.integers(0, 99),
)  # fmt: skip
def test_streamed_equals_dense(
    rows: int, cols: int, loss: KL, kernel: Similarity, same: bool, width: int, seed: int
) -> None:
    left_out = torch.rand(rows, min(width, cols), generator=torch.Generator().manual_seed(seed)) < 0.5
    relation = sparse_relation(rows, cols, seed, same=same, left_out=left_out)
    wanted, expected = value_and_gradients(relation, loss, rows, kernel)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(routes, "STREAMED_FROM", 0)
        patch.setattr(routes, "ENTRY_COST", 0)
        found, gradients = value_and_gradients(relation, loss, None, kernel)
    torch.testing.assert_close(found, wanted, rtol=1e-10, atol=1e-10)
    for a, b in zip(gradients, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("loss", ROWWISE, ids=repr)
@pytest.mark.parametrize("kernel", KERNELS, ids=repr)
def test_streamed_rows_against_themselves_keep_five_digits(loss: KL, kernel: Similarity) -> None:
    x = torch.randn(300, 16, generator=torch.Generator().manual_seed(0), dtype=torch.float64) / 2
    p = torch.eye(300).roll(7, 0) + torch.eye(300).roll(9, 1)
    exact = Relation(x.requires_grad_(), x, p.double().to_sparse_csr(), same=True)
    wanted, (expected,) = value_and_gradients(exact, loss, 300, kernel)
    single = x.detach().float().requires_grad_()
    relation = replace(exact, rows=single, cols=single, p=p.to_sparse_csr())
    assert routes.streams(loss, relation, kernel)
    found, (gradient,) = value_and_gradients(relation, loss, None, kernel)
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(wanted.item(), rel=1e-5)
    assert float((gradient - expected).norm()) < 1e-4 * float(expected.norm())


def test_size_decides_between_dense_and_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "ENTRY_COST", 1)
    monkeypatch.setattr(routes, "sum_log_normalisers", forbid_streaming)
    relation = sparse_relation()
    monkeypatch.setattr(routes, "STREAMED_FROM", 63)
    evaluate(relation, KERNELS[0], InfoNCE())
    monkeypatch.setattr(routes, "STREAMED_FROM", 62)
    with pytest.raises(AssertionError, match="streamed"):
        evaluate(relation, KERNELS[0], InfoNCE())
    evaluate(relation, KERNELS[0], InfoNCE(), chunk=7)


def test_existing_small_relations_are_dense() -> None:
    assert routes.STREAMED_FROM >= 2**16


OTHER_FORMS: dict[str, Callable[[Relation], tuple[Relation, Similarity, Loss]]] = {
    "loss over all pairs": lambda r: (r, KERNELS[0], KL()),
    "additive loss": lambda r: (r, KERNELS[0], BCE()),
    "dense p": lambda r: (replace(r, p=r.p.to_dense()), KERNELS[0], InfoNCE()),
    "weights": lambda r: (replace(r, weight=torch.rand(7, 9)), KERNELS[0], InfoNCE()),
    "far weight": lambda r: (replace(r, far_weight=0.5), KERNELS[0], InfoNCE()),
    "manhattan": lambda r: (r, Similarity(metric="manhattan"), InfoNCE()),
    "callable": lambda r: (r, Similarity(metric=torch.cdist), InfoNCE()),
    "offset": lambda r: (r, Similarity(mu=0.2), InfoNCE()),
    "offset of each row": lambda r: (r, Similarity(mu=torch.zeros(7)), InfoNCE()),
    "scale of each row": lambda r: (r, Similarity(sigma=torch.ones(7)), InfoNCE()),
    "almost Gaussian": lambda r: (r, Similarity(nu=1e20), InfoNCE()),
    "few dimensions": lambda r: (replace(r, rows=r.rows[:, :4], cols=r.cols[:, :4]), Similarity(), InfoNCE()),
}


@pytest.mark.parametrize("name", OTHER_FORMS)
@pytest.mark.usefixtures("every_size")
def test_other_forms_are_not_streamed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes, "sum_log_normalisers", forbid_streaming)
    relation, similarity, loss = OTHER_FORMS[name](sparse_relation())
    assert evaluate(relation, similarity, loss)[0].isfinite()
    with pytest.raises(AssertionError, match="streamed"):
        evaluate(sparse_relation(), KERNELS[0], InfoNCE())


@pytest.mark.usefixtures("every_size")
def test_shapes_that_do_not_match_are_named() -> None:
    relation = sparse_relation()
    with pytest.raises(InputError, match=r"p has shape \(7, 9\) and log q \(7, 8\)"):
        evaluate(replace(relation, cols=relation.cols[:8]), KERNELS[0], InfoNCE())


def test_many_entries_are_not_streamed(monkeypatch: pytest.MonkeyPatch) -> None:
    relation = replace(sparse_relation(), p=torch.eye(7, 9).to_sparse_csr())
    monkeypatch.setattr(routes, "ENTRY_COST", 9)
    assert routes.streams(InfoNCE(), relation, KERNELS[0])
    monkeypatch.setattr(routes, "ENTRY_COST", 10)
    assert not routes.streams(InfoNCE(), relation, KERNELS[0])


@pytest.mark.usefixtures("every_size")
def test_entries_in_slices_that_are_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    relation = sparse_relation()
    wanted, expected = value_and_gradients(relation, InfoNCE(), None, Similarity(nu=1.0))
    monkeypatch.setattr(routes, "DENSE_PAIRS", 3 * 5)
    seen: list[int] = []

    class Watch(Similarity):
        def log(self, d2: Tensor) -> Tensor:
            seen.append(len(d2))
            return super().log(d2)

    found, gradients = value_and_gradients(relation, InfoNCE(), None, Watch(nu=1.0))
    assert max(seen) == 3
    assert len(seen) == 2 * math.ceil(int((relation.p.values() > 0).sum()) / 3)
    torch.testing.assert_close(found, wanted)
    for a, b in zip(gradients, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.usefixtures("every_size")
def test_half_precision_is_widened_by_every_route() -> None:
    relation = sparse_relation(rows=20, cols=30)
    half = replace(relation, rows=relation.rows.detach().bfloat16(), cols=relation.cols.detach().bfloat16())
    found, wanted = (evaluate(half, KERNELS[0], InfoNCE(), chunk=chunk)[0] for chunk in (None, 7))
    assert found.dtype == wanted.dtype == torch.float32
    torch.testing.assert_close(found, wanted)
