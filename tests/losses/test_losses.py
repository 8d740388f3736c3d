"""Losses against double loops, their stated minimisers, and their behaviour at the edges."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses import (
    BCE,
    GKL,
    KL,
    MSE,
    Alignment,
    CrossCorrelation,
    DistanceEnhancement,
    InfoNCE,
    Loss,
    alignment,
    bce,
    cross_correlation,
    distance_enhancement,
    gkl,
    infonce,
    kl,
    mse,
)
from graphurl.similarity import Similarity


def example(rows: int = 5, cols: int = 7, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    p = torch.rand(rows, cols, generator=generator, dtype=torch.float64)
    p[p < 0.4] = 0
    p[:, 0] += 0.05
    log_q = torch.rand(rows, cols, generator=generator, dtype=torch.float64).log() * 2 - 0.01
    weight = torch.rand(rows, cols, generator=generator, dtype=torch.float64) * 3
    weight[0, 1] = 0
    return p.clamp(max=1), log_q, weight


def naive(loss: Loss, p: Tensor, log_q: Tensor, w: Tensor) -> float:
    """Double loops over explicit pairs; sums for pair losses, means over rows for row losses."""
    rows, cols = p.shape
    cell = lambda t, i, j: float(t[i, j])  # noqa: E731
    if loss.additive:
        total = 0.0
        for i in range(rows):
            for j in range(cols):
                a, lq, b = cell(p, i, j), cell(log_q, i, j), math.exp(cell(log_q, i, j))
                if isinstance(loss, MSE):
                    value = (a - b) ** 2
                elif isinstance(loss, BCE):
                    value = -(a * lq + (1 - a) * math.log(1 - b))
                elif isinstance(loss, Alignment):
                    value = -a * lq
                elif isinstance(loss, DistanceEnhancement):
                    value = (1 - a) * (1 + lq)  # 1 + log q is the cosine
                elif isinstance(loss, CrossCorrelation):
                    value = (a - (1 + lq)) ** 2
                else:
                    assert isinstance(loss, GKL)
                    value = -a * lq + loss.gamma * abs(a - b) ** loss.power
                total += cell(w, i, j) * value
        return total
    assert isinstance(loss, KL)
    temperature = loss.temperature if isinstance(loss, InfoNCE) else 1.0
    groups = (
        [[(i, j) for j in range(cols)] for i in range(rows)]
        if loss.over == "rows"
        else [[(i, j) for i in range(rows) for j in range(cols)]]
    )
    values = []
    for group in groups:
        zp = sum(cell(w, *c) * cell(p, *c) for c in group)
        zq = sum(cell(w, *c) * math.exp(cell(log_q, *c) / temperature) for c in group)
        value = 0.0
        for c in group:
            share = cell(w, *c) * cell(p, *c) / zp
            if share > 0:
                log_share = math.log(cell(p, *c) / zp) if not isinstance(loss, InfoNCE) else 0.0
                value += share * (log_share - cell(log_q, *c) / temperature + math.log(zq))
        values.append(value)
    return sum(values) / len(values)


ALL: list[Loss] = [
    MSE(), BCE(), GKL(), GKL(gamma=0.1), GKL(gamma=0.7, power=2), GKL(gamma=0.5, power=1.5),
    KL(), KL(over="rows"), InfoNCE(), InfoNCE(temperature=0.3),
    Alignment(), DistanceEnhancement(), CrossCorrelation(),
]  # fmt: skip
ADDITIVE = [loss for loss in ALL if loss.additive]


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_loss_equals_double_loop(loss: Loss) -> None:
    p, log_q, weight = example()
    reduction = "sum" if loss.additive else "mean"
    assert float(loss(p, log_q, weight, reduction)) == pytest.approx(naive(loss, p, log_q, weight), rel=1e-9)


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_weight_one_is_no_weight(loss: Loss) -> None:
    p, log_q, _ = example()
    torch.testing.assert_close(loss(p, log_q, torch.ones_like(p)), loss(p, log_q))


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_sparse_p_equals_dense_p(loss: Loss) -> None:
    p, log_q, weight = example()
    torch.testing.assert_close(loss(p.to_sparse(), log_q, weight), loss(p, log_q, weight))
    torch.testing.assert_close(loss(p.to_sparse_csr(), log_q, weight), loss(p, log_q, weight))


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_parts_add_up(loss: Loss) -> None:
    p, log_q, weight = example(rows=6)
    parts = [loss.partial(p[s], log_q[s], weight[s]) for s in (slice(0, 1), slice(1, 4), slice(4, 6))]
    torch.testing.assert_close(loss.combine(torch.stack(parts)), loss(p, log_q, weight))


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_gradient(loss: Loss) -> None:
    p, log_q, weight = example(3, 4)
    assert torch.autograd.gradcheck(lambda q: loss(p, q, weight), log_q.requires_grad_())


@pytest.mark.parametrize("loss", ADDITIVE, ids=repr)
@settings(deadline=None, max_examples=40)
@given(p=st.floats(0.01, 0.99))
def test_minimiser_of_pair_losses(loss: Loss, p: float) -> None:
    """No q on a fine grid is below the stated minimiser, and those away from it are above."""
    target = torch.tensor([[p]], dtype=torch.float64)
    grid = torch.linspace(1e-4, 1 - 1e-9, 4001, dtype=torch.float64)
    values = loss.partial.__self__.pairwise(target, grid.log()[:, None])[:, 0]  # type: ignore[attr-defined]
    star = float(loss.minimiser(target))
    assert float(grid[values.argmin()]) == pytest.approx(min(star, 1 - 1e-9), abs=3e-4)


def test_alignment_and_enhancement_pull_and_push_without_end() -> None:
    """Alignment falls all the way to q = 1 and enhancement all the way to q = 0, but where p says nothing."""
    log_q = torch.linspace(-9, 0, 50, dtype=torch.float64)[:, None]
    for p in (0.0, 0.3, 1.0):
        target = torch.tensor([[p]], dtype=torch.float64)
        pulled, pushed = (loss.pairwise(target, log_q).diff(dim=0) for loss in (Alignment(), DistanceEnhancement()))
        assert bool((pulled < 0).all() if p > 0 else (pulled == 0).all())
        assert bool((pushed > 0).all() if p < 1 else (pushed == 0).all())
        assert Alignment().minimiser(target).item() == 1
        assert DistanceEnhancement().minimiser(target).item() == 0


def test_alignment_is_the_mean_distance_to_what_is_similar() -> None:
    """With cosines 1 - cos of the positives, whatever the far pairs; nothing similar is no loss."""
    z = torch.randn(4, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    expected = sum(1 - torch.cosine_similarity(z[i], z[(i + 1) % 4], dim=0) for i in range(4)) / 4
    log_q = Similarity(metric="cosine").of(z)
    torch.testing.assert_close(alignment(torch.eye(4).roll(1, 1), log_q), expected)
    assert alignment(torch.zeros(4, 4), log_q).item() == 0


def test_enhancement_over_all_pairs_is_the_length_of_the_sum() -> None:
    """Σ_{i≠j} cos = |Σ z|² - N of unit rows: smallest when the rows balance out."""
    z = torch.randn(5, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    total = distance_enhancement(torch.eye(5), Similarity(metric="cosine").of(z), reduction="sum")
    unit = z / z.norm(dim=1, keepdim=True)
    torch.testing.assert_close(total, unit.sum(dim=0).square().sum() - 5)


def test_cross_correlation_rests_where_the_cosine_is_p() -> None:
    p = torch.tensor([[1.0, 0.0, -0.5]], dtype=torch.float64)
    log_q = CrossCorrelation().minimiser(p).log()
    torch.testing.assert_close(log_q, p - 1)
    assert cross_correlation(p, log_q).item() == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("loss", [KL(), KL(over="rows"), InfoNCE(), InfoNCE(temperature=0.5)], ids=repr)
def test_minimiser_of_normalised_losses_has_no_gradient(loss: Loss) -> None:
    p, _, weight = example()
    p = p + 0.01
    log_q = loss.minimiser(p).log().requires_grad_()
    loss(p, log_q, weight).backward()
    assert log_q.grad is not None
    assert float(log_q.grad.abs().max()) < 1e-12
    shifted = (loss.minimiser(p).log() + 0.3 * torch.eye(*p.shape, dtype=torch.float64)).requires_grad_()
    loss(p, shifted, weight).backward()
    assert shifted.grad is not None
    assert float(shifted.grad.abs().max()) > 1e-3


def test_gkl_of_the_paper_sharpens_and_gamma_one_does_not() -> None:
    p = torch.tensor([0.05, 0.2, 0.9])
    torch.testing.assert_close(GKL(gamma=0.1).minimiser(p), torch.tensor([0.5, 1.0, 1.0]))
    torch.testing.assert_close(GKL().minimiser(p), p)


@pytest.mark.parametrize("loss", [BCE(), GKL(), KL(), KL(over="rows"), InfoNCE(), Alignment()], ids=repr)
@pytest.mark.parametrize("distance", [50.0, 1e3, 1e5])
def test_far_positive_keeps_a_gradient(loss: Loss, distance: float) -> None:
    """A clamp of q at 1e-6 would have 0 here."""
    z = torch.tensor([[0.0, 0.0], [distance, 0.0], [1.0, 1.0]], requires_grad=True)
    p = torch.tensor([[0.0, 0.9, 0.1], [0.9, 0.0, 0.0], [0.1, 0.0, 0.0]])
    off = 1 - torch.eye(3)
    loss(p, Similarity(nu=100.0).of(z), off, "sum").backward()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()
    assert abs(float(z.grad[1, 0])) > 1e-6


@pytest.mark.parametrize("loss", ALL, ids=repr)
def test_coincident_points_are_finite(loss: Loss) -> None:
    """q = 1 exactly, with p below 1: the logarithm of 1 - q must not be infinite."""
    p = torch.tensor([[0.0, 0.5], [0.5, 0.0]])
    log_q = torch.zeros(2, 2, requires_grad=True)
    value = loss(p, log_q, torch.ones(2, 2) - torch.eye(2))
    value.backward()
    assert torch.isfinite(value)
    assert log_q.grad is not None
    assert torch.isfinite(log_q.grad).all()


@pytest.mark.parametrize("loss", ALL, ids=repr)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_low_precision_is_computed_wide(loss: Loss, dtype: torch.dtype) -> None:
    p, log_q, weight = example()
    value = loss(p.to(dtype), log_q.to(dtype), weight.to(dtype))
    assert value.dtype == torch.float32
    tolerance = 1e-5 if dtype == torch.float32 else 0.05
    assert float(value) == pytest.approx(float(loss(p, log_q, weight)), rel=tolerance)


def test_rows_without_mass_are_left_out() -> None:
    p, log_q, weight = example()
    empty = torch.cat([p, torch.zeros(1, p.shape[1], dtype=p.dtype)])
    more = torch.cat([log_q, log_q[:1]]).requires_grad_()
    w = torch.cat([weight, weight[:1]])
    value = KL(over="rows")(empty, more, w)
    assert float(value) == pytest.approx(float(KL(over="rows")(p, log_q, weight)))
    value.backward()
    assert more.grad is not None and torch.isfinite(more.grad).all()
    assert float(KL()(torch.zeros(2, 2), torch.zeros(2, 2))) == 0


def test_functions_are_the_classes() -> None:
    p, log_q, weight = example()
    pairs = [
        (mse(p, log_q, weight), MSE()), (bce(p, log_q, weight), BCE()),
        (gkl(p, log_q, weight, gamma=0.2, power=2), GKL(0.2, 2)), (kl(p, log_q, weight, over="rows"), KL("rows")),
        (infonce(p, log_q, weight, temperature=0.2), InfoNCE(temperature=0.2)),
        (alignment(p, log_q, weight), Alignment()), (cross_correlation(p, log_q, weight), CrossCorrelation()),
        (distance_enhancement(p, log_q, weight), DistanceEnhancement()),
    ]  # fmt: skip
    for value, loss in pairs:
        torch.testing.assert_close(value, loss(p, log_q, weight))


def test_infonce_with_one_positive_is_cross_entropy() -> None:
    logits = torch.randn(6, 9, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    target = torch.tensor([3, 1, 0, 8, 8, 2])
    p = torch.nn.functional.one_hot(target, 9).double()
    expected = torch.nn.functional.cross_entropy(logits / 0.2, target)
    torch.testing.assert_close(infonce(p, logits, temperature=0.2), expected)


def test_wrong_calls_say_what_to_do() -> None:
    p = torch.rand(2, 3)
    with pytest.raises(InputError, match=r"\(2, 3\).*\(3, 2\).*same pairs"):
        bce(p, p.T)
    with pytest.raises(InputError, match="one weight a pair"):
        bce(p, -p, torch.ones(2, 2))
    with pytest.raises(InputError, match="did you mean 'mean'"):
        bce(p, -p, None, "meen")
    with pytest.raises(InputError, match="rows × columns"):
        kl(torch.rand(3), -torch.rand(3))
    for make in (lambda: GKL(gamma=0), lambda: GKL(power=0.5), lambda: KL("row"), lambda: InfoNCE(temperature=-1)):
        with pytest.raises(InputError):
            make()


def test_inputs_and_global_randomness_are_untouched() -> None:
    p, log_q, weight = example()
    copies, state = [t.clone() for t in (p, log_q, weight)], torch.get_rng_state()
    for loss in ALL:
        loss(p, log_q, weight)
    assert all(torch.equal(a, b) for a, b in zip(copies, (p, log_q, weight), strict=True))
    assert torch.equal(state, torch.get_rng_state())
