from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score

from graphurl.errors import InputError
from graphurl.evaluation import cluster
from graphurl.evaluation.cluster import hdbscan_scores, kmeans_scores


def blobs(n: int, noise: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % 4
    return np.array([[0, 0], [9, 0], [0, 9], [9, 9]])[y] + noise * generator.normal(size=(n, 2)), y


def test_separated_classes_score_one() -> None:
    z, y = blobs(200, 0.1)
    found = kmeans_scores(z, y)
    assert [found[name] for name in ("nmi", "ari", "clustering_accuracy")] == pytest.approx([1, 1, 1])
    assert found["clusters"] == 4


def test_numbers_are_those_of_scikit_learn_on_the_same_clusters() -> None:
    z, y = blobs(200, 4.0)
    guess, _ = cluster._clusters(z, 4, 0)
    found = kmeans_scores(z, y)
    assert 0.05 < found["nmi"] < 0.95
    assert found["nmi"] == pytest.approx(normalized_mutual_info_score(y, guess))
    assert found["ari"] == pytest.approx(adjusted_rand_score(y, guess))


def test_labels_do_not_reach_the_clusters(rng_untouched: None) -> None:
    z, y = blobs(200, 3.0)
    renamed = (y + 2) % 4
    first, second = kmeans_scores(z, y), kmeans_scores(z, renamed)
    assert first["nmi"] == pytest.approx(second["nmi"])
    assert first["clustering_accuracy"] == second["clustering_accuracy"]
    assert kmeans_scores(z, y) == first


def test_many_rows_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_MINIBATCH_ABOVE", 100)
    z, y = blobs(400, 0.1)
    found = kmeans_scores(z, y)
    assert found["nmi"] == pytest.approx(1)
    assert found["protocol"].startswith("mini-batch k-means")


def test_unknown_labels_are_clustered_but_not_compared() -> None:
    z, y = blobs(200, 0.1)
    y[::3] = -1
    assert kmeans_scores(z, y)["ari"] == pytest.approx(1)


def test_impossible_comparisons_say_why() -> None:
    z, y = blobs(20, 0.1)
    with pytest.raises(InputError, match="1 class among the known labels"):
        kmeans_scores(z, np.zeros(20, int))
    with pytest.raises(InputError, match="every known label occurs once"):
        kmeans_scores(z, np.arange(20))
    with pytest.raises(InputError, match="21 clusters of 20 rows"):
        kmeans_scores(z, y, 21)


def test_hdbscan_finds_clusters_of_any_shape_and_number() -> None:
    y = np.arange(400) % 2
    angle = 2 * np.pi * (np.arange(400) // 2) / 200
    rings = np.stack([np.cos(angle), np.sin(angle)], axis=1) * np.array([1.0, 5.0])[y, None]
    found = hdbscan_scores(rings, y)
    assert (found["hdbscan_nmi"], found["clusters"], found["noise"]) == (pytest.approx(1), 2, 0)
    assert kmeans_scores(rings, y)["nmi"] < 0.5
    assert "clusters of 5 rows or more" in found["protocol"] and "all 400 rows" in found["protocol"]


def test_rows_in_no_cluster_are_a_cluster_of_their_own() -> None:
    from sklearn.cluster import HDBSCAN

    generator = np.random.default_rng(0)
    z, y = blobs(200, 0.1)
    z, y = np.vstack([z, generator.uniform(-100, 100, (60, 2))]), np.concatenate([y, generator.integers(0, 4, 60)])
    guess = HDBSCAN(min_cluster_size=20, copy=True).fit(z).labels_
    found = hdbscan_scores(z, y, 20)
    assert found["noise"] == pytest.approx(np.mean(guess == -1)) and found["noise"] > 0.1
    assert found["hdbscan_nmi"] == pytest.approx(normalized_mutual_info_score(y, guess))
    y[::3] = -1
    known = y >= 0
    assert hdbscan_scores(z, y, 20)["hdbscan_nmi"] == pytest.approx(
        normalized_mutual_info_score(y[known], guess[known])
    )


def test_hdbscan_of_many_rows_takes_some_and_refuses_what_cannot_be(rng_untouched: None) -> None:
    z, y = blobs(400, 0.1)
    found = hdbscan_scores(z, y, subset=100)
    assert (found["clusters"], found["hdbscan_nmi"]) == (4, pytest.approx(1))
    assert "100-row subset, seed 0" in found["protocol"]
    with pytest.raises(InputError, match="1 class among"):
        hdbscan_scores(z, np.zeros(400))
    with pytest.raises(InputError, match="min_cluster_size is 401 for 400 rows"):
        hdbscan_scores(z, y, 401)
