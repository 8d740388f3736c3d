from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import gammaln
from torch.autograd import gradcheck, gradgradcheck

from graphurl.errors import InputError
from graphurl.functional.kernel import (
    log_gaussian_kernel,
    log_kernel_at_zero,
    log_one_minus,
    log_t_kernel,
)

NUS = [1e-3, 0.01, 0.5, 1.0, 2.5, 100.0, 1e6, 1e12, math.inf]
DISTANCES = [0.0, 1e-6, 0.3, 1.0, 7.0, 1e3, 1e6]


def reference(d: float, nu: float, normalised: bool) -> float:
    """The formula of the paper, in scalar float64."""
    if math.isinf(nu):
        return -d * d / 2
    tail = -(nu + 1) / 2 * math.log1p(d * d / nu)
    if normalised:
        return tail
    constant = math.sqrt(2 * math.pi) / math.sqrt(nu * math.pi)
    return math.log(constant) + float(gammaln((nu + 1) / 2) - gammaln(nu / 2)) + tail


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("nu", [1e-3, 0.01, 0.5, 1.0, 2.5, 100.0, 1e4, math.inf])
def test_kernel_is_the_formula_of_the_paper(nu: float, normalised: bool) -> None:
    found = log_t_kernel(torch.tensor(DISTANCES, dtype=torch.float64) ** 2, nu, normalised=normalised)
    wanted = [reference(d, nu, normalised) for d in DISTANCES]
    assert found.tolist() == pytest.approx(wanted, rel=1e-12, abs=1e-10)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("nu", NUS)
def test_value_and_gradient_stay_finite(nu: float, normalised: bool, dtype: torch.dtype) -> None:
    d2 = (torch.tensor(DISTANCES, dtype=torch.float64) ** 2).to(dtype).requires_grad_()
    found = log_t_kernel(d2, nu, normalised=normalised)
    found.sum().backward()
    assert found.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert found.isfinite().all()
    assert found.max() <= 0
    assert d2.grad is not None
    assert d2.grad.isfinite().all()


@pytest.mark.parametrize("nu", NUS)
def test_far_pair_keeps_a_gradient(nu: float) -> None:
    d2 = torch.tensor(1e6, requires_grad=True)
    log_t_kernel(d2, nu).backward()
    assert d2.grad is not None
    assert d2.grad < 0


@given(st.floats(1e-3, 1e6), st.lists(st.floats(0, 1e6), min_size=2, max_size=8), st.booleans())
def test_kernel_is_a_similarity_that_falls_with_distance(nu: float, d: list[float], normal: bool) -> None:
    ordered = torch.tensor(sorted(d), dtype=torch.float64)
    kappa = log_t_kernel(ordered**2, nu, normalised=normal).exp()
    assert (kappa >= 0).all()
    assert (kappa <= 1).all()
    assert (kappa.diff() <= 0).all()


@given(st.floats(0, 30))
def test_large_nu_approaches_the_gaussian(d: float) -> None:
    d2 = torch.tensor(d * d, dtype=torch.float64)
    for nu, tolerance in ((1e6, 1e-3), (1e9, 1e-6), (1e29, 1e-12), (1e31, 0.0), (math.inf, 0.0)):
        error = (log_t_kernel(d2, nu, normalised=False) - log_gaussian_kernel(d2)).abs()
        assert error <= tolerance * (1 + d2 * d2 / 4)


def test_constant_of_the_kernel() -> None:
    assert math.exp(log_kernel_at_zero(0.01)) == pytest.approx(0.125, abs=1e-3)
    assert log_kernel_at_zero(math.inf) == 0.0
    assert log_kernel_at_zero(1.0) == pytest.approx(math.log(math.sqrt(2 / math.pi)))
    # Where the series takes over nothing jumps: the constant is smooth, about -1 / (4 nu).
    assert log_kernel_at_zero(200 - 1e-8) == pytest.approx(log_kernel_at_zero(200 + 1e-8), rel=1e-9)
    for nu in (1e4, 1e8, 1e15):
        assert log_kernel_at_zero(nu) * nu == pytest.approx(-0.25, rel=1e-4)


