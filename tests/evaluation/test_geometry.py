from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.stats import pearsonr, spearmanr

from graphurl.errors import InputError
from graphurl.evaluation import geometry as module
from graphurl.evaluation.geometry import draw, geometry


def cloud(n: int = 80) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(n, 6))
    return x, x[:, :2]


def test_as_counted_triplet_by_triplet() -> None:
    x, z = cloud()
    found = geometry(x, z, triplets=300, seed=2)
    pairs: dict[str, list[float]] = {"x": [], "z": []}
    right = []
    for i, j, k in zip(*draw(80, 300, 2), strict=True):
        nearer = []
        for name, space in (("x", x), ("z", z)):
            near, far = np.linalg.norm(space[i] - space[j]), np.linalg.norm(space[i] - space[k])
            pairs[name] += [near, far]
            nearer.append(near < far)
        right.append(nearer[0] == nearer[1])
    assert found["triplets"] == np.mean(right)
    assert found["shepard"] == pytest.approx(pearsonr(pairs["x"], pairs["z"]).statistic)
    assert found["shepard_rank"] == pytest.approx(spearmanr(pairs["x"], pairs["z"]).statistic)


def test_triplets_are_of_different_rows_and_uniform() -> None:
    i, j, k = draw(4, 24_000, 0)
    assert not ((i == j) | (i == k) | (j == k)).any()
    counts = np.unique(np.stack([i, j, k]), axis=1, return_counts=True)[1]
    assert len(counts) == 24
    assert counts.min() > 850


def test_scale_and_bend() -> None:
    x, _ = cloud()
    same = geometry(x, 5 * x)
    assert (same["shepard"], same["shepard_rank"], same["triplets"]) == pytest.approx((1, 1, 1))
    line = np.sort(np.random.default_rng(0).random(80))[:, None]
    bent = geometry(line, line, metric_z=lambda a, b: (a - b.T).abs() ** 3, triplets=500)
    assert bent["shepard"] < 0.95
    assert bent["shepard_rank"] == pytest.approx(1)
    noise = geometry(x, np.random.default_rng(1).normal(size=(80, 2)))
    assert noise["triplets"] == pytest.approx(0.5, abs=0.05)


def test_sparse_rows_and_ties() -> None:
    x, z = cloud()
    assert geometry(csr_array(x), z) == geometry(x, z)
    heap = np.zeros((80, 2))
    heap[0] = 1
    assert geometry(x, heap)["triplets"] == pytest.approx(0.5, abs=0.02), "a tie is no answer"


def test_what_cannot_be_correlated_is_refused() -> None:
    x, _ = cloud()
    with pytest.raises(InputError, match="all distances in z are equal"):
        geometry(x, np.zeros((80, 2)))
    with pytest.raises(InputError, match="at least three"):
        geometry(x[:2], x[:2])
    with pytest.raises(InputError, match="x has 79 rows and z 80"):
        geometry(x[:79], x)


@pytest.mark.slow
def test_how_sure_a_correlation_is() -> None:
    """Of many samples of the same kind about as many intervals hold the number of all."""
    rng = np.random.default_rng(0)

    def sample(n: int) -> tuple[np.ndarray, np.ndarray]:
        x = rng.normal(size=(n, 3))
        return x, x[:, :2] ** 3 + 0.3 * rng.normal(size=(n, 2))

    whole = geometry(*sample(50_000), triplets=100_000)
    inside: dict[str, list[bool]] = {"shepard": [], "shepard_rank": []}
    for seed in range(60):
        found = geometry(*sample(150), triplets=4000, seed=seed)["intervals"]
        for name, hits in inside.items():
            hits.append(found[name][0] <= whole[name] <= found[name][1])
    assert all(0.85 <= np.mean(hits) <= 1 for hits in inside.values()), inside


def test_weighted_pairs_are_pairs_that_come_more_often() -> None:
    rng = np.random.default_rng(0)
    a, b, weight = rng.normal(size=30), rng.normal(size=30), rng.integers(0, 4, 30)
    twice = np.repeat(a, weight), np.repeat(b, weight)
    assert module._correlation(a, b, weight.astype(float)) == pytest.approx(np.corrcoef(*twice)[0, 1])
    assert module._correlation(a, np.ones(30), weight.astype(float)) == 0
    assert module._correlation(a, b, np.zeros(30)) == 0
