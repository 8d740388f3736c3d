from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from sklearn.manifold import trustworthiness as reference

from graphurl.errors import InputError
from graphurl.evaluation import neighborhood as module
from graphurl.evaluation.neighborhood import continuity, neighborhood, overlap, trustworthiness
from graphurl.functional import order


def order_of(rows: np.ndarray, i: int) -> list[int]:
    """Row numbers by distance to row i, itself left out, ties by number; differences in float64."""
    distance = [(float(np.sum((rows[i].astype(float) - other) ** 2)), j) for j, other in enumerate(rows)]
    return [j for _, j in sorted(distance) if j != i]


def naive(x: np.ndarray, z: np.ndarray, k: int) -> tuple[float, float, float]:
    """Trustworthiness, continuity and overlap as the formulas read."""
    n, false, torn, shared = len(x), 0, 0, 0
    for i in range(n):
        in_x, in_z = order_of(x, i), order_of(z, i)
        for j in in_z[:k]:
            false += max(0, in_x.index(j) + 1 - k)
        for j in in_x[:k]:
            torn += max(0, in_z.index(j) + 1 - k)
        shared += len(set(in_x[:k]) & set(in_z[:k]))
    scale = 2 / (n * k * (2 * n - 3 * k - 1))
    return 1 - scale * false, 1 - scale * torn, shared / (n * k)


def cloud(n: int = 60, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n, 7))
    return x, x[:, :2] + 0.7 * generator.normal(size=(n, 2))


@pytest.mark.parametrize("k", [1, 5, 29])
def test_all_three_equal_the_double_loop(k: int) -> None:
    x, z = cloud()
    expected = naive(x, z, k)
    assert trustworthiness(x, z, k) == pytest.approx(expected[0], abs=1e-12)
    assert continuity(x, z, k) == pytest.approx(expected[1], abs=1e-12)
    assert overlap(x, z, k) == pytest.approx(expected[2], abs=1e-12)


@pytest.mark.parametrize("k", [1, 4, 11])
def test_ties_and_duplicates_rank_by_row_number(k: int) -> None:
    generator = np.random.default_rng(1)
    x = generator.integers(0, 3, size=(40, 3)).astype(float)
    z = generator.integers(0, 4, size=(40, 2)).astype(float)
    found = neighborhood(x, z, k)
    assert (found["trustworthiness"], found["continuity"], found["overlap"]) == pytest.approx(naive(x, z, k))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equal_to_scikit_learn_in_both_directions(dtype: type) -> None:
    x, z = (rows.astype(dtype) for rows in cloud(400))
    assert trustworthiness(x, z, 5) == pytest.approx(reference(x, z, n_neighbors=5), abs=1e-6)
    assert continuity(x, z, 5) == pytest.approx(reference(z, x, n_neighbors=5), abs=1e-6)


def test_duplicates_against_scikit_learn() -> None:
    # Every row twice, in both spaces: the twin is the first neighbour, whatever order ties get elsewhere.
    x, z = (np.concatenate([rows, rows]) for rows in cloud(150))
    assert trustworthiness(x, z, 6) == pytest.approx(reference(x, z, n_neighbors=6), abs=2e-3)


def test_other_metrics_of_the_original_space() -> None:
    x, z = cloud(200)
    for metric in ("cosine", "manhattan"):
        expected = reference(x, z, n_neighbors=5, metric=metric)
        assert trustworthiness(x, z, metric=metric) == pytest.approx(expected, abs=1e-6)
    unit = z / np.linalg.norm(z, axis=1, keepdims=True)
    assert trustworthiness(x, z, metric_z="cosine") == pytest.approx(reference(x, unit), abs=1e-6)


@pytest.mark.parametrize("dim", [2, 30])
def test_a_perfect_embedding_scores_exactly_one(dim: int) -> None:
    x = np.random.default_rng(0).integers(0, 3, size=(300, dim)).astype(np.float32)
    found = neighborhood(x, x, 5)
    assert (found["trustworthiness"], found["continuity"], found["overlap"]) == (1.0, 1.0, 1.0)


def test_small_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x, z = cloud(50)
    whole = neighborhood(x, z, 5)
    monkeypatch.setattr(order, "_BLOCK", 7)
    monkeypatch.setattr(order, "_CACHED", 100)
    assert neighborhood(x, z, 5) == whole


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_rows_does_not_matter(seed: int) -> None:
    x, z = cloud(30)
    order = np.random.default_rng(seed).permutation(30)
    assert trustworthiness(x[order], z[order], 4) == pytest.approx(trustworthiness(x, z, 4), abs=1e-12)
    assert continuity(x[order], z[order], 4) == pytest.approx(continuity(x, z, 4), abs=1e-12)


@given(st.floats(1e-3, 1e3), st.floats(-100, 100))
def test_scale_and_place_do_not_matter(scale: float, shift: float) -> None:
    x, z = cloud(30)
    assert trustworthiness(x, z * scale + shift, 4) == pytest.approx(trustworthiness(x, z, 4), abs=1e-12)


def test_above_its_size_the_subset_is_taken_of_both_spaces_and_is_fixed() -> None:
    x, z = cloud(300)
    rows = module.subset_rows(300, 100, 3)
    assert len(np.unique(rows)) == 100
    found = trustworthiness(x, z, 5, subset=100, seed=3)
    assert found == trustworthiness(x[rows], z[rows], 5)
    assert found == trustworthiness(x, z, 5, subset=100, seed=3)
    assert found != trustworthiness(x, z, 5, subset=100, seed=4)
    assert trustworthiness(x, z, 5, subset=None) == trustworthiness(x, z, 5, subset=300)
    assert neighborhood(x, z, subset=100, seed=3)["protocol"].endswith("100-row subset, seed 3")


def test_tensors_sparse_rows_and_lists_are_the_same_numbers(rng_untouched: None) -> None:
    x, z = cloud(80)
    x[x < 0.5] = 0
    before = x.copy(), z.copy()
    expected = trustworthiness(x, z)
    assert trustworthiness(csr_matrix(x), z.tolist()) == expected
    assert trustworthiness(torch.tensor(x).to_sparse_csr(), torch.tensor(z, requires_grad=True)) == expected
    assert trustworthiness(csr_matrix(x), z, subset=40) == trustworthiness(x, z, subset=40)
    assert np.array_equal(x, before[0])
    assert np.array_equal(z, before[1])


def test_what_cannot_be_measured_is_refused_in_words() -> None:
    x, z = cloud(20)
    with pytest.raises(InputError, match="k=10 neighbours of 20 rows: k has to be"):
        trustworthiness(x, z, 10)
    with pytest.raises(InputError, match="x has 20 rows and z 19"):
        continuity(x, z[:19])
    with pytest.raises(InputError, match="unknown metric 'cosin': did you mean 'cosine'"):
        overlap(x, z, metric="cosin")
    z[3] = np.nan
    with pytest.raises(InputError, match="1 rows of z are not finite"):
        trustworthiness(x, z)


def test_a_hundred_thousand_rows_are_quick() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(100_000, 3)).astype(np.float32)
    assert trustworthiness(x, x[:, :2], subset=1000) > 0.7
