"""Neighbours proven by a search in float32: the same as those of all distances, or not proven."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphurl.functional import proven
from graphurl.functional.neighbors import Neighbors, knn

METRICS = ("euclidean", "cosine", "correlation")


def draw(n: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed))


def by_all(x: Tensor, k: int, y: Tensor | None, metric: str) -> Neighbors:
    """With a chunk given, all rows are compared."""
    return knn(x, k, y=y, metric=metric, method="exact", chunk=100)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("other", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_proven_is_right(metric: str, other: bool, dtype: torch.dtype) -> None:
    x = draw(600, 12).to(dtype) + 3
    y = draw(700, 12, 1).to(dtype) + 3 if other else None
    indices, distances, sure = proven.nearest(x, x if y is None else y, 7, metric, y is None)
    wanted = by_all(x, 7, y, metric)
    assert sure.float().mean() > 0.99
    assert torch.equal(indices[sure], wanted.indices[sure])
    assert torch.allclose(distances[sure], wanted.distances[sure], atol=1e-6)
    assert distances.dtype == dtype


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("gap", [1e-1, 1e-3, 1e-5])
def test_neighbours_closer_than_float32_can_tell_are_found(metric: str, gap: float) -> None:
    """Two heaps far apart: the distances within one are lost in the rounding of the squares."""
    heap = torch.arange(600) % 2
    x = 1000 * (2.0 * heap - 1)[:, None] * draw(1, 9) + gap * draw(600, 9, 1)
    x = x.double()
    sure = proven.nearest(x, x, 5, metric, True)[2]
    found, wanted = knn(x, 5, metric=metric), by_all(x, 5, None, metric)
    assert torch.equal(found.indices, wanted.indices)
    if gap < 1e-3:
        assert not sure.any()


@given(st.integers(1, 4), st.integers(5, 9), st.sampled_from(METRICS), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_ties_and_duplicates_are_those_of_all_distances(values: int, dim: int, metric: str, seed: int) -> None:
    x = torch.randint(0, values, (520, dim), generator=torch.Generator().manual_seed(seed)).float()
    found, wanted = knn(x, 6, metric=metric), by_all(x, 6, None, metric)
    if metric == "euclidean":  # squares of whole numbers are exact
        assert torch.equal(found.indices, wanted.indices)
    assert torch.allclose(found.distances, wanted.distances, atol=1e-6)


def test_rows_beyond_float32_and_rows_of_zeros() -> None:
    x = draw(600, 8).double()
    x[3] *= 1e30
    x[5] = 0
    for metric in METRICS:
        found, wanted = knn(x, 6, metric=metric), by_all(x, 6, None, metric)
        assert torch.equal(found.indices, wanted.indices)
        assert torch.allclose(found.distances, wanted.distances)


def test_where_candidates_pay() -> None:
    x = draw(600, 8)
    assert proven.worth_it(x, 7, "euclidean")
    assert proven.worth_it(x, 7, "cosine")
    assert not proven.worth_it(x, 7, "manhattan")
    assert not proven.worth_it(x[:400], 7, "euclidean")
    assert not proven.worth_it(x, 80, "euclidean")
    assert not proven.worth_it(x[:, :4], 7, "euclidean")
    assert not proven.worth_it(x.to_sparse_csr(), 7, "euclidean")
