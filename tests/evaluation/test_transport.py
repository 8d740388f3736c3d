from __future__ import annotations

import importlib.util
import sys

import numpy as np
import pytest
from scipy.optimize import minimize

from graphurl.errors import InputError
from graphurl.evaluation.transport import cai_lim, gromov_wasserstein

POT = importlib.util.find_spec("ot") is not None


def cloud(n: int = 80, d: int = 4) -> np.ndarray:
    generator = np.random.default_rng(0)
    return generator.normal(size=(n, d)) * (3, 2, 1, 0.5)[:d] @ np.linalg.qr(generator.normal(size=(d, d)))[0]


def bures(a: np.ndarray, b: np.ndarray) -> float:
    """W₂² of two centred Gaussians by their covariances."""
    values = np.linalg.eigvals(a @ b).real.clip(0)
    return float(np.trace(a) + np.trace(b) - 2 * np.sqrt(values).sum())


@pytest.mark.parametrize("spread", [(2.5, 1.5), (4.0, 0.1), (0.7, 0.6)])
def test_as_a_search_over_projections_finds_it(spread: tuple[float, float]) -> None:
    x = cloud()
    z = np.random.default_rng(1).normal(size=(80, 2)) * spread
    sigma, target = np.cov(x.T, bias=True), np.cov(z.T, bias=True)

    def cost(entries: np.ndarray) -> float:
        v = np.linalg.qr(entries.reshape(4, 2))[0].T
        return bures(v @ sigma @ v.T, target)

    starts = np.random.default_rng(2).normal(size=(12, 8))
    best = min(minimize(cost, start, method="BFGS").fun for start in starts)
    top = np.linalg.eigvalsh(sigma)[-2:].sum()
    found = cai_lim(x, z, rescale=False)["cai_lim"]
    assert found == pytest.approx(np.sqrt(max(best, 0) / top), abs=2e-3)


def test_shadows_are_at_no_distance_in_any_unit() -> None:
    x = cloud()
    _, _, axes = np.linalg.svd(x - x.mean(0), full_matrices=False)
    pca = x @ axes[:2].T
    assert cai_lim(x, pca)["cai_lim"] == pytest.approx(0, abs=1e-7)
    assert cai_lim(x, 7 * pca + 3)["cai_lim"] == pytest.approx(0, abs=1e-7)
    assert cai_lim(x, x[:, :2], rescale=False)["cai_lim"] == pytest.approx(0, abs=1e-7), "any shadow"
    assert cai_lim(x, 7 * pca, rescale=False)["cai_lim"] == pytest.approx(6)
    assert cai_lim(pca, x)["cai_lim"] == pytest.approx(0, abs=1e-7), "roles are exchanged"
    line = np.stack([pca[:, 0], 0 * pca[:, 0]], axis=1)
    assert cai_lim(x, line)["cai_lim"] > 0.1


def test_alike_rows_have_no_shape() -> None:
    with pytest.raises(InputError, match="no shape to compare"):
        cai_lim(cloud(), np.ones((80, 2)))


def test_without_pot_the_refusal_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ot.gromov", None)
    with pytest.raises(InputError, match="needs the package POT: pip install"):
        gromov_wasserstein(cloud(), cloud())


@pytest.mark.skipif(not POT, reason="POT is not installed")
def test_the_same_distances_are_at_no_distance_and_moved_rows_are_found() -> None:
    x = cloud()
    turned = 3 * x @ np.linalg.qr(np.random.default_rng(3).normal(size=(4, 4)))[0]
    same = gromov_wasserstein(x, turned)
    assert same["gromov_wasserstein"] == pytest.approx(0, abs=1e-12)
    assert same["kept"] == pytest.approx(1)
    flat = gromov_wasserstein(x, x[:, :1])
    assert 0 < flat["gromov_wasserstein"] <= flat["in_place"]
    with pytest.raises(InputError, match="no shape"):
        gromov_wasserstein(x, np.ones((80, 2)))


@pytest.mark.skipif(not POT, reason="POT is not installed")
def test_no_permutation_of_four_rows_is_better() -> None:
    from itertools import permutations

    from scipy.spatial.distance import cdist

    x, z = cloud(4), np.random.default_rng(5).normal(size=(4, 2))
    d_x, d_z = (cdist(rows, rows) / cdist(rows, rows).mean() for rows in (x, z))
    in_place = np.square(d_x - d_z).mean()
    best = min(np.square(d_x - d_z[np.ix_(p, p)]).mean() for p in map(list, permutations(range(4))))
    found = gromov_wasserstein(x, z)
    assert found["in_place"] == pytest.approx(in_place)
    assert found["gromov_wasserstein"] <= in_place
    assert found["gromov_wasserstein"] >= 0.5 * best
