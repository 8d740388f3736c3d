from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.metrics import average_precision_score

from graphurl.errors import InputError
from graphurl.evaluation import retrieval as module
from graphurl.evaluation.metrics import METRICS, default_metrics
from graphurl.evaluation.report import evaluate
from graphurl.evaluation.retrieval import average_precision, recall, vote_weights, weighted_knn, weighted_vote

SEVEN = {"weighted_knn_5", "weighted_knn_20", "weighted_knn_200", "recall_1", "recall_2", "recall_4", "recall_8"}


def blobs(n: int = 90, dim: int = 4) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    generator = np.random.default_rng(0)
    y = generator.integers(0, 3, n)
    z = 1.5 * generator.normal(size=(3, dim))[y] + 1.5 * generator.normal(size=(n, dim))
    return z, y, {"train": np.arange(0, n, 3), "val": np.arange(1, n, 3), "test": np.arange(2, n, 3)}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def naive_votes(
    z: np.ndarray, y: np.ndarray, splits: dict[str, np.ndarray], k: int, metric: str, temperature: float
) -> float:
    """The accuracy of the weighted vote, written out for every query."""
    hits = 0
    for i in splits["test"]:
        near = []
        for j in splits["train"]:
            d = math.sqrt(2 - 2 * cosine(z[i], z[j])) if metric == "cosine" else math.dist(z[i], z[j])
            near.append((d, j))
        near = sorted(near)[:k]
        mean = sum(d for d, _ in near) / len(near)
        votes: dict[int, float] = {}
        for d, j in near:
            if metric == "cosine":
                weight = math.exp(cosine(z[i], z[j]) / temperature)
            else:
                weight = math.exp(-((d / mean) ** 2) / (2 * temperature))
            votes[int(y[j])] = votes.get(int(y[j]), 0.0) + weight
        hits += max(votes, key=lambda c: votes[c]) == y[i]
    return hits / len(splits["test"])


def naive_recall(z: np.ndarray, y: np.ndarray, test: np.ndarray, k: int, metric: str) -> float:
    """Recall at k, every test row against the other ones."""
    hits = 0
    for i in test:
        far = [
            (-cosine(z[i], z[j]) if metric == "cosine" else math.dist(z[i], z[j]), y[j] == y[i]) for j in test if j != i
        ]
        hits += any(same for _, same in sorted(far, key=lambda pair: pair[0])[:k])
    return hits / len(test)


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
@pytest.mark.parametrize("temperature", [0.02, 0.1, 1.0])
def test_the_vote_is_that_of_the_loop(metric: str, temperature: float) -> None:
    z, y, splits = blobs()
    found = weighted_knn(z, y, splits, metric, temperature=temperature)
    for k in (5, 20, 200):
        expected = naive_votes(z, y, splits, k, metric, temperature)
        assert found[f"weighted_knn_{k}"] == pytest.approx(expected, abs=1e-12), k


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_recall_is_that_of_the_loop(metric: str) -> None:
    z, y, splits = blobs()
    found = recall(z, y, splits, metric)
    expected = {f"recall_{k}": naive_recall(z, y, splits["test"], k, metric) for k in (1, 2, 4, 8)}
    assert {name: found[name] for name in expected} == pytest.approx(expected)
    assert 0.2 < found["recall_1"] < found["recall_2"] < 1


def test_the_defaults_are_cosine_and_a_tenth() -> None:
    z, y, splits = blobs()
    found = weighted_knn(z, y, splits)
    assert found == weighted_knn(z, y, splits, "cosine", temperature=0.1)
    assert found["protocol"] == (
        "k=5, 20, 200 (200 cut to 30 training rows), cosine, votes e^(cos/0.1), exact search, "
        "train 30 / test 30, given splits"
    )
    assert recall(z, y, splits) == recall(z, y, splits, "cosine")
    assert "leave one out within test" in recall(z, y, splits)["protocol"]
    assert "cut" not in recall(z, y, splits)["protocol"]


def test_few_test_rows_cut_the_ranks_and_say_so() -> None:
    z, y, _ = blobs(12)
    y[:] = np.arange(12) % 2
    found = recall(z, y, {"train": np.arange(8), "test": np.arange(8, 12)})
    assert found["recall_4"] == found["recall_8"] == naive_recall(z, y, np.arange(8, 12), 3, "cosine")
    assert found["protocol"].startswith("k=1, 2, 4, 8 (4, 8 cut to 3 other test rows)")


def test_validation_and_training_rows_take_no_part_in_what_is_not_theirs() -> None:
    z, y, splits = blobs()
    votes, found = weighted_knn(z, y, splits), recall(z, y, splits)
    z[splits["val"]] = np.random.default_rng(1).normal(size=(30, 4))
    assert weighted_knn(z, y, splits) == votes
    z[splits["train"]] = 0.5
    assert recall(z, y, splits) == found


def test_without_validation_rows_all_training_rows_vote() -> None:
    z, y, _ = blobs()
    found = weighted_knn(z, y, {"train": np.arange(60), "test": np.arange(60, 90)})
    assert (found["train"], found["test"]) == (60, 30)


def test_far_queries_and_a_low_temperature_lose_no_vote() -> None:
    d2 = torch.tensor([[1e6, 1e6 + 1], [0.0, 0.0]], dtype=torch.float64)
    weights = vote_weights(d2, "cosine", 0.001)
    assert weights[0, 0] == 1 and 0 <= weights[0, 1] < 1e-200
    assert vote_weights(d2, "euclidean", 0.1).isfinite().all()
    assert vote_weights(d2, "euclidean", 0.1)[1].tolist() == [1, 1]


