"""Sums over all pairs on a grid, and over edges: against naive loops, in value and gradient."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from graphurl.functional import field
from graphurl.functional.field import _kernel, edge_sum, grid_cells, radial_sum
from graphurl.functional.undirected import pairs_of

KERNELS: dict[str, Callable[[Tensor], Tensor]] = {
    "t": lambda d2: 1 / (1 + d2),
    "gaussian": lambda d2: torch.exp(-d2 / 2),
    "log": lambda d2: torch.log1p(d2),
}


def clusters(dim: int, each: int = 60, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    apart = 6 if dim < 3 else 2  # a grid of three dimensions grows fast
    points = [
        2 * torch.randn(each, dim, generator=generator) + apart * torch.randn(1, dim, generator=generator)
        for _ in range(3)
    ]
    return torch.cat(points).double().requires_grad_()


def naive(z: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    d2 = ((z[:, None] - z[None]) ** 2).sum(-1)
    return function(d2)[~torch.eye(len(z), dtype=torch.bool)].sum()


def gap(found: Tensor, expected: Tensor) -> float:
    return float((found - expected).norm() / expected.norm())


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_grid_finds_what_all_pairs_give(kernel: str, dim: int) -> None:
    z, f = clusters(dim), KERNELS[kernel]
    expected = naive(z, f)
    (force,) = torch.autograd.grad(expected, z)
    value = radial_sum(z, f, spacing=0.25, order=3)
    (found,) = torch.autograd.grad(value, z)
    assert float(value.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
    assert gap(found, force) < 2e-3


@pytest.mark.parametrize("order", [1, 3])
def test_a_finer_grid_is_nearer(order: int) -> None:
    z, f = clusters(2), KERNELS["t"]
    expected = naive(z, f)
    (force,) = torch.autograd.grad(expected, z)
    gaps = []
    for spacing in (1.0, 0.5, 0.25):
        value = radial_sum(z, f, spacing=spacing, order=order)
        gaps.append(gap(torch.autograd.grad(value, z)[0], force))
    assert gaps[0] > 2 * gaps[1] > 4 * gaps[2]
    assert gaps[1] < (0.06 if order == 1 else 0.02)


def test_the_gradient_scales_with_what_comes_back() -> None:
    z, f = clusters(2), KERNELS["t"]
    (once,) = torch.autograd.grad(radial_sum(z, f), z)
    (thrice,) = torch.autograd.grad(3 * radial_sum(z, f), z)
    torch.testing.assert_close(thrice, 3 * once)


@pytest.mark.parametrize("shift", [0.0, 1e3])
def test_where_the_points_lie_does_not_matter(shift: float) -> None:
    z, f = clusters(2), KERNELS["t"]
    torch.testing.assert_close(radial_sum(z + shift, f), radial_sum(z, f), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    "points",
    [[[0, 0]], [[1, 1]] * 5, [[0, 0], [0, 3]], [[0, 0], [150, 1]]],
    ids=["one", "coincident", "a line", "far apart"],
)
def test_few_and_degenerate_points(points: list[list[float]]) -> None:
    z = torch.tensor(points, dtype=torch.float64).requires_grad_()
    value = radial_sum(z, KERNELS["t"], spacing=0.25, order=3)
    torch.testing.assert_close(value, naive(z, KERNELS["t"]), rtol=1e-3, atol=1e-3)
    (force,) = torch.autograd.grad(value, z)
    (expected,) = torch.autograd.grad(naive(z, KERNELS["t"]) + 0 * z.sum(), z)
    torch.testing.assert_close(force, expected, rtol=2e-2, atol=1e-2)


def test_a_kernel_that_is_kept_is_that_of_its_own_function_and_grid() -> None:
    z = clusters(2)
    for function in (KERNELS["t"], KERNELS["gaussian"], KERNELS["t"]):
        for points in (z, 2 * z, z.float()):
            for order in (1, 3):
                _kernel.cache_clear()
                fresh = radial_sum(points, function, order=order)
                radial_sum(3 * points, KERNELS["log"], order=order)
                assert torch.equal(radial_sum(points, function, order=order), fresh)
    assert 0 < _kernel.cache_info().currsize <= 8


def test_large_grids_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    _kernel.cache_clear()
    monkeypatch.setattr(field, "LARGEST_KEPT", 64**2)
    value = radial_sum(clusters(2), KERNELS["t"])
    assert _kernel.cache_info().currsize == 0
    monkeypatch.undo()
    assert torch.equal(radial_sum(clusters(2), KERNELS["t"]), value)
    assert _kernel.cache_info().currsize == 1


def test_float32_is_near_float64() -> None:
    z = clusters(2)
    single = z.detach().float().requires_grad_()
    value, exact = radial_sum(single, KERNELS["t"]), radial_sum(z, KERNELS["t"])
    assert value.dtype == torch.float32
    assert float(value.detach()) == pytest.approx(float(exact.detach()), rel=1e-4)
    (force,) = torch.autograd.grad(value, single)
    assert gap(force.double(), torch.autograd.grad(exact, z)[0]) < 1e-3


def test_the_size_of_the_grid_is_known_before() -> None:
    z = torch.tensor([[0.0, 0.0], [10.0, 4.0]])
    assert grid_cells(z, 0.5) == (2 * 26) ** 2
    assert grid_cells(z.repeat(1, 2)[:, :3], 0.5) == (2 * 26) ** 3
    assert grid_cells(z[:0], 0.5) == 0
    assert math.isnan(grid_cells(torch.tensor([[0.0, math.nan], [1.0, 1.0]]), 0.5))
    assert grid_cells(torch.tensor([[0.0, math.inf], [1.0, 1.0]]), 0.5) == math.inf
    assert grid_cells(torch.tensor([[0.0, 0.0], [1e200, 1.0]], dtype=torch.float64), 0.5) == math.inf


def symmetric(n: int = 12, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    dense = torch.rand(n, n, generator=generator, dtype=torch.float64)
    dense = (dense + dense.T).fill_diagonal_(0)
    dense = dense * (dense > 1.2)
    dense[3] = dense[:, 3] = 0  # a point without edges
    return dense


@pytest.mark.parametrize("dim", [1, 2, 3, 5])
def test_edges_add_up(dim: int, monkeypatch: pytest.MonkeyPatch) -> None:
    dense = symmetric()
    pairs = pairs_of(dense.to_sparse_csr())
    assert pairs is not None
    z = torch.randn(12, dim, generator=torch.Generator().manual_seed(1), dtype=torch.float64).requires_grad_()

    monkeypatch.setattr(field, "PAIRS_AT_ONCE", 5)
    value = edge_sum(z, pairs, lambda d2, p: p * torch.log1p(d2))
    expected = torch.zeros((), dtype=torch.float64)
    for i in range(12):
        for j in range(12):
            expected = expected + dense[i, j] * torch.log1p(((z[i] - z[j]) ** 2).sum())
    torch.testing.assert_close(value, expected)
    (found,) = torch.autograd.grad(2 * value, z)
    torch.testing.assert_close(found, torch.autograd.grad(2 * expected, z)[0])
    assert not found[3].any()


def test_no_edge_at_all() -> None:
    z = torch.randn(4, 2).requires_grad_()
    pairs = pairs_of(torch.zeros(4, 4).to_sparse_csr())
    assert pairs is not None
    value = edge_sum(z, pairs, lambda d2, p: torch.log1p(d2))
    assert float(value.detach()) == 0
    (found,) = torch.autograd.grad(value, z)
    assert not found.any()
    assert not math.isnan(float(found.sum()))
