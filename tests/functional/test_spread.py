from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from graphurl.functional.spread import (
    collapse,
    effective_rank,
    mean_cosine,
    nlad,
    std_of_normalised,
    uniformity,
)


def cloud(n: int = 200, d: int = 8, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_effective_rank_is_exp_entropy_of_singular_values() -> None:
    z = cloud() * torch.arange(1, 9)
    s = np.linalg.svd((z - z.mean(0)).numpy(), compute_uv=False)
    p = s / s.sum()
    assert float(effective_rank(z)) == pytest.approx(math.exp(-(p * np.log(p)).sum()))
    # Fewer rows than dimensions: the same value from the smaller Gram matrix.
    padded = torch.cat([z[:5], torch.zeros(5, 40, dtype=z.dtype)], 1)
    assert float(effective_rank(z[:5])) == pytest.approx(float(effective_rank(padded)))


def test_effective_rank_of_known_shapes() -> None:
    line = torch.arange(50.0)[:, None] * torch.tensor([[1.0, 2.0, 3.0]])
    assert float(effective_rank(line)) == pytest.approx(1)
    assert float(effective_rank(torch.cat([torch.eye(6), -torch.eye(6)]))) == pytest.approx(6)
    assert float(effective_rank(torch.full((9, 3), 7.0))) == 0
    assert float(effective_rank(torch.full((9, 3), 7.0), centred=False)) == pytest.approx(1)
    assert float(effective_rank(torch.zeros(4, 2))) == 0


@given(st.floats(1e-12, 1e12))
def test_nothing_depends_on_the_scale(scale: float) -> None:
    z = cloud(60, 5)
    for measure in (effective_rank, mean_cosine, std_of_normalised, uniformity):
        assert float(measure(z * scale)) == pytest.approx(float(measure(z)), rel=1e-6)
    assert not collapse(z * scale)["collapsed"]


def test_pair_measures_equal_their_double_loops() -> None:
    z = cloud(25, 3) + 0.5
    u = z / z.norm(dim=1, keepdim=True)
    pairs = [(i, j) for i in range(25) for j in range(25) if i != j]
    assert float(mean_cosine(z)) == pytest.approx(np.mean([float(u[i] @ u[j]) for i, j in pairs]))
    potential = np.mean([math.exp(-2 * float((u[i] - u[j]).square().sum())) for i, j in pairs])
    assert float(uniformity(z)) == pytest.approx(math.log(potential))
    assert float(std_of_normalised(z)) == pytest.approx(np.mean(u.numpy().std(0)) * math.sqrt(3))


def test_nlad_of_orthogonal_and_of_near_means() -> None:
    y = torch.tensor([0, 0, 1, 1, -1])
    z = torch.tensor([[1.0, 0], [3, 0], [0, 1], [0, 2], [9, 9]])
    assert float(nlad(z, y)) == pytest.approx(0, abs=1e-12)
    near = torch.tensor([[1.0, 0], [1, 0], [1, 0.1], [1, 0.1], [9, 9]])
    cosine = 1 / math.sqrt(1.01)
    assert float(nlad(near, y)) == pytest.approx(-math.log(1 - cosine**2))
    assert math.isinf(float(nlad(torch.ones(5, 2), y)))
    assert math.isinf(float(nlad(torch.ones(5, 1), y)))


@pytest.mark.parametrize("dim", [1, 2, 16, 128, 512])
def test_healthy_embeddings_pass(dim: int) -> None:
    z = cloud(400, dim)
    verdict = collapse(z)
    assert (verdict["collapsed"], verdict["reason"]) == (False, "")
    assert not collapse(z.float() + 300)["collapsed"]
    assert not collapse(torch.nn.functional.normalize(z))["collapsed"]


def test_a_heap_of_half_the_rows_is_not_a_collapse() -> None:
    assert not collapse(torch.cat([torch.zeros(60, 8), cloud(40)]))["collapsed"]


def test_a_steep_spectrum_is_not_a_collapse() -> None:
    z = cloud(600, 128) / torch.arange(1, 129)
    assert not collapse(z)["collapsed"]


@pytest.mark.parametrize(
    ("z", "reason"),
    [
        (torch.full((100, 4), 3.0), "all rows are alike"),
        (torch.zeros(100, 4), "all rows are alike"),
        (1 + 1e-8 * cloud(100, 4), "all rows are alike"),
        (torch.cat([1e-7 * cloud(99, 4), torch.full((1, 4), 1e3)]), "90% of the rows are alike"),
        (cloud(100, 1) * torch.ones(1, 2) + 1e-3 * cloud(100, 2, 1), "effective rank 1.0. of 2 dimensions"),
        (cloud(300, 2) @ cloud(2, 256, 1), "effective rank"),
        (torch.cat([cloud(99, 4), torch.full((1, 4), torch.nan)]), "1 of 100 rows are not finite"),
    ],
    ids=["constant", "zero", "nearly constant", "one far", "line", "plane", "nan"],
)
def test_every_way_to_collapse_is_named(z: torch.Tensor, reason: str) -> None:
    verdict = collapse(z)
    assert verdict["collapsed"]
    assert verdict["reason"].startswith(reason[:14])
    assert np.isfinite([verdict["effective_rank"], verdict["std"]]).all()


def test_rows_that_point_one_way_have_collapsed_if_directions_are_what_counts() -> None:
    one_way = torch.ones(100, 16) + 0.02 * cloud(100, 16)
    one_way *= torch.linspace(1, 50, 100)[:, None]
    assert not collapse(one_way)["collapsed"]
    verdict = collapse(one_way, directions=True)
    assert verdict["collapsed"]
    assert verdict["reason"].startswith("all rows point the same way")
    falling = torch.ones(100, 16) + 0.1 * cloud(100, 16)  # as after an epoch of SimSiam without its predictor
    assert 0.09 < collapse(falling, directions=True)["std"] < 0.11
    assert collapse(falling, directions=True)["collapsed"]
    cone = torch.ones(100, 16) + 0.5 * cloud(100, 16)  # a mean cosine of 0.8, as healthy methods may have
    assert not collapse(cone, directions=True)["collapsed"]
    assert not collapse(cone[:1], directions=True)["collapsed"]


def test_the_monitor_is_cheap_and_leaves_everything_alone(rng_untouched: None) -> None:
    z = cloud(5000, 64).float().requires_grad_()
    before = z.detach().clone()
    assert not collapse(z)["collapsed"]
    assert torch.equal(z.detach(), before)
    assert z.grad is None
    # The last row is looked at too: a subset by stride would miss it.
    spoiled = before.clone()
    spoiled[-1] = torch.inf
    assert collapse(spoiled)["collapsed"]


def test_half_precision_and_few_rows() -> None:
    assert not collapse(cloud(100, 16).bfloat16())["collapsed"]
    assert not collapse(cloud(1, 4))["collapsed"]
    assert not collapse(cloud(0, 4))["collapsed"]
    assert not collapse(cloud(2, 64))["collapsed"]
