"""Principal coordinates by a randomised range finder, against the full decomposition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from graphurl.functional.projection import _gram, leading_directions, principal_rows


def cloud(n: int = 200, f: int = 30, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    scale = 0.6 ** torch.arange(f, dtype=dtype)
    turn = torch.linalg.qr(torch.randn(f, f, generator=generator, dtype=dtype)).Q
    return torch.randn(n, f, generator=generator, dtype=dtype) * scale @ turn + 5


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_equals_the_singular_value_decomposition(dim: int) -> None:
    x = cloud()
    rows = principal_rows(x, dim, 1e-2, generator())
    u, s, _ = torch.linalg.svd(x - x.mean(0), full_matrices=False)
    expected = u[:, :dim] * s[:dim]
    expected = expected * (1e-2 / expected[:, 0].std())
    sign = (rows * expected).sum(0).sign()
    torch.testing.assert_close(rows, expected * sign, rtol=1e-4, atol=1e-7)


def test_scale_is_that_of_the_first_coordinate_and_proportions_are_kept() -> None:
    x = cloud()
    rows = principal_rows(x, 3, 0.5, generator())
    s = torch.linalg.svdvals(x - x.mean(0))[:3]
    torch.testing.assert_close(rows.std(0), 0.5 * s / s[0], rtol=1e-4, atol=0)
    assert float(rows.mean(0).abs().max()) < 1e-9


def test_signs_do_not_depend_on_the_seed() -> None:
    x = cloud()
    torch.testing.assert_close(
        principal_rows(x, 2, 1.0, generator(1)), principal_rows(x, 2, 1.0, generator(2)), rtol=1e-4, atol=1e-6
    )
    assert torch.equal(principal_rows(x, 2, 1.0, generator(1)), principal_rows(x, 2, 1.0, generator(1)))


@pytest.mark.parametrize("shape", [(200, 1), (3, 30), (2, 2), (1, 4)])
def test_more_coordinates_than_directions_are_small_noise(shape: tuple[int, int]) -> None:
    rows = principal_rows(cloud(*shape), 4, 1.0, generator())
    assert rows.shape == (shape[0], 4)
    assert bool(torch.isfinite(rows).all())


def test_noise_beyond_the_columns_is_a_hundredth() -> None:
    rows = principal_rows(cloud(200, 1), 4, 1.0, generator())
    assert float(rows[:, 0].std()) == pytest.approx(1)
    assert bool((rows[:, 1:].std(0) < 0.02).all())
    assert bool((rows[:, 1:].std(0) > 0.005).all())


def test_constant_and_single_rows_are_finite() -> None:
    for x in (torch.ones(5, 3), torch.ones(1, 3)):
        assert bool(torch.isfinite(principal_rows(x, 2, 1e-2, generator())).all())


def test_float32_and_inputs_and_global_randomness(rng_untouched: None) -> None:
    x = cloud(dtype=torch.float32)
    rows = principal_rows(x, 2, 1.0, generator())
    assert rows.dtype == torch.float32
    assert torch.equal(x, cloud(dtype=torch.float32))


@pytest.mark.parametrize(("columns", "count"), [(30, 4), (30, 20), (3, 9)])
def test_leading_directions_are_the_right_singular_vectors(columns: int, count: int) -> None:
    """By the range finder, from the Gram matrix, and with more asked for than there are."""
    x = cloud(f=columns)
    found = leading_directions(x, count, generator())
    wanted = torch.linalg.svd(x, full_matrices=False).Vh[: min(count, columns)]
    wanted = wanted * wanted.gather(1, wanted.abs().argmax(1, keepdim=True)).sign()
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def test_many_columns_lose_next_to_nothing_to_the_range_finder() -> None:
    """A flat spectrum, the hardest: what is kept of the squares beside the best that can be kept."""
    x = torch.randn(300, 400, generator=generator(1)).relu()
    top = leading_directions(x, 40, generator())
    torch.testing.assert_close(top @ top.T, torch.eye(40), rtol=1e-4, atol=1e-4)
    best = torch.linalg.svdvals(x)[:40].square().sum()
    assert float((x @ top.T).square().sum() / best) > 0.99
    assert torch.equal(top, leading_directions(x, 40, generator()))
    assert not torch.equal(top, leading_directions(x, 40, generator(5)))


@pytest.mark.parametrize("columns", [3, 256, 301])
def test_a_product_with_itself_is_known_by_symmetry(columns: int) -> None:
    rows = torch.randn(20, columns, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(_gram(rows), rows.T @ rows)
