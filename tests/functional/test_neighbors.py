from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import scipy.sparse
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import make_blobs
from sklearn.neighbors import NearestNeighbors
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional import neighbors
from graphurl.functional.distance import METRICS, squared_distances
from graphurl.functional.neighbors import SPARSE, Neighbors, knn, smallest


def draw(n: int, dim: int, seed: int = 0) -> Tensor:
    return torch.randn(n, dim, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def reference(x: Tensor, y: Tensor | None, k: int, metric: str) -> Neighbors:
    """Sorts all pairs by distance and index, one row after the other."""
    others = x if y is None else y
    found: list[list[int]] = []
    for i in range(len(x)):
        d = [float(v) for v in squared_distances(x[i : i + 1], others, metric)[0]]
        found.append(
            sorted((j for j in range(len(d)) if y is not None or j != i), key=lambda j: (d[j], j))[:k]
        )
    indices = torch.tensor(found)
    return Neighbors(indices, squared_distances(x, others, metric).gather(1, indices).sqrt())


@pytest.mark.parametrize("dim", [3, 30])
@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("other", [False, True])
def test_exact_is_the_sorted_loop_in_any_chunks(metric: str, dim: int, other: bool) -> None:
    x = draw(23, dim)
    y = draw(17, dim, 1) if other else None
    if metric in ("hamming", "jaccard"):  # rows of few values, ties among their distances
        x, y = x.round(), y if y is None else y.round()
    wanted = reference(x, y, 6, metric)
    for chunk in (1, 7, 23, None):
        found = knn(x, 6, y=y, metric=metric, chunk=chunk)
        assert torch.equal(found.indices, wanted.indices)
        assert torch.allclose(found.distances, wanted.distances, atol=1e-6)
        assert found.indices.dtype == torch.int64
    single = knn(x.float(), 6, y=None if y is None else y.float(), metric=metric)
    assert torch.equal(single.indices, wanted.indices)
    assert single.distances.dtype == torch.float32


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_as_sklearn(metric: str) -> None:
    x = draw(200, 9)
    found = knn(x, 10, metric=metric)
    theirs = NearestNeighbors(n_neighbors=10, metric=metric, algorithm="brute").fit(x.numpy())
    distances, indices = theirs.kneighbors()
    assert np.array_equal(found.indices.numpy(), indices)
    # scikit-learn's cosine distance is 1 - cos.
    assert np.allclose(found.distances, np.sqrt(2 * distances) if metric == "cosine" else distances)


@pytest.mark.parametrize("dim", [3, 40])
@pytest.mark.parametrize("offset", [0, 1000])
def test_duplicates_are_neighbours_at_distance_zero_by_index(dim: int, offset: float) -> None:
    x = (draw(20, dim) + offset).float().repeat(3, 1)
    found = knn(x, 3)
    for i in range(60):
        twins = [j for j in (i % 20, i % 20 + 20, i % 20 + 40) if j != i]
        assert found.indices[i, :2].tolist() == twins
        assert found.distances[i, :2].tolist() == [0, 0]
        assert found.distances[i, 2] > 0


def test_more_ties_than_neighbours_take_the_smallest_indices() -> None:
    same = knn(torch.ones(50, 7), 4)
    assert same.indices[0].tolist() == [1, 2, 3, 4]
    assert same.indices[2].tolist() == [0, 1, 3, 4]
    assert same.indices[49].tolist() == [0, 1, 2, 3]
    corners = torch.cat([torch.zeros(1, 16), torch.eye(16), 2 * torch.eye(16)])
    assert knn(corners, 5).indices[0].tolist() == [1, 2, 3, 4, 5]
    assert knn(corners, 18).indices[0].tolist() == list(range(1, 19))


@given(st.integers(0, 9999), st.integers(1, 12), st.integers(1, 4))
def test_smallest_sorts_by_value_then_index(seed: int, k: int, levels: int) -> None:
    values = torch.randint(levels, (5, 12), generator=torch.Generator().manual_seed(seed)).float()
    indices, found = smallest(values, k)
    wanted = torch.sort(values, stable=True, dim=1)
    assert torch.equal(indices, wanted.indices[:, :k])
    assert torch.equal(found, wanted.values[:, :k])


@given(st.integers(0, 9999))
def test_permuted_rows_have_permuted_neighbours(seed: int) -> None:
    x = draw(15, 6, seed)
    order = torch.randperm(15, generator=torch.Generator().manual_seed(seed))
    plain, permuted = knn(x, 4), knn(x[order], 4)
    assert torch.equal(order[permuted.indices], plain.indices[order])
    assert torch.allclose(permuted.distances, plain.distances[order])


@pytest.mark.parametrize("metric", SPARSE)
@pytest.mark.parametrize("other", [False, True])
def test_sparse_rows_are_as_dense_ones(metric: str, other: bool) -> None:
    x = draw(40, 30) * (draw(40, 30, 1) > 0.8)
    x[5] = 0
    x[6] = x[7]
    y = x[10:30].clone() if other else None
    wanted = knn(x, 5, y=y, metric=metric)
    sparse = (x.to_sparse_csr(), y.to_sparse_csr() if y is not None else None)
    table = (scipy.sparse.csr_array(x.numpy()), scipy.sparse.csr_array(y.numpy()) if y is not None else None)
    for rows, others in (sparse, table):
        for chunk in (7, None):
            found = knn(rows, 5, y=others, metric=metric, chunk=chunk)
            assert torch.allclose(found.distances, wanted.distances, atol=1e-7)
            # Equal distances may differ in the last digit between the two ways.
            clear = wanted.distances.diff(dim=1).abs().amin(1) > 1e-6
            assert torch.equal(found.indices[clear], wanted.indices[clear])
    mixed = knn(x, 5, y=sparse[1] if other else sparse[0], metric=metric)
    assert mixed.indices.shape == (40, 5)


def test_sparse_rows_of_stored_zeros_are_zero_rows() -> None:
    stored = scipy.sparse.csr_array(
        (np.array([0.0, 1, 2, 3]), np.array([0, 1, 0, 1]), np.array([0, 1, 2, 4]))
    )
    found = knn(stored, 2, metric="cosine")
    assert torch.equal(found.indices, knn(torch.as_tensor(stored.toarray()), 2, metric="cosine").indices)
    assert found.distances[0].tolist() == pytest.approx([2**0.5, 2**0.5])


def test_a_callable_metric() -> None:
    x = draw(20, 5)
    found = knn(x, 4, metric=lambda a, b: (a[:, None] - b).abs().sum(2))
    assert torch.equal(found.indices, knn(x, 4, metric="manhattan").indices)


@pytest.fixture(scope="module")
def blobs() -> Tensor:
    rows, _ = make_blobs(3000, 20, centers=10, random_state=0)
    return torch.as_tensor(rows).float()


def recall(found: Neighbors, exact: Neighbors) -> float:
    return float((found.indices[:, :, None] == exact.indices[:, None]).any(2).double().mean())


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "correlation"])
def test_faiss_finds_nearly_all(blobs: Tensor, metric: str, rng_untouched: None) -> None:
    exact = knn(blobs, 10, metric=metric, method="exact")
    found = knn(blobs, 10, metric=metric, method="faiss", seed=3)
    assert recall(found, exact) >= 0.99
    assert not bool((found.indices == torch.arange(3000)[:, None]).any())
    hit = found.indices == exact.indices
    assert torch.allclose(found.distances[hit], exact.distances[hit], rtol=1e-3, atol=1e-4)
    again = knn(blobs, 10, metric=metric, method="faiss", seed=3)
    assert torch.equal(found.indices, again.indices)
    assert torch.equal(found.distances, again.distances)


