from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from sklearn.cluster import KMeans

from graphurl.errors import InputError
from graphurl.evaluation import agreement as module
from graphurl.evaluation.agreement import agreement, rank_agreement, view_agreement
from graphurl.functional.spread import uniformity


def views(n: int = 60, noise: float = 0.5, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    base = 2 * generator.normal(size=(4, 5))[np.arange(n) % 4] + generator.normal(size=(n, 5))
    return base + noise * generator.normal(size=(n, 5)), base + noise * generator.normal(size=(n, 5))


def unit(z: np.ndarray) -> np.ndarray:
    return np.array([row / math.sqrt(sum(value**2 for value in row)) for row in z])


def naive_nmi(a: list[int], b: list[int]) -> float:
    """I / sqrt(H H') from counts."""
    n = len(a)
    p, q = ({c: side.count(c) / n for c in set(side)} for side in (a, b))
    joint = {pair: list(zip(a, b, strict=True)).count(pair) / n for pair in set(zip(a, b, strict=True))}
    mutual = sum(share * math.log(share / (p[i] * q[j])) for (i, j), share in joint.items())
    entropy = [-sum(share * math.log(share) for share in side.values()) for side in (p, q)]
    return mutual / math.sqrt(entropy[0] * entropy[1])


def test_every_number_is_that_of_the_loop() -> None:
    first, second = views(noise=1.0)
    f, g, n = unit(first), unit(second), 60
    found = agreement(first, second, 4, seed=3)
    groups = [KMeans(4, n_init=4, random_state=3).fit_predict(view).tolist() for view in (f, g)]
    assert found["nmi"] == pytest.approx(naive_nmi(*groups))
    hits = sum(min(range(n), key=lambda j: math.dist(f[i], g[j])) == i for i in range(n))
    back = sum(min(range(n), key=lambda j: math.dist(g[i], f[j])) == i for i in range(n))
    assert hits != back
    assert found["retrieval"] == pytest.approx((hits + back) / (2 * n))
    assert found["score"] == pytest.approx(found["nmi"] * found["retrieval"])
    assert 0.1 < found["nmi"] < 0.9 and 0.1 < found["retrieval"] < 0.9
    assert found["alignment"] == pytest.approx(sum(math.dist(f[i], g[i]) ** 2 for i in range(n)) / n)
    spread = [
        math.log(
            sum(math.exp(-2 * math.dist(v[i], v[j]) ** 2) for i in range(n) for j in range(i)) / (n * (n - 1) / 2)
        )
        for v in (f, g)
    ]
    assert found["uniformity"] == pytest.approx(sum(spread) / 2)
    assert "60 of 60 rows" in found["protocol"]


def test_the_same_view_twice_agrees_entirely(rng_untouched: None) -> None:
    first, _ = views()
    found = agreement(first, 3 * first, 4)
    assert [found[name] for name in ("nmi", "retrieval", "score")] == pytest.approx([1, 1, 1])
    assert found["alignment"] == pytest.approx(0, abs=1e-12)
    assert agreement(first, 3 * first, 4) == found


def test_a_collapse_is_not_taken_for_agreement() -> None:
    found = agreement(np.ones((50, 3)), np.ones((50, 3)), 5)
    assert found["score"] <= 1 / 50
    assert found["alignment"] == pytest.approx(0)


def test_more_noise_between_the_views_means_less_of_it() -> None:
    scores = [agreement(*views(noise=noise), 4)["score"] for noise in (0.1, 0.5, 2.0)]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


def test_views_pair_by_position() -> None:
    first, second = views(noise=0.01)
    assert agreement(first, second, 4)["retrieval"] == 1
    assert agreement(first, second[::-1].copy(), 4)["retrieval"] < 0.2


def test_many_rows_are_thinned_in_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = views(200, noise=0.01)
    found = agreement(first, second, 4, seed=2, subset=80)
    rows = module.subset_rows(200, 80, 2)
    assert found["retrieval"] == 1
    assert found["alignment"] == agreement(first[rows], second[rows], 4)["alignment"]
    assert "80 of 200 rows" in found["protocol"]
    assert "200 of 200 rows" in agreement(first, second, 4, subset=None)["protocol"]
    monkeypatch.setattr(module, "_PAIRS_OF", 30)
    few = module.subset_rows(200, 30, 2)
    pairs = [float(uniformity(torch.tensor(unit(view))[few])) for view in (first, second)]
    thinned = agreement(first, second, 4, seed=2)
    assert thinned["uniformity"] == pytest.approx(np.mean(pairs))
    assert "uniformity on 30" in thinned["protocol"]


def test_views_that_are_none_are_refused() -> None:
    first, second = views()
    with pytest.raises(InputError, match="views of shape"):
        agreement(first, second[:-1], 4)
    with pytest.raises(InputError, match="views of shape"):
        agreement(first, second[:, :3], 4)
    for clusters in (1, 61):
        with pytest.raises(InputError, match=f"{clusters} clusters of 60 rows"):
            agreement(first, second, clusters)
    second[4] = np.nan
    with pytest.raises(InputError, match="1 rows of second are not finite"):
        agreement(first, second, 4)
    with pytest.raises(InputError, match="1 rows of first are not finite"):
        agreement(second, first, 4)


def naive_kendall(a: list[float], b: list[float]) -> float:
    """Concordant minus discordant pairs over the geometric mean of the pairs that are not tied."""
    pairs = [(i, j) for i in range(len(a)) for j in range(i)]
    order = [(np.sign(a[i] - a[j]), np.sign(b[i] - b[j])) for i, j in pairs]
    untied = [sum(1 for both in order if both[side]) for side in (0, 1)]
    return float(sum(s * t for s, t in order) / math.sqrt(untied[0] * untied[1]))


def test_rank_correlations_are_those_of_the_formulas() -> None:
    a, b = [0.1, 0.5, 0.3, 0.9, 0.2], [40.0, 44.0, 47.0, 52.0, 44.0]
    found = rank_agreement(a, b)
    ranks = np.array([[1, 4, 3, 5, 2], [1, 2.5, 4, 5, 2.5]])
    assert found["spearman"] == pytest.approx(np.corrcoef(ranks)[0, 1])
    assert found["kendall"] == pytest.approx(naive_kendall(a, b))
    assert found["runs"] == 5
    assert rank_agreement(a, np.exp(a).tolist())["kendall"] == pytest.approx(1)
    assert rank_agreement(a, [-value for value in a])["spearman"] == pytest.approx(-1)


def test_orders_that_are_none_are_refused() -> None:
    with pytest.raises(InputError, match="three runs or more"):
        rank_agreement([1, 2], [1, 2])
    with pytest.raises(InputError, match="give one of each a run"):
        rank_agreement([1, 2, 3], [1, 2, 3, 4])
    with pytest.raises(InputError, match="not finite"):
        rank_agreement([1, 2, math.nan], [1, 2, 3])
    for scores, accuracies in (([1, 1, 1], [1, 2, 3]), ([1, 2, 3], [2, 2, 2])):
        with pytest.raises(InputError, match="no order to compare"):
            rank_agreement(scores, accuracies)


def test_the_registry_s_view_is_the_agreement_of_both() -> None:
    generator = np.random.default_rng(0)
    y = np.arange(90) % 3
    z = 3 * generator.normal(size=(3, 4))[y] + generator.normal(size=(90, 4))
    view = z + 0.3 * generator.normal(size=z.shape)
    reference = agreement(z, view, 3)
    found = view_agreement(z, view, y)
    assert (found["view_nmi"], found["view_retrieval"]) == (reference["nmi"], reference["retrieval"])
    assert found["view_score"] == reference["nmi"] * reference["retrieval"]
    assert found["alignment"] == reference["alignment"]
    assert "7 clusters" in view_agreement(z, view)["protocol"], "√45"
    assert "7 clusters" in view_agreement(z, view, np.full(90, -1))["protocol"]
