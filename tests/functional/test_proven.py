"""Neighbours proven by a search in float32: the same as those of all distances, or not proven."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from graphurl.functional import neighbors, proven
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
    assert proven.worth_it(x[:, :4], 7, "euclidean")
    assert not proven.worth_it(x[:, :4], 7, "cosine")
    assert not proven.worth_it(x[:, :0], 7, "euclidean")
    assert not proven.worth_it(x.to_sparse_csr(), 7, "euclidean")


@pytest.mark.parametrize("dim", [1, 2, 4])
@pytest.mark.parametrize("other", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_tree_finds_the_neighbours_of_all_distances(dim: int, other: bool, dtype: torch.dtype) -> None:
    x = draw(600, dim).to(dtype) + 100
    y = draw(700, dim, 1).to(dtype) + 100 if other else None
    base = x if y is None else y
    assert proven.grows_a_tree(base, "euclidean")
    sure = proven.nearest(x, base, 7, "euclidean", y is None)[2]
    found, wanted = (
        knn(x, 7, y=y, method="exact"),
        by_all(x.double(), 7, None if y is None else y.double(), "euclidean"),
    )
    # Of distances that differ in float64 alone either row may come first.
    assert (found.indices == wanted.indices).float().mean() > (0.99 if dtype == torch.float32 else 0.999_999)
    assert torch.allclose(found.distances.double(), wanted.distances, atol=1e-5 if dtype == torch.float32 else 1e-12)
    assert sure.float().mean() > 0.99


@given(st.integers(3, 60), st.integers(1, 3), st.integers(0, 10**6))
@settings(max_examples=30, deadline=None)
def test_ties_in_a_tree_go_to_the_smaller_index(values: int, dim: int, seed: int) -> None:
    x = torch.randint(0, values, (520, dim), generator=torch.Generator().manual_seed(seed)).float()
    found, wanted = knn(x, 6, method="exact"), by_all(x, 6, None, "euclidean")
    assert torch.equal(found.indices, wanted.indices)
    assert torch.equal(found.distances, wanted.distances)


def test_what_grows_no_tree() -> None:
    x = draw(600, 3)
    assert not proven.grows_a_tree(x[:300].repeat(5, 1), "euclidean")  # four of five are copies
    assert not proven.grows_a_tree(draw(600, 5), "euclidean")
    assert not proven.grows_a_tree(x, "manhattan")
    x[77, 1] = torch.nan
    assert not proven.grows_a_tree(x, "euclidean")
    assert knn(draw(600, 3), 4).indices.shape == (600, 4)


def test_a_query_that_is_not_finite_goes_by_all_distances() -> None:
    x, y = draw(5, 3), draw(600, 3, 1)
    wanted = knn(x, 4, y=y)
    x[1, 0] = torch.nan
    found = knn(x, 4, y=y)
    kept = [0, 2, 3, 4]
    assert torch.equal(found.indices[kept], wanted.indices[kept])
    assert found.distances[1].isnan().all()


def test_many_rows_of_few_columns_take_any_of_equal_neighbours(monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.randint(0, 40, (2000, 2), generator=torch.Generator().manual_seed(0)).float()
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 1000)
    monkeypatch.setattr(neighbors, "_search", None)  # would compare with all rows
    found, wanted = knn(x, 6), by_all_distances(x, 6)
    assert torch.equal(found.distances, wanted)


def by_all_distances(x: Tensor, k: int) -> Tensor:
    return torch.cdist(x, x).fill_diagonal_(torch.inf).sort(1).values[:, :k]