def test_faiss_projects_wide_rows_and_searches_other_rows(blobs: Tensor) -> None:
    # The projection drops some of the noise, so its order is not the exact one: the ranking must mend it.
    wide = torch.cat([blobs, draw(3000, 100).float() * 0.4], 1)
    exact = knn(wide[:500], 10, y=wide[500:], method="exact")
    assert recall(knn(wide[:500], 10, y=wide[500:], method="faiss"), exact) >= 0.99


def test_faiss_completes_rows_with_too_few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    # Two far crowds, the small one smaller than k: a search of one list finds too few.
    x = torch.cat([draw(400, 5), draw(4, 5, 1) + 1000]).float()
    monkeypatch.setattr("graphurl.functional.approximate._PROBES", 1)
    found, exact = knn(x, 8, method="faiss"), knn(x, 8, method="exact")
    assert found.distances.isfinite().all()
    assert torch.equal(found.indices[400:], exact.indices[400:])


def test_faiss_keeps_duplicates() -> None:
    x = draw(200, 8).float().repeat(2, 1)
    found = knn(x, 3, method="faiss")
    assert found.indices[:, 0].tolist() == [(i + 200) % 400 for i in range(400)]
    assert found.distances[:, 0].abs().max() == 0


def test_auto_chooses_by_size(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    used: list[str] = []
    exact, approximate = neighbors._exact, neighbors._approximate

    def note(name: str, call: object) -> object:
        return lambda *args, **more: used.append(name) or call(*args, **more)  # type: ignore[operator,func-returns-value]

    monkeypatch.setattr(neighbors, "_exact", note("exact", exact))
    monkeypatch.setattr(neighbors, "_approximate", note("faiss", approximate))
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 100)
    x = draw(101, 6)
    knn(x[:100], 3)
    knn(x, 3)
    knn(x, 3, metric="manhattan")
    knn(x.to_sparse_csr(), 3)
    knn(x, 3, method="exact")
    knn(x[:, :4], 3)
    knn(x[:, :4], 3, metric="cosine")
    assert used == ["exact", "faiss", "exact", "exact", "exact", "exact", "faiss"]
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with caplog.at_level(logging.WARNING, "graphurl"):
        knn(x, 3)
    assert used[-1] == "exact"
    assert "faiss is not installed" in caplog.text
    with pytest.raises(InputError, match="needs the package faiss-cpu"):
        knn(x, 3, method="faiss")