@pytest.mark.parametrize("normalised", [True, False])
@pytest.mark.parametrize("value", [0.01, 1.0, 30.0, 500.0])
def test_gradient_in_distance_and_nu(value: float, normalised: bool) -> None:
    d2 = torch.tensor([0.0, 0.2, 5.0, 80.0], dtype=torch.float64, requires_grad=True)
    nu = torch.tensor(value, dtype=torch.float64, requires_grad=True)
    # Away from 0, where a numerical difference would ask for a negative squared distance.
    assert gradcheck(lambda a, b: log_t_kernel(a + 0.1, b, normalised=normalised), (d2, nu))
    fixed = log_t_kernel(d2, value, normalised=normalised)
    assert torch.allclose(log_t_kernel(d2, nu, normalised=normalised), fixed, rtol=1e-12)
    assert torch.equal(log_t_kernel(d2, nu.detach(), normalised=normalised), fixed)


@pytest.mark.parametrize("nu", [0.0, -1.0, math.nan, -math.inf, torch.tensor(0.0)])
def test_invalid_nu_is_refused(nu: float | torch.Tensor) -> None:
    with pytest.raises(InputError, match="nu must be above 0"):
        log_t_kernel(torch.ones(2), nu)
    with pytest.raises(InputError, match="nu must be above 0"):
        log_kernel_at_zero(nu)


def test_several_nu_are_refused() -> None:
    with pytest.raises(InputError, match=r"one number, not of shape \(2,\)"):
        log_t_kernel(torch.ones(2), torch.ones(2))


@given(st.floats(-700, -1e-3))
def test_log_one_minus_is_exact(log_q: float) -> None:
    found = log_one_minus(torch.tensor(log_q, dtype=torch.float64)).item()
    wanted = math.log(-math.expm1(log_q)) if log_q > -0.7 else math.log1p(-math.exp(log_q))
    assert found == pytest.approx(wanted, rel=1e-11)


def test_log_one_minus_keeps_the_digits_of_a_small_similarity_in_float32() -> None:
    log_q = torch.tensor([-10.0, -16.0, -40.0], requires_grad=True)
    found = log_one_minus(log_q)
    found.sum().backward()
    wanted = -log_q.detach().double().exp()
    assert torch.allclose(found.double(), wanted, rtol=1e-4)
    assert log_q.grad is not None
    assert torch.allclose(log_q.grad.double(), wanted, rtol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_log_one_minus_is_finite_at_both_ends(dtype: torch.dtype) -> None:
    log_q = torch.tensor([0.0, 1e-9, -1e-30, -1e30, -math.inf], dtype=dtype, requires_grad=True)
    found = log_one_minus(log_q)
    found.sum().backward()
    eps = torch.finfo(found.dtype).eps
    assert found[0].item() == pytest.approx(math.log(eps), rel=1e-6)
    assert found[3:].tolist() == [0, 0]
    assert log_q.grad is not None
    assert found.isfinite().all()
    assert log_q.grad.isfinite().all()
    assert log_q.grad[0] < -1e5
    assert log_q.grad[3:].tolist() == [0, 0]


def test_log_one_minus_gradients() -> None:
    log_q = torch.tensor([-0.01, -0.5, -0.69, -0.7, -3.0, -20.0], dtype=torch.float64, requires_grad=True)
    assert gradcheck(log_one_minus, log_q)
    assert gradgradcheck(log_one_minus, log_q)
    mapped = torch.func.vmap(log_one_minus)(log_q.detach()[:, None])[:, 0]
    assert torch.equal(mapped, log_one_minus(log_q.detach()))


def test_inputs_are_left_alone(rng_untouched: None) -> None:
    d2, log_q = torch.tensor([0.0, 2.0]), torch.tensor([0.5, -1.0])
    log_t_kernel(d2, 0.5)
    log_one_minus(log_q)
    assert d2.tolist() == [0, 2]
    assert log_q.tolist() == [0.5, -1]


@pytest.mark.gpu
def test_gpu_agrees() -> None:
    d2 = torch.tensor(DISTANCES) ** 2
    for nu in NUS:
        here, there = log_t_kernel(d2, nu), log_t_kernel(d2.cuda(), nu).cpu()
        assert torch.allclose(here, there, rtol=1e-5)
        assert torch.allclose(log_one_minus(here), log_one_minus(there), rtol=1e-4)
