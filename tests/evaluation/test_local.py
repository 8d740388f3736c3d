from __future__ import annotations

import numpy as np
import pytest

from graphurl.errors import InputError
from graphurl.evaluation.local import local_neighborhood
from graphurl.evaluation.neighborhood import continuity, trustworthiness

NAMES = ("trustworthiness", "continuity")


def spaces(count: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, 5))
    return x, x[:, :2] + 0.3 * rng.normal(size=(count, 2))


def by_loops(x: np.ndarray, z: np.ndarray, k: int) -> np.ndarray:
    n, made = len(x), []
    for i in range(n):
        others = [j for j in range(n) if j != i]
        in_x = sorted(others, key=lambda j: ((x[i] - x[j]) ** 2).sum())
        in_z = sorted(others, key=lambda j: ((z[i] - z[j]) ** 2).sum())
        late = sum(max(0, in_x.index(j) + 1 - k) for j in in_z[:k])
        made.append(1 - 2 / (k * (2 * n - 3 * k - 1)) * late)
    return np.array(made)


@pytest.mark.parametrize("route", [{}, {"exact_up_to": 0, "sample": 60}], ids=["exact", "sample of all"])
def test_rows_match_loops_and_their_mean_the_metric(route: dict[str, int]) -> None:
    x, z = spaces()
    found = local_neighborhood(x, z, 4, **route)
    np.testing.assert_allclose(found["trustworthiness"], by_loops(x, z, 4), atol=1e-12)
    np.testing.assert_allclose(found["continuity"], by_loops(z, x, 4), atol=1e-12)
    assert found["trustworthiness"].mean() == pytest.approx(trustworthiness(x, z, 4))
    assert found["continuity"].mean() == pytest.approx(continuity(x, z, 4))


def test_a_sample_comes_near() -> None:
    x, z = spaces(400)
    exact = local_neighborhood(x, z, 5)
    found = local_neighborhood(x, z, 5, exact_up_to=100, sample=150)
    for name in NAMES:
        assert np.corrcoef(found[name], exact[name])[0, 1] > 0.9
        assert found[name].mean() == pytest.approx(exact[name].mean(), abs=0.02)
    assert found["protocol"].endswith("ranks estimated on 150 of 400 rows, seed 0")
    assert exact["protocol"].endswith("all 400 rows")


def test_inputs_stay_and_the_draw_repeats(rng_untouched: None) -> None:
    x, z = spaces()
    before = x.copy(), z.copy()
    first, second = (local_neighborhood(x, z, 4, exact_up_to=10, sample=20, seed=3) for _ in range(2))
    for name in NAMES:
        np.testing.assert_array_equal(first[name], second[name])
    np.testing.assert_array_equal(x, before[0])
    np.testing.assert_array_equal(z, before[1])


def test_equal_spaces_keep_all() -> None:
    x, _ = spaces()
    found = local_neighborhood(x, x, 4, exact_up_to=10, sample=60)
    assert (found["trustworthiness"] == 1).all() and (found["continuity"] == 1).all()


def test_what_does_not_fit_is_refused() -> None:
    x, z = spaces()
    with pytest.raises(InputError, match="x has 5 rows and z 60"):
        local_neighborhood(x[:5], z, 4, exact_up_to=10)
    with pytest.raises(InputError, match="k=30 neighbours of 60 rows"):
        local_neighborhood(x, z, 30, exact_up_to=10)
    with pytest.raises(InputError, match="x"):
        local_neighborhood(np.full_like(x, np.nan), z, 4, exact_up_to=10)