def test_faiss_is_imported_only_when_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "faiss", ModuleType("faiss"))
    assert knn(draw(20, 6), 3).indices.shape == (20, 3)


@pytest.mark.parametrize(("k", "y"), [(20, None), (0, None), (-1, None), (21, draw(20, 6))])
def test_k_out_of_range_names_the_largest(k: int, y: Tensor | None) -> None:
    with pytest.raises(InputError, match=rf"k is {k}, but 20 rows allow at most {19 if y is None else 20}"):
        knn(draw(20, 6), k, y=y)


def test_wrong_calls_are_refused() -> None:
    x = draw(20, 6)
    with pytest.raises(InputError, match="unknown neighbour search 'fais': did you mean 'faiss'"):
        knn(x, 3, method="fais")
    with pytest.raises(InputError, match="unknown metric"):
        knn(x, 3, metric="cos")
    with pytest.raises(InputError, match="use method='exact'"):
        knn(x, 3, metric="manhattan", method="faiss")
    with pytest.raises(InputError, match=r"\.to_dense\(\)"):
        knn(x.to_sparse_csr(), 3, metric="manhattan")
    with pytest.raises(InputError, match="same features"):
        knn(x, 3, y=draw(20, 5))
    with pytest.raises(InputError, match="not list"):
        knn([[1.0]], 3)
    with pytest.raises(InputError, match=r"matrix \(N, F\)"):
        knn(x[0], 3)


def test_inputs_and_randomness_are_left_alone(rng_untouched: None) -> None:
    x = draw(60, 60).float().requires_grad_()
    before = x.detach().clone()
    for method in ("exact", "faiss"):
        for metric in ("euclidean", "cosine"):
            found = knn(x, 5, method=method, metric=metric)
            assert not found.distances.requires_grad
    assert torch.equal(x.detach(), before)


@pytest.mark.gpu
def test_gpu_agrees(blobs: Tensor) -> None:
    here, there = knn(blobs, 10, method="exact"), knn(blobs.cuda(), 10)
    assert torch.equal(here.indices, there.indices.cpu())
    assert torch.allclose(here.distances, there.distances.cpu(), rtol=1e-5)


@pytest.mark.slow
@pytest.mark.data
def test_recall_on_mnist() -> None:
    path = Path(os.environ["GRAPHURL_DATA"]) / "mnist" / "train-images-idx3-ubyte.gz"
    import gzip

    with gzip.open(path) as file:
        raw = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 784)
    x = torch.from_numpy(raw[:10_000].astype(np.float32))
    assert recall(knn(x, 15, method="faiss"), knn(x, 15, method="exact")) >= 0.97


@pytest.mark.parametrize("metric", ["euclidean", "cosine", "manhattan"])
def test_a_search_is_a_search_each_time(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    y, x = draw(300, 6).float(), draw(20, 6, 1).float()
    search = neighbors.Search(y, metric=metric)  # type: ignore[arg-type]
    exact = knn(x, 4, y=y, metric=metric)  # type: ignore[arg-type]
    for part in (slice(None), slice(0, 3)):
        found = search(x[part], 4)
        assert torch.equal(found.indices, exact.indices[part])
        torch.testing.assert_close(found.distances, exact.distances[part])
    monkeypatch.setattr(neighbors, "EXACT_UP_TO", 100)
    made: list[int] = []
    index = neighbors.Index
    monkeypatch.setattr(neighbors, "Index", lambda *given: made.append(1) or index(*given))  # type: ignore[func-returns-value]
    search = neighbors.Search(y, metric=metric, probes=300)  # type: ignore[arg-type]
    for part in (slice(None), slice(0, 3)):
        found = search(x[part], 4)
        assert torch.equal(found.indices, exact.indices[part])
        torch.testing.assert_close(found.distances, exact.distances[part], rtol=1e-5, atol=1e-6)
    assert made == ([] if metric == "manhattan" else [1]), "an index is made once"
