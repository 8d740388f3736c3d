from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.calibration import (
    _solve,
    log2k_sigma,
    log2k_sigma_csr,
    nearest_distance,
    nearest_distance_csr,
    perplexity_sigma,
    perplexity_sigma_csr,
    population,
)
from graphurl.functional.kernel import log_t_kernel


def draw(n: int, k: int, seed: int = 0, scale: float = 1.0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(n, k, generator=generator, dtype=torch.float64) + 0.2).sort(1).values * scale


def total(d: Tensor, mu: float, sigma: float, nu: float) -> float:
    return sum(
        math.exp(float(log_t_kernel(torch.tensor(max(v - mu, 0) / sigma, dtype=torch.float64) ** 2, nu)))
        for v in d.tolist()
    )


def perplexity_of(d: Tensor, sigma: float) -> float:
    mass = [math.exp(-(v * v - float(d.min()) ** 2) / (2 * sigma**2)) for v in d.tolist()]
    p = [m / sum(mass) for m in mass]
    return math.exp(-sum(q * math.log(q) for q in p if q > 0))


@pytest.mark.parametrize("nu", [0.01, 1.0, 100.0, math.inf])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_log2k_hits_its_target(nu: float, scale: float) -> None:
    d = draw(6, 15, scale=scale)
    mu = nearest_distance(d)
    sigma = log2k_sigma(d, mu, nu=nu)
    for i in range(6):
        assert total(d[i], float(mu[i]), float(sigma[i]), nu) == pytest.approx(math.log2(15), rel=1e-9)
    wanted = brentq(lambda s: total(d[0], float(mu[0]), s, nu) - math.log2(15), 1e-6 * scale, 1e3 * scale)
    assert float(sigma[0]) == pytest.approx(wanted, rel=1e-6)


def test_log2k_takes_another_target_and_float32() -> None:
    d = draw(6, 15)
    mu = nearest_distance(d)
    sigma = log2k_sigma(d.float(), mu.float(), target=8.0)
    assert sigma.dtype == torch.float32
    for i in range(6):
        assert total(d[i], float(mu[i]), float(sigma[i]), math.inf) == pytest.approx(8, rel=1e-5)


@given(st.integers(0, 9999), st.floats(1.05, 9.0))
def test_perplexity_hits_its_target(seed: int, perplexity: float) -> None:
    d = draw(3, 10, seed)
    sigma = perplexity_sigma(d, perplexity)
    for i in range(3):
        assert perplexity_of(d[i], float(sigma[i])) == pytest.approx(perplexity, rel=1e-6)


@given(st.integers(0, 9999), st.floats(0.01, 100))
def test_bandwidth_scales_with_the_distances(seed: int, scale: float) -> None:
    d = draw(4, 9, seed)
    mu = nearest_distance(d)
    assert torch.allclose(log2k_sigma(d * scale, mu * scale), log2k_sigma(d, mu) * scale, rtol=1e-6)
    assert torch.allclose(perplexity_sigma(d * scale, 4.0), perplexity_sigma(d, 4.0) * scale, rtol=1e-6)


def ragged() -> tuple[Tensor, Tensor, Tensor]:
    """Rows of 12, 0, 5, 1 and 7 neighbours; also padded with inf."""
    counts = torch.tensor([12, 0, 5, 1, 7])
    padded = torch.full((5, 12), math.inf, dtype=torch.float64)
    for i, count in enumerate(counts.tolist()):
        padded[i, :count] = draw(1, count, i)[0] if count else padded[i, :0]
    crow = torch.cat([torch.zeros(1, dtype=torch.int64), counts.cumsum(0)])
    return padded, crow, padded[padded.isfinite()]


def test_ragged_rows_are_as_padded_ones() -> None:
    padded, crow, length = ragged()
    mu = nearest_distance(padded)
    assert torch.equal(mu, nearest_distance_csr(crow, length))
    assert mu[1] == 0
    assert mu[0] == padded[0, 0]
    sigma = log2k_sigma(padded, mu, nu=1.0)
    assert torch.allclose(sigma, log2k_sigma_csr(crow, length, mu, 1.0))
    assert total(padded[4, :7], float(mu[4]), float(sigma[4]), 1.0) == pytest.approx(math.log2(7))
    by_entropy = perplexity_sigma(padded, 3.0)
    assert torch.allclose(by_entropy, perplexity_sigma_csr(crow, length, 3.0))
    assert perplexity_of(padded[2, :5], float(by_entropy[2])) == pytest.approx(3)
    # Unreachable entries do not count as neighbours, in a ragged row as in a padded one.
    longer = torch.cat([length, torch.tensor([math.inf], dtype=torch.float64)])
    wider = torch.cat([crow[:-1], crow[-1:] + 1])
    assert torch.allclose(log2k_sigma_csr(wider, longer, mu, 1.0), sigma)


