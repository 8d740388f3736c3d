from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import adjusted_rand_score
from torch import Tensor
from torch.autograd import gradcheck

from graphurl.errors import InputError
from graphurl.functional import clustering
from graphurl.functional.clustering import kmeans, spherical_kmeans


def draw(n: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def objective(x: Tensor, centroids: Tensor, assignment: Tensor) -> float:
    return float((torch.nn.functional.normalize(x) * centroids[assignment]).sum())


@given(st.integers(0, 9999), st.integers(1, 12), st.integers(1, 6))
def test_centroids_are_unit_means_of_no_empty_cluster(seed: int, k: int, n_iter: int) -> None:
    x = draw(12, 3, seed)
    centroids, assignment = spherical_kmeans(x, k, n_iter=n_iter, generator=seeded(seed))
    assert sorted(set(assignment.tolist())) == list(range(k))
    for c in range(k):
        mean = sum(row / row.norm() for row, a in zip(x, assignment.tolist(), strict=True) if a == c)
        assert torch.allclose(centroids[c], torch.nn.functional.normalize(torch.as_tensor(mean), dim=0))


def test_clear_directions_are_found_whatever_the_length() -> None:
    labels = torch.arange(4).repeat(30)
    x = torch.eye(4, 6, dtype=torch.float64)[labels] + 0.05 * draw(120, 6)
    x = x * draw(120, 1, 1).exp()
    best = max(
        (spherical_kmeans(x, 4, n_iter=10, generator=seeded(s)) for s in range(5)),
        key=lambda found: objective(x, *found),
    )
    assert adjusted_rand_score(labels, best[1]) == 1.0


@given(st.integers(0, 9999))
def test_rounds_do_not_make_it_worse(seed: int) -> None:
    x = draw(60, 5, seed)
    one, two, five = (
        objective(x, *spherical_kmeans(x, 4, n_iter=n, generator=seeded(seed))) for n in (1, 2, 5)
    )
    assert one <= two + 1e-9 <= five + 2e-9


def test_an_empty_cluster_takes_the_farthest_row() -> None:
    # Drawn from equal rows, all but one of the clusters are empty: they take the rows that point elsewhere.
    x = torch.cat([torch.tensor([[1.0, 0.0, 0.0]]).repeat(50, 1), torch.eye(3)[1:]])
    for seed in range(5):
        centroids, assignment = spherical_kmeans(x, 3, n_iter=3, generator=seeded(seed))
        assert adjusted_rand_score([0] * 50 + [1, 2], assignment) == 1.0
        assert torch.allclose(centroids.square().sum(1), torch.ones(3))
    _, alone = spherical_kmeans(torch.ones(6, 2), 6)
    assert sorted(alone.tolist()) == list(range(6))


def test_a_cluster_of_one_row_keeps_it() -> None:
    # The farthest row is alone in its cluster: the empty one takes the next row instead.
    rows = torch.tensor([[1.0, 0.0], [0.8, -0.6], [-0.8, 0.6]])
    centroids = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-0.6, -0.8]])
    assert clustering._assign(rows, centroids).tolist() == [0, 2, 1]


def test_the_last_mean_carries_the_gradient() -> None:
    x = draw(10, 3).requires_grad_()
    assert gradcheck(lambda rows: spherical_kmeans(rows, 3, generator=seeded(0))[0], (x,))
    centroids, assignment = spherical_kmeans(x, 3, generator=seeded(0))
    assert not assignment.requires_grad
    centroids.sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_rows_of_zeros_and_opposite_rows_stay_finite() -> None:
    x = torch.tensor([[0.0, 0.0], [1.0, 0.0], [-1.0, 0.0]], requires_grad=True)
    centroids, _ = spherical_kmeans(x, 1)
    centroids.sum().backward()
    assert centroids.isfinite().all()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_same_generator_same_clusters(rng_untouched: None) -> None:
    x = draw(50, 4)
    before = x.clone()
    first = spherical_kmeans(x, 7, generator=seeded(3))
    again = spherical_kmeans(x, 7, generator=seeded(3))
    other = spherical_kmeans(x, 7, generator=seeded(4))
    assert torch.equal(first[0], again[0])
    assert torch.equal(first[1], again[1])
    assert not torch.equal(first[1], other[1])
    assert torch.equal(spherical_kmeans(x, 7)[1], spherical_kmeans(x, 7)[1])
    assert torch.equal(x, before)


def test_half_precision_and_autocast_are_lifted_to_float32() -> None:
    x = draw(30, 8).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        centroids, assignment = spherical_kmeans(x, 4)
    assert centroids.dtype == torch.float32
    assert torch.equal(assignment, spherical_kmeans(x.float(), 4)[1])


@pytest.mark.parametrize("k", [0, 6, -1])
def test_k_out_of_range_is_refused(k: int) -> None:
    with pytest.raises(InputError, match=rf"k is {k}, but 5 rows make 1 to 5 clusters"):
        spherical_kmeans(draw(5, 2), k)


def test_no_rounds_are_refused() -> None:
    with pytest.raises(InputError, match="n_iter is 0"):
        spherical_kmeans(draw(5, 2), 2, n_iter=0)


@pytest.mark.gpu
def test_gpu_agrees() -> None:
    x = draw(50, 4)
    here = spherical_kmeans(x, 5, generator=seeded(0))
    there = spherical_kmeans(x.cuda(), 5, generator=seeded(0))
    assert torch.equal(here[1], there[1].cpu())
    assert torch.allclose(here[0], there[0].cpu())


@given(st.integers(0, 9999), st.integers(1, 12))
def test_centres_are_means_of_the_rows_nearest_before(seed: int, k: int) -> None:
    x = draw(30, 3, seed)
    before, after = (kmeans(x, k, n_iter=n, generator=seeded(seed)) for n in (2, 3))
    owner = torch.cdist(x, before).argmin(1)
    for c in range(k):
        own = x[owner == c]
        torch.testing.assert_close(after[c], own.mean(0) if len(own) else before[c])


def test_some_rows_are_enough_and_too_many_centres_are_refused() -> None:
    x = torch.cat([draw(200, 2), draw(200, 2) + 50])
    found = kmeans(x, 2, most=20, generator=seeded(1))
    assert sorted((found.mean(1) > 25).tolist()) == [False, True]
    assert len(kmeans(x, 30, most=20)) == 30
    with pytest.raises(InputError, match="k is 9, but 4 rows"):
        kmeans(x[:4], 9)
