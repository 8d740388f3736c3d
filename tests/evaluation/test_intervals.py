from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import bootstrap

from graphurl.evaluation.intervals import Outcomes, around, interval, resampled


@pytest.mark.parametrize("kind", ["normal", "hits", "shifted"])
def test_as_scipy_s_percentile_bootstrap(kind: str) -> None:
    generator = np.random.default_rng(0)
    values = generator.normal(size=200) if kind == "normal" else (generator.random(200) < 0.8).astype(float)
    values = 3 - 2 * values if kind == "shifted" else values
    reference = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval
    assert interval(values, draws=20_000) == pytest.approx(tuple(reference), abs=0.01)


def test_it_covers_the_truth_about_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    inside = [low <= 0.7 <= high for low, high in (interval(generator.random(150) < 0.7, s) for s in range(300))]
    assert 0.9 <= np.mean(inside) <= 0.99


def test_chunks_draw_from_all_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).normal(size=100)
    monkeypatch.setattr("graphurl.evaluation.intervals._BUDGET", 1000)
    reference = bootstrap((values,), np.mean, method="percentile", n_resamples=5000, rng=1).confidence_interval
    assert interval(values, draws=5000) == pytest.approx(tuple(reference), abs=0.02)


def test_equal_rows_leave_no_doubt_and_a_seed_repeats() -> None:
    assert interval(np.full(5, 0.3)) == (0.3, 0.3)
    values = np.random.default_rng(0).normal(size=9)
    assert interval(values, 3) == interval(values, 3) != interval(values, 4)


def test_outcomes_are_equal_by_their_numbers_and_short_to_read() -> None:
    ours = Outcomes({"a": [1, 2]})
    assert ours == Outcomes({"a": np.array([1.0, 2.0])})
    assert ours != Outcomes({"a": [1, 3]})
    assert ours != Outcomes({"b": [1, 2]})
    assert repr(ours) == "Outcomes(a: 2 rows)"


def test_numbers_computed_anew_from_every_draw() -> None:
    values = np.random.default_rng(0).random(200) ** 2
    reference = bootstrap((values,), np.mean, method="percentile", n_resamples=20_000, rng=1).confidence_interval

    def again(drawn: np.ndarray) -> dict[str, float]:
        assert drawn.sum() == len(drawn) == 200
        return {"mean": drawn @ values / 200, "too high": drawn @ values / 200 + 5}

    found = resampled(again, 200, {"mean": values.mean(), "too high": values.mean()}, draws=5000)
    assert found["mean"] == pytest.approx(tuple(reference), abs=0.03)
    assert found["too high"] == pytest.approx(found["mean"])
    assert resampled(again, 200, {"mean": 1.0}, 3, draws=9) == resampled(again, 200, {"mean": 1.0}, 3, draws=9)
    assert resampled(again, 200, {"mean": 1.0}, 3, draws=9) != resampled(again, 200, {"mean": 1.0}, 4, draws=9)


def test_the_ends_lie_around_the_value() -> None:
    drawn = np.linspace(0, 1, 1001)
    assert around(0.5, drawn) == pytest.approx((0.025, 0.975))
    assert around(0.3, drawn) == pytest.approx((-0.175, 0.775))
    assert around(0.3, drawn, least=0.0) == pytest.approx((0, 0.775))
    assert around(0.9, drawn) == pytest.approx((0.425, 1))