def test_rows_without_a_solution_follow_the_rule() -> None:
    d = torch.tensor(
        [
            [1.0, 1.5, 2.0, 4.0],
            [2.0, 2.0, 2.0, 2.0],  # all equal: the median of the solved rows
            [1.0, 1.0, 1.0, 3.0],  # more at mu than wanted: its mean gap
            [3.0, math.inf, math.inf, math.inf],  # one neighbour: the median
            [math.inf] * 4,  # none: the median
            [1.0, 2.0, math.inf, math.inf],  # log2(2) = 1 is reached at sigma = 0: its mean gap
        ],
        dtype=torch.float64,
    )
    mu = nearest_distance(d)
    sigma = log2k_sigma(d, mu)
    solved = float(sigma[0])
    assert total(d[0], 1.0, solved, math.inf) == pytest.approx(2)
    assert sigma.tolist() == pytest.approx([solved, solved, 2.0, solved, solved, 1.0])
    by_entropy = perplexity_sigma(d, 3.5).tolist()
    assert all(math.isfinite(s) and s > 0 for s in by_entropy)
    # With perplexity also the row of three ties is solved; the median of two rows is the lower one.
    assert perplexity_of(d[2], by_entropy[2]) == pytest.approx(3.5)
    assert by_entropy[1] == by_entropy[4] == min(by_entropy[0], by_entropy[2])
    assert by_entropy[5] == 1.0


def test_without_any_solved_row_the_mean_distance_or_one() -> None:
    assert log2k_sigma(torch.full((2, 3), 5.0), torch.full((2,), 5.0)).tolist() == [5, 5]
    assert log2k_sigma(torch.zeros(2, 3), torch.zeros(2)).tolist() == [1, 1]
    assert log2k_sigma(torch.full((2, 3), math.inf), torch.zeros(2)).tolist() == [1, 1]
    assert log2k_sigma(torch.empty(2, 0), torch.zeros(2)).tolist() == [1, 1]
    assert perplexity_sigma(torch.zeros(2, 3), 2.0).tolist() == [1, 1]
    assert nearest_distance(torch.empty(2, 0)).tolist() == [0, 0]


def test_population() -> None:
    d = torch.tensor([[1.0, 2.0], [math.inf, 6.0], [math.nan, 3.0]])
    assert population(d) == pytest.approx((3.0, float(np.std([1, 2, 6, 3]))))
    assert population(torch.full((4,), 2.0)) == (2.0, 1.0)
    assert population(torch.full((4,), math.inf)) == (0.0, 1.0)


@pytest.mark.parametrize("perplexity", [0.5, 4.0, 30.0, math.nan])
def test_perplexity_out_of_range_is_refused(perplexity: float) -> None:
    with pytest.raises(InputError, match="perplexity must be at least 1 and below the 4 neighbours"):
        perplexity_sigma(draw(3, 4), perplexity)


def test_target_out_of_range_is_refused() -> None:
    with pytest.raises(InputError, match="target must be above 0, not -1"):
        log2k_sigma(draw(3, 4), torch.zeros(3), target=-1.0)
    with pytest.raises(InputError, match="nu must be above 0"):
        log2k_sigma(draw(3, 4), torch.zeros(3), nu=0.0)


def test_inputs_are_left_alone(rng_untouched: None) -> None:
    d = draw(3, 4)
    before = d.clone()
    log2k_sigma(d, nearest_distance(d))
    perplexity_sigma(d, 2.0)
    population(d)
    assert torch.equal(d, before)


@pytest.mark.gpu
def test_gpu_agrees() -> None:
    d = draw(50, 15)
    mu = nearest_distance(d)
    assert torch.allclose(log2k_sigma(d.cuda(), mu.cuda()).cpu(), log2k_sigma(d, mu))
    assert torch.allclose(perplexity_sigma(d.cuda(), 5.0).cpu(), perplexity_sigma(d, 5.0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_solution_takes_a_third_of_the_halvings(dtype: torch.dtype) -> None:
    asked: list[Tensor] = []
    most = torch.linspace(1.6, 60, 300).to(dtype)

    def increasing(sigma: Tensor) -> Tensor:
        asked.append(sigma)
        return most * sigma.to(dtype) / (1 + sigma.to(dtype))

    sigma, solved = _solve(increasing, torch.full((300,), 1.5, dtype=torch.float64))
    assert solved.all()
    rtol = 1e-9 if dtype == torch.float64 else 2e-5
    torch.testing.assert_close(sigma, 1.5 / (most.double() - 1.5), rtol=rtol, atol=0)
    assert len(asked) <= 16


@pytest.mark.parametrize("steep", [1.0, 40.0])
def test_a_step_is_found_as_well(steep: float) -> None:
    """Of a step no chord tells where it is."""
    asked: list[Tensor] = []

    def increasing(sigma: Tensor) -> Tensor:
        asked.append(sigma)
        return torch.sigmoid(1e4 * (sigma.log() - torch.linspace(-20, 10, 50).double())) ** steep

    sigma, solved = _solve(increasing, torch.full((50,), 0.3, dtype=torch.float64))
    assert solved.all()
    assert len(asked) <= 2 * 45
    assert ((sigma.log() - torch.linspace(-20, 10, 50)).abs() < 1e-3).all()
