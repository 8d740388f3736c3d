"""Tables of measurements: pairs of seeds, the paired test, and what is said of a claim."""

from __future__ import annotations

import math

import pytest
from scipy.stats import ttest_rel

from graphurl.bench.images import FAST, FULL, LARGE, ROWS, Row
from graphurl.bench.tables import difference, directions, markdown, paired, verdict

KEYS = ("knn200_h", "knn20_h", "linear_h", "knn20_z", "nlad_z")


def runs(*values: float, seeds: tuple[int, ...] = (0, 1, 2)) -> list[dict[str, float]]:
    pairs = zip(seeds, values, strict=True)
    return [{"seed": seed, "cpu": 10.0, **dict.fromkeys(KEYS, value)} for seed, value in pairs]


def test_only_the_same_seeds_are_paired() -> None:
    pairs = paired(runs(1, 2, 3), runs(5, 6, 7, seeds=(2, 0, 9)))
    assert [(a["knn20_h"], b["knn20_h"]) for a, b in pairs] == [(1, 6), (3, 5)]


def test_the_paired_test_is_scipys() -> None:
    a, b = [51.0, 49.5, 52.25], [50.0, 49.0, 50.5]
    mean, p = difference([x - y for x, y in zip(a, b, strict=True)])
    assert mean == pytest.approx(sum(a) / 3 - sum(b) / 3)
    assert p == pytest.approx(ttest_rel(a, b).pvalue)
    assert math.isnan(difference([1.0])[1])
    assert difference([0.0, 0.0]) == (0.0, 1.0)
    assert difference([2.0, 2.0]) == (2.0, 0.0)


@pytest.mark.parametrize(
    ("claim", "knn", "nlad", "said"),
    [
        ("CLD helps", (2.0, 0.01), (0.0, 0.9), "holds"),
        ("CLD helps", (-2.0, 0.01), (0.0, 0.9), "does not hold"),
        ("CLD helps", (2.0, 0.2), (0.0, 0.01), "hidden by noise"),
        ("DE lowers NLAD", (2.0, 0.01), (-1.0, 0.01), "holds"),
        ("DE lowers NLAD", (2.0, 0.01), (1.0, 0.01), "does not hold"),
        ("CLD helps", (math.nan, math.nan), (0.0, math.nan), "hidden by noise"),
        ("", (2.0, 0.01), (0.0, 0.01), ""),
    ],
)
def test_what_is_said_of_a_claim(claim: str, knn: tuple[float, float], nlad: tuple[float, float], said: str) -> None:
    found = {"knn20_h": knn, "linear_h": knn, "knn20_z": knn, "nlad_z": nlad}
    row = Row("a", "simclr", claim=claim)
    assert verdict(row, found, 3) == said
    assert verdict(row, found, 2) == ("too few seeds" if claim else "")


def test_the_tables_show_means_and_differences() -> None:
    rows = (Row("a", "simclr"), Row("b", "byol", against="a", claim="b helps"), Row("c", "moco", against="a"))
    measured = {"a": runs(50, 51, 52), "b": runs(53, 54.5, 55), "c": []}
    text = markdown(rows, measured, dict.fromkeys(KEYS, 37.0))
    assert "| a | 51.0 ± 1.0 |" in text
    assert "| raw pixels | 37.0 | 37.0 | 37.0 |" in text
    assert "| c |" not in text
    assert "| b | a | +3.2 (p <.01) |" in directions(rows, measured)
    assert directions(rows, measured).endswith("| b helps | holds |")


def test_what_could_not_be_measured_is_left_empty_and_takes_no_part() -> None:
    rows = (Row("flat", "simclr"), Row("t", "t-simclr", against="flat", claim="t-kernel wins in few dimensions"))
    flat, other = runs(50, 51, 52), runs(53, 54.5, 55)
    measured = {"flat": [{**run, "nlad_z": None} for run in flat], "t": other}
    assert "| flat | 51.0 ± 1.0 | 51.0 ± 1.0 | 51.0 ± 1.0 | 51.0 ± 1.0 |  | 10 | 3 |" in markdown(rows, measured)
    assert "| t | flat | +3.2 (p <.01) | +3.2 (p <.01) | +3.2 (p <.01) |  | t-kernel" in directions(rows, measured)


def test_every_row_has_a_partner_that_exists_and_a_recipe_that_can_be_built() -> None:
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names)
    for row in ROWS:
        assert row.against == "" or row.against in names
        for protocol in (FAST, FULL, LARGE):
            recipe = protocol.recipe(row, 7, 5000)
            assert recipe.seed == 7
            assert recipe.side == protocol.shared["side"]


def test_all_methods_take_the_same_steps() -> None:
    steps = {FULL.recipe(row, 0, 5000).epochs * (5000 // 256) for row in ROWS if "epochs" not in row.changes}
    assert steps == {950}
