"""Similarity against its formula written out per pair, and what it does where distances are 0 or enormous."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from graphurl.errors import InputError
from graphurl.losses import BCE, GKL, KL, MSE, InfoNCE, Loss
from graphurl.similarity import Similarity


def points(n: int = 6, d: int = 3, seed: int = 0) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def distance(x: list[float], y: list[float], metric: str) -> float:
    if metric == "manhattan":
        return sum(abs(a - b) for a, b in zip(x, y, strict=True))
    if metric == "cosine":
        dot = sum(a * b for a, b in zip(x, y, strict=True))
        cos = dot / math.sqrt(sum(a * a for a in x)) / math.sqrt(sum(b * b for b in y))
        return math.sqrt(max(0.0, 2 - 2 * cos))
    return math.sqrt(sum((a - b) ** 2 for a, b in zip(x, y, strict=True)))


def kappa(u: float, nu: float, *, normalised: bool) -> float:
    """κ(u, ν) as GenURL prints it, through the gamma function."""
    if math.isinf(nu):
        return math.exp(-u * u / 2)
    at_zero = math.gamma((nu + 1) / 2) / math.gamma(nu / 2) / math.sqrt(nu / 2)
    return (1.0 if normalised else at_zero) * (1 + u * u / nu) ** (-(nu + 1) / 2)


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
@pytest.mark.parametrize("nu", [0.01, 1.0, 100.0, math.inf])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("per_row", [False, True])
def test_equals_the_formula_pair_by_pair(metric: str, nu: float, normalised: bool, per_row: bool) -> None:
    x, y = points(5, seed=1), points(4, seed=2)
    sigma = [0.3, 0.7, 1.0, 2.0, 5.0] if per_row else [0.7] * 5
    mu = [0.0, 0.2, 1.0, 9.0, 0.5] if per_row else [0.4] * 5
    similarity = Similarity(
        nu,
        torch.tensor(sigma) if per_row else 0.7,
        torch.tensor(mu) if per_row else 0.4,
        metric,
        normalised,
    )
    q = similarity.of(x, y).exp()
    for i in range(5):
        for j in range(4):
            u = max(0.0, distance(x[i].tolist(), y[j].tolist(), metric) - mu[i]) / sigma[i]
            assert float(q[i, j]) == pytest.approx(kappa(u, nu, normalised=normalised), rel=2e-6, abs=1e-14)


def test_a_callable_metric_gets_the_points() -> None:
    x = points(4)
    chebyshev = Similarity(metric=lambda a, b: (a[:, None] - b[None]).abs().amax(-1))
    expected = -((x[:, None] - x[None]).abs().amax(-1) ** 2) / 2
    torch.testing.assert_close(chebyshev.of(x), expected)


def test_distances_up_to_mu_count_as_zero() -> None:
    similarity = Similarity(1.0, mu=2.0)
    assert similarity.log(torch.tensor([0.0, 1.0, 4.0])).tolist() == [0.0, 0.0, 0.0]
    assert float(similarity.log(torch.tensor(4.5))) < 0


def test_larger_means_nearer() -> None:
    d2 = torch.linspace(0, 50, 200, dtype=torch.float64)
    for nu in (0.001, 1.0, 100.0, math.inf):
        for mu in (0.0, 1.0):
            assert bool((Similarity(nu, 2.0, mu).log(d2).diff() <= 0).all())


@given(scale=st.floats(1e-2, 1e2), seed=st.integers(0, 50))
def test_scaling_points_sigma_and_mu_together_changes_nothing(scale: float, seed: int) -> None:
    x = points(5, seed=seed)
    a, b = Similarity(1.0, 0.5, 0.3), Similarity(1.0, 0.5 * scale, 0.3 * scale)
    torch.testing.assert_close(b.of(x * scale), a.of(x), rtol=1e-6, atol=1e-9)


@given(seed=st.integers(0, 50))
def test_block_is_slice_of_full_and_symmetric(seed: int) -> None:
    x = points(7, seed=seed)
    for similarity in (Similarity(1.0), Similarity(mu=0.5, sigma=2.0), Similarity(metric="cosine")):
        full = similarity.of(x)
        torch.testing.assert_close(full, full.T)
        torch.testing.assert_close(similarity.of(x[2:5], x), full[2:5], rtol=1e-6, atol=1e-9)


def test_infinite_nu_is_the_limit_and_the_gaussian() -> None:
    x = points()
    gaussian = Similarity(math.inf, 0.7).of(x)
    torch.testing.assert_close(gaussian, -torch.cdist(x, x) ** 2 / (2 * 0.49), rtol=1e-9, atol=1e-9)
    torch.testing.assert_close(Similarity(1e12, 0.7).of(x), gaussian, rtol=1e-6, atol=1e-9)
    torch.testing.assert_close(Similarity(1e35, 0.7).of(x), gaussian, rtol=0, atol=0)


def test_cosine_gaussian_is_a_logit_with_temperature() -> None:
    x = points()
    unit = x / x.norm(dim=1, keepdim=True)
    expected = (unit @ unit.T - 1) / 0.2
    torch.testing.assert_close(Similarity(sigma=math.sqrt(0.2), metric="cosine").of(x), expected)


def test_calibration_puts_the_mean_pair_at_argument_one() -> None:
    for scale in (1e-4, 1.0, 1e4):
        z = points(40, 5) * scale
        similarity = Similarity(1.0).calibrated(z)
        d = torch.cdist(z, z)
        d.fill_diagonal_(math.inf)
        assert similarity.mu == pytest.approx(float(d.min(1).values.mean()), rel=1e-6)
        off = d[d.isfinite()]
        argument = (off - similarity.mu).clamp_min(0) / similarity.sigma
        assert float(argument.mean()) == pytest.approx(1, rel=1e-6)


def test_calibration_keeps_what_it_is_not_asked_for() -> None:
    z = points(20) * 3
    only_sigma = Similarity(1.0, 9.0, 0.25).calibrated(z, mu=False)
    assert only_sigma.mu == 0.25
    d = torch.cdist(z, z)[~torch.eye(20, dtype=torch.bool)]
    assert only_sigma.sigma == pytest.approx(float((d - 0.25).clamp_min(0).mean()))
    only_mu = Similarity(1.0, 9.0, 0.25).calibrated(z, sigma=False)
    assert only_mu.sigma == 9.0
    assert only_mu.mu != 0.25


def test_calibration_on_points_that_coincide_or_are_alone_changes_nothing() -> None:
    similarity = Similarity(1.0, 2.0, 0.5)
    assert similarity.calibrated(torch.ones(5, 3)) == similarity
    assert similarity.calibrated(torch.ones(1, 3)) == similarity


@pytest.mark.parametrize("mu", [0.0, 0.5, torch.tensor([0.0, 0.5, 0.0, 0.5])], ids=["zero", "half", "rows"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_coincident_points_have_a_finite_gradient(mu: float | Tensor, dtype: torch.dtype, metric: str) -> None:
    z = torch.tensor([[1.0, 2.0], [1.0, 2.0], [0.0, 0.0], [3.0, 1.0]], dtype=dtype, requires_grad=True)
    value = Similarity(0.5, 1.0, mu, metric).of(z)
    value.sum().backward()
    assert torch.isfinite(value).all()
    assert z.grad is not None
    assert torch.isfinite(z.grad).all()


@pytest.mark.parametrize("mu", [0.0, 1.5])
@pytest.mark.parametrize("nu", [0.01, 1.0, 100.0, math.inf])
@pytest.mark.parametrize("distance", [10.0, 1e3, 1e6])
def test_a_far_pair_keeps_a_gradient(mu: float, nu: float, distance: float) -> None:
    z = torch.tensor([[0.0, 0.0], [distance, 0.0]], requires_grad=True)
    Similarity(nu, mu=mu).of(z)[0, 1].backward()
    assert z.grad is not None
    u = distance - mu
    expected = -u if math.isinf(nu) else -(nu + 1) * u / (nu + u * u)
    assert float(z.grad[1, 0]) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_computed_wide(dtype: torch.dtype) -> None:
    x = points().to(dtype)
    assert Similarity(1.0).of(x).dtype == torch.float32
    assert Similarity(1.0, mu=0.3).log(torch.ones(3, dtype=dtype)).dtype == torch.float32
    torch.testing.assert_close(Similarity(1.0).of(x), Similarity(1.0).of(x.float()))


LOSSES: list[Loss] = [MSE(), BCE(), GKL(power=2), KL(), KL(over="rows"), InfoNCE(temperature=0.5)]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
@pytest.mark.parametrize(
    "similarity",
    [Similarity(1.0), Similarity(0.1, 2.0, 0.2, normalised=False), Similarity(metric="cosine", sigma=0.5)],
    ids=["t", "offset", "cosine"],
)
def test_the_whole_path_from_embedding_to_loss(loss: Loss, similarity: Similarity) -> None:
    generator = torch.Generator().manual_seed(3)
    p = torch.rand(5, 5, generator=generator, dtype=torch.float64) * 0.9 + 0.05
    weight = torch.ones(5, 5, dtype=torch.float64).fill_diagonal_(0)
    z = points(5, 3, seed=4).requires_grad_()
    assert torch.autograd.gradcheck(lambda rows: loss(p, similarity.of(rows), weight), z)


def test_parameters_without_a_meaning_are_refused() -> None:
    for wrong in (0.0, -1.0, math.nan):
        with pytest.raises(InputError, match=f"nu is {wrong}.*above 0, or inf"):
            Similarity(wrong)
    for wrong in (0.0, -2.0, math.inf, math.nan):
        with pytest.raises(InputError, match="sigma is .*finite number above 0"):
            Similarity(sigma=wrong)
    for wrong in (-0.1, math.inf, math.nan):
        with pytest.raises(InputError, match="mu is .*0 or more"):
            Similarity(mu=wrong)
    with pytest.raises(InputError, match="did you mean 'cosine'"):
        Similarity(metric="cosin").of(points())


def test_inputs_and_global_randomness_are_untouched(rng_untouched: None) -> None:
    z = points()
    before = z.clone()
    Similarity(1.0, mu=0.2).calibrated(z).of(z)
    assert torch.equal(z, before)