def test_weights_are_those_of_the_formula() -> None:
    d2 = torch.tensor([[1.0, 4, 9]], dtype=torch.float64)
    by_cosine, by_distance = (vote_weights(d2, metric, 0.5)[0].tolist() for metric in ("cosine", "euclidean"))
    assert by_cosine == pytest.approx([1, math.exp(-3), math.exp(-8)])
    assert by_distance == pytest.approx([1, math.exp(-3 / 4), math.exp(-8 / 4)])


def test_euclidean_votes_do_not_depend_on_the_scale() -> None:
    z, y, splits = blobs()
    assert weighted_knn(1e-3 * z + 5, y, splits, "euclidean") == weighted_knn(z, y, splits, "euclidean")


def test_a_tied_vote_goes_to_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = torch.tensor([[2, 0, 2, 0], [1, 2, 2, 1], [0, 1, 1, 2]])
    weights = torch.tensor([[1, 0.5, 0.5, 1], [1, 1, 1, 0.5], [1.0, 0.4, 0.5, 0.5]])
    assert weighted_vote(labels, weights, 3).tolist() == [2, 2, 0]
    monkeypatch.setattr(module, "rows_in_budget", lambda columns, size: 2)
    assert weighted_vote(labels, weights, 3).tolist() == [2, 2, 0]


def test_a_collapsed_embedding_has_the_accuracy_of_chance() -> None:
    z, y = np.ones((300, 5)), np.arange(300) % 3
    assert weighted_knn(z, y)["weighted_knn_200"] < 0.4
    assert recall(z, y)["recall_1"] < 0.4


def test_the_search_can_be_approximate(monkeypatch: pytest.MonkeyPatch, rng_untouched: None) -> None:
    z, y, splits = blobs()
    used: list[tuple[str, int]] = []
    search = module.knn

    def watched(*rows: Any, method: str, seed: int, **more: Any) -> Any:
        used.append((method, seed))
        return search(*rows, method=method, seed=seed, **more)

    monkeypatch.setattr(module, "knn", watched)
    for function in (weighted_knn, recall):
        assert "faiss search" in function(z, y, splits, method="faiss", seed=7)["protocol"]
        assert function(z, y) == function(z, y)
    assert used == [("faiss", 7), ("exact", 0), ("exact", 0)] * 2


def test_vectors_are_measured_by_default_and_maps_only_on_request() -> None:
    assert set(METRICS) - set(default_metrics(3, links=True)) == SEVEN
    assert default_metrics(4, links=True) == list(METRICS)
    z, y, _ = blobs()
    of_map, of_vectors = evaluate(z[:, :3], y=y), evaluate(z, y=y)
    assert not SEVEN & ({*of_map.metrics} | {*of_map.skipped})
    assert set(of_vectors.metrics) >= SEVEN
    assert of_vectors["weighted_knn_20"] == weighted_knn(z, y)["weighted_knn_20"]
    assert of_vectors["recall_4"] == recall(z, y)["recall_4"]
    asked = evaluate(z[:, :2], y=y, metrics=["recall_8"], settings={"recall": {"metric": "euclidean"}})
    assert asked["recall_8"] == recall(z[:, :2], y, metric="euclidean")["recall_8"]


def test_impossible_calls_say_why() -> None:
    z, y, splits = blobs()
    for function in (weighted_knn, recall):
        with pytest.raises(InputError, match="unknown metric 'cosin': did you mean 'cosine'"):
            function(z, y, splits, "cosin")
        with pytest.raises(InputError, match="unknown metric 'manhattan'"):
            function(z, y, splits, "manhattan")
        with pytest.raises(InputError, match="1 class"):
            function(z, np.zeros(90), splits)
    with pytest.raises(InputError, match="temperature is 0"):
        weighted_knn(z, y, splits, temperature=0)
    with pytest.raises(InputError, match="1 test row: retrieval"):
        recall(z, y, {"train": np.arange(80), "test": [85]})


def test_average_precision_is_sklearn_s() -> None:
    z, y = rows_in_classes()
    splits = {"train": np.arange(20), "test": np.arange(20, 90)}
    found = average_precision(z, y, splits, "euclidean")
    ours, labels = z[20:], y[20:]
    expected = []
    for i in range(70):
        others = np.arange(70) != i
        near = -np.linalg.norm(ours[others] - ours[i], axis=1)
        expected.append(average_precision_score(labels[others] == labels[i], near))
    assert found["outcomes"]["map"] == pytest.approx(expected)
    assert found["map"] == pytest.approx(np.mean(expected))
    assert average_precision(z, y, splits, "euclidean", queries=9)["queries"] == 9


def test_average_precision_asks_only_rows_that_have_something_to_find() -> None:
    z, y = rows_in_classes()
    y[25] = 17
    splits = {"train": np.arange(20), "test": np.arange(20, 90)}
    assert average_precision(z, y, splits)["queries"] == 69
    with pytest.raises(InputError, match="alone in its class"):
        average_precision(z, np.arange(90) % 45, {"train": np.arange(45), "test": np.arange(45, 90)})


def rows_in_classes() -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(90) % 3
    return generator.normal(size=(3, 4))[y] + generator.normal(size=(90, 4)), y
