"""Agreement of two partitions: values of scikit-learn, intervals of a bootstrap of the rows."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse import csr_array
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score, normalized_mutual_info_score
from sklearn.metrics.cluster import expected_mutual_information

from graphurl.evaluation import partitions
from graphurl.evaluation.partitions import agreement, contingency, matched

Labels = np.ndarray
SCORES = {
    "nmi": normalized_mutual_info_score,
    "ami": adjusted_mutual_info_score,
    "ari": adjusted_rand_score,
    "clustering_accuracy": lambda y, guess: matched(contingency(y, guess)),
}


def labels(n: int = 300, right: float = 0.7, classes: int = 4, seed: int = 0) -> tuple[Labels, Labels]:
    """Classes, and clusters that are right for a share of the rows."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, classes, n)
    return y, np.where(rng.random(n) < right, y, rng.integers(0, classes + 1, n))


@given(st.integers(2, 60), st.integers(1, 5), st.integers(0, 10**6))
def test_values_are_those_of_scikit_learn(n: int, classes: int, seed: int) -> None:
    y, guess = labels(n, 0.5, classes, seed)
    found = agreement(y, guess)
    for name, score in SCORES.items():
        assert found[name] == pytest.approx(score(y, guess), abs=1e-12), name


def test_the_match_is_the_best_of_all() -> None:
    generator = np.random.default_rng(0)
    y, guess = generator.integers(0, 4, 50), generator.integers(0, 4, 50)
    best = max(np.mean(np.array(order)[guess] == y) for order in permutations(range(4)))
    assert matched(contingency(y, guess)) == pytest.approx(best)


@pytest.mark.parametrize("name", SCORES)
def test_intervals_are_those_of_rows_drawn_again(name: str) -> None:
    y, guess = labels()
    rng = np.random.default_rng(1)
    draws = [SCORES[name](y[rows], guess[rows]) for rows in rng.integers(0, 300, (1000, 300))]
    ends = np.quantile(draws, [0.025, 0.975]) - (np.mean(draws) - SCORES[name](y, guess))
    assert agreement(y, guess)["intervals"][name] == pytest.approx(tuple(ends), abs=0.012)


@pytest.mark.slow
def test_an_interval_covers_what_more_rows_would_give() -> None:
    truth = {name: score(*labels(100_000)) for name, score in SCORES.items()}
    inside: dict[str, list[bool]] = {name: [] for name in SCORES}
    for seed in range(150):
        for name, (low, high) in agreement(*labels(300, seed=seed), seed)["intervals"].items():
            inside[name].append(low <= truth[name] <= high)
    assert all(0.88 <= np.mean(hits) <= 1 for hits in inside.values()), {k: np.mean(v) for k, v in inside.items()}


def test_equal_partitions_leave_no_doubt() -> None:
    y, _ = labels()
    found = agreement(y, (y + 1) % 4)
    for name in SCORES:
        assert found[name] == pytest.approx(1)
        assert found["intervals"][name] == pytest.approx((1, 1))
    alone = agreement(np.zeros(9, dtype=int), np.zeros(9, dtype=int))
    assert all(np.isfinite(alone["intervals"][name]).all() for name in SCORES)


def test_no_end_is_beyond_what_a_number_can_be() -> None:
    rng = np.random.default_rng(0)
    found = [agreement(rng.integers(0, 4, 100), rng.integers(0, 4, 100))["intervals"] for _ in range(10)]
    assert min(ends["nmi"][0] for ends in found) == 0
    assert min(ends["ari"][0] for ends in found) < 0
    one = agreement(rng.integers(0, 4, 100), np.zeros(100, dtype=int))["intervals"]["nmi"]
    assert one == pytest.approx((0, 0))
    assert "-" not in f"{one[0]:.4f} {one[1]:.4f}"


def test_tables_are_drawn_some_at_a_time(monkeypatch: pytest.MonkeyPatch, rng_untouched: None) -> None:
    y, guess = labels()
    whole = agreement(y, guess, 3)
    assert agreement(y, guess, 3) == whole
    assert agreement(y, guess, 4)["intervals"] != whole["intervals"]
    monkeypatch.setattr(partitions, "_BUDGET", 150)
    some = agreement(y, guess, 3)
    for name, ends in whole["intervals"].items():
        assert some["intervals"][name] == pytest.approx(ends, abs=0.02)


def test_what_ami_expects_by_chance_is_read_off_its_value(monkeypatch: pytest.MonkeyPatch) -> None:
    y, guess = labels(60, classes=9)
    table = contingency(y, guess)
    seen: list[float] = []
    adjusted = partitions._adjusted
    monkeypatch.setattr(partitions, "_adjusted", lambda tables, chance: seen.append(chance) or adjusted(tables, chance))  # type: ignore[func-returns-value]
    found = agreement(y, guess)
    expected = expected_mutual_information(csr_array(table), 60)
    assert expected > 0.3
    assert seen[0] == pytest.approx(expected)
    assert adjusted(table[None], expected)[0] == pytest.approx(found["ami"])
