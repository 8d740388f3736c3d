from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from graphurl.errors import InputError
from graphurl.evaluation.comparison import compare, holm, paired


def runs(metric: str = "nmi") -> dict[str, dict[int, dict[str, float]]]:
    generator = np.random.default_rng(0)
    shared = generator.normal(0, 0.1, 6)
    shift = {"good": 0.9, "near": 0.89, "bad": 0.5}
    return {
        name: {seed: {metric: shift[name] + shared[seed] + generator.normal(0, 0.02)} for seed in range(6)}
        for name in ("bad", "good", "near")
    }


def test_sorted_and_tested_as_scipy_tests_with_holm() -> None:
    found = compare(runs(), ["nmi"])
    assert list(found)[-1] == "bad"
    best = next(iter(found))
    assert found[best]["nmi"].best
    assert found[best]["nmi"].p is None
    others = [name for name in found if name != best]
    values = {name: np.array([row["nmi"] for row in of.values()]) for name, of in runs().items()}
    tests = {name: ttest_rel(values[name], values[best]) for name in others}
    raw = sorted(test.pvalue for test in tests.values())
    assert sorted(found[name]["nmi"].p or 0 for name in others) == pytest.approx([min(1, 2 * raw[0]), raw[1]])
    for name, test in tests.items():
        cell = found[name]["nmi"]
        assert cell.difference == pytest.approx((values[name] - values[best]).mean())
        assert (cell.low, cell.high) == pytest.approx(tuple(test.confidence_interval()))
    assert found["bad"]["nmi"].level is False
    assert found["bad"]["nmi"].std == pytest.approx(values["bad"].std(ddof=1))


def test_of_some_metrics_less_is_better() -> None:
    found = compare(runs("nlad"), ["nlad"])
    assert next(iter(found)) == "bad"
    assert found["bad"]["nlad"].best


def test_only_common_seeds_are_paired() -> None:
    given = runs()
    given["bad"] = {4: given["bad"][4], 5: given["bad"][5], 9: {"nmi": 0.0}}
    cell = compare(given, ["nmi"])["bad"]["nmi"]
    assert cell.p is not None
    given["bad"] = {4: given["bad"][4], 9: {"nmi": 0.0}}
    lonely = compare(given, ["nmi"])["bad"]["nmi"]
    assert lonely.p is None
    assert lonely.difference is not None
    assert not lonely.level, "without a test nothing is known"


def test_holm_by_hand_and_equal_differences() -> None:
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []
    assert paired([0.0, 0.0]) == (0.0, 0.0, 1.0)
    assert paired([0.25, 0.25]) == (0.25, 0.25, 0.0)


def test_what_cannot_be_compared() -> None:
    with pytest.raises(InputError, match="no metric that the runs share"):
        compare(runs(), [])
    with pytest.raises(InputError, match="none of the runs has ari"):
        compare(runs(), ["ari"])
    given = runs()
    del given["near"][0]["nmi"]
    assert len(compare(given, ["nmi"])["near"]["nmi"].values) == 5
