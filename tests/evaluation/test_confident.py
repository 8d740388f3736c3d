from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.cluster.hierarchy import fcluster, linkage
from sklearn.manifold import TSNE

from graphurl.errors import InputError
from graphurl.evaluation import confident as module
from graphurl.evaluation import evaluate
from graphurl.evaluation.confident import confident_accuracy, farthest


def blobs(n: int = 90, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % 3
    return 3 * generator.normal(size=(3, 5))[y] + noise * generator.normal(size=(n, 5)), y


def naive(places: np.ndarray, features: np.ndarray, y: np.ndarray, keep: int) -> float:
    """The published steps: distance from the centre, the farthest rows, Ward clusters, the best match."""
    centre = [sum(column) / len(places) for column in places.T]
    confidence = [sum((a - b) ** 2 for a, b in zip(place, centre, strict=True)) for place in places]
    kept = sorted(range(len(places)), key=lambda i: -confidence[i])[:keep]
    found = fcluster(linkage(features[kept], "ward"), len(set(y.tolist())), "maxclust") - 1
    orders = permutations(sorted(set(y.tolist())))
    return max(float(np.mean([order[c] == y[i] for c, i in zip(found, kept, strict=True)])) for order in orders)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_it_is_the_published_algorithm(metric: str) -> None:
    z, y = blobs(noise=2.5)
    features = z / np.linalg.norm(z, axis=1, keepdims=True) if metric == "cosine" else z
    places = TSNE(perplexity=89 / 3, init="pca", random_state=4).fit_transform(features)
    found = confident_accuracy(z, y, metric=metric, keep=40, seed=4)
    assert found["confident_accuracy"] == pytest.approx(naive(places, features, y, 40))
    assert 0.4 < found["confident_accuracy"] < 1
    assert (found["classes"], found["kept_classes"]) == (3, 3)
    assert found["protocol"] == (
        "40 of 90 rows (all) farthest from the centre of t-SNE (perplexity 29.6667), "
        f"Ward on {metric} features, 3 clusters, seed 4"
    )


def test_the_farthest_rows_are_measured_from_the_mean() -> None:
    places = np.array([[10.0, 10], [11, 10], [10, 13], [6, 10], [13, 7]])
    assert farthest(places, 3).tolist() == [4, 3, 2]
    assert farthest(np.zeros((4, 2)), 2).tolist() == [0, 1]


@pytest.fixture
def first_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_map", lambda features, perplexity, seed: features[:, :2])


def test_clusters_are_found_on_the_features_not_on_the_map(first_columns: None) -> None:
    generator = np.random.default_rng(0)
    y = np.arange(60) % 2
    z = np.column_stack([generator.normal(size=(60, 2)), 100.0 * y])
    assert confident_accuracy(z, y, metric="euclidean", keep=20)["confident_accuracy"] == 1


def test_labels_do_not_reach_the_clusters(first_columns: None) -> None:
    z, y = blobs(noise=2.0)
    first, second = confident_accuracy(z, y), confident_accuracy(z, (y + 1) % 3)
    assert first["confident_accuracy"] == second["confident_accuracy"]


def test_a_fifth_is_kept_and_many_rows_are_thinned(first_columns: None, rng_untouched: None) -> None:
    z, y = blobs(300)
    assert confident_accuracy(z, y)["protocol"].startswith("60 of 300 rows (all)")
    few = confident_accuracy(z, y, subset=100, seed=1)
    assert few["protocol"].startswith("20 of 100 rows (subset of 300)")
    assert few == confident_accuracy(z, y, subset=100, seed=1)
    rows = module.subset_rows(300, 100, 1)
    assert few["confident_accuracy"] == confident_accuracy(z[rows], y[rows])["confident_accuracy"]
    z, y = blobs(2100)
    assert confident_accuracy(z, y)["protocol"].startswith("400 of 2,000 rows (subset of 2,100)")
    assert confident_accuracy(z, y, subset=None)["protocol"].startswith("420 of 2,100 rows (all)")


def test_only_known_test_rows_are_measured(first_columns: None) -> None:
    z, y = blobs()
    test = np.arange(30, 90)
    expected = confident_accuracy(z[test], y[test])
    found = confident_accuracy(z, y, {"train": np.arange(30), "test": test})
    assert found["confident_accuracy"] == expected["confident_accuracy"]
    assert found["protocol"].startswith("12 of 60 test rows")
    y[:30] = -1
    assert confident_accuracy(z, y) == expected


def test_classes_that_are_not_confident_are_counted(first_columns: None) -> None:
    z, y = blobs()
    z[y == 0] *= 1e-3
    found = confident_accuracy(z, y, metric="euclidean", keep=10)
    assert (found["classes"], found["kept_classes"]) == (3, 2)


def test_evaluate_knows_it_by_name_only(first_columns: None) -> None:
    z, y = blobs()
    assert evaluate(z, y=y, metrics="confident_accuracy")["confident_accuracy"] == (
        confident_accuracy(z, y)["confident_accuracy"]
    )
    silent = evaluate(z, y=y)
    assert "confident_accuracy" not in {*silent.metrics, *silent.skipped}


def test_one_column_is_mapped_too() -> None:
    z, y = np.repeat([0.0, 50.0, 100.0], 8), np.repeat([0, 1, 2], 8)
    assert confident_accuracy(z + np.arange(24) / 10, y, metric="euclidean", keep=24)["confident_accuracy"] == 1


def test_impossible_comparisons_say_why() -> None:
    z, y = blobs(30)
    with pytest.raises(InputError, match="unknown metric 'angle'"):
        confident_accuracy(z, y, metric="angle")
    with pytest.raises(InputError, match="1 class among the known labels"):
        confident_accuracy(z, np.zeros(30, int))
    for keep in (2, 31):
        with pytest.raises(InputError, match=f"{keep} confident of 30 rows with 3 classes"):
            confident_accuracy(z, y, keep=keep)
    with pytest.raises(InputError, match="one label per row"):
        confident_accuracy(z, y[:4])
    z[2, 1] = np.inf
    with pytest.raises(InputError, match="1 rows of z are not finite"):
        confident_accuracy(z, y)
