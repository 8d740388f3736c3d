from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr

from graphurl.errors import InputError
from graphurl.evaluation import ranking as module
from graphurl.evaluation.ranking import ranking


def cloud(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(n, 6))
    return x, x[:, :2]


def naive(x: np.ndarray, z: np.ndarray) -> tuple[float, dict[int, float]]:
    n = len(x)
    d_x, d_z = cdist(x, x), cdist(z, z)
    rho = [spearmanr(np.delete(d_x[i], i), np.delete(d_z[i], i)).statistic for i in range(n)]
    nearest = [[[j for j in np.argsort(d[i], kind="stable") if j != i] for i in range(n)] for d in (d_x, d_z)]
    curve = {}
    for k in range(1, n - 1):
        shared = [len(set(a[:k]) & set(b[:k])) for a, b in zip(*nearest, strict=True)]
        curve[k] = float(np.mean(shared) / k - k / (n - 1))
    return float(np.mean(rho)), curve


def test_as_counted_row_by_row() -> None:
    x, z = cloud()
    found = ranking(x, z)
    rho, curve = naive(x, z)
    assert found["rank_correlation"] == pytest.approx(rho, abs=1e-12)
    assert found["lcmc"] == pytest.approx(max(curve.values()), abs=1e-12)
    assert curve[found["lcmc_k"]] == max(curve.values())
    assert {int(k): value for k, value in found["curve"].items()} == pytest.approx(
        {k: value for k, value in curve.items() if str(k) in found["curve"]}, abs=1e-12
    )
    assert {"1", "58"} <= set(found["curve"])
    assert np.mean(found["outcomes"]["rank_correlation"]) == pytest.approx(rho)


def test_the_same_space_is_kept_and_a_random_one_is_not() -> None:
    x, _ = cloud(200)
    same = ranking(x, 3 * x)
    assert same["rank_correlation"] == 1
    assert same["curve"]["1"] == pytest.approx(1 - 1 / 199)
    noise = ranking(x, np.random.default_rng(1).normal(size=(200, 2)))
    assert abs(noise["rank_correlation"]) < 0.1
    assert noise["lcmc"] < 0.05


def test_chunks_change_nothing_and_a_subset_is_those_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    x, z = cloud()
    whole = ranking(x, z)
    monkeypatch.setattr(module, "rows_in_budget", lambda columns, size: 7)
    assert ranking(x, z) == whole
    part = ranking(x, z, subset=40, seed=3)
    rows = np.sort(np.random.default_rng(3).choice(60, 40, replace=False))
    assert part["lcmc"] == ranking(x[rows], z[rows])["lcmc"]
    assert "40-row subset, seed 3" in part["protocol"]


def test_three_rows_have_no_order_to_speak_of() -> None:
    with pytest.raises(InputError, match="at least four"):
        ranking(np.eye(3), np.eye(3))
