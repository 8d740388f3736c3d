"""The table of maps in words: medians, ratios within a repeat, growth."""

from __future__ import annotations

import math
from typing import Any

import pytest

from graphurl.bench.maps import Row
from graphurl.bench.maptable import exponent, growth, held, made_by, markdown, ratio, ratios

OURS, PEER, BASE = Row("ours"), Row("PaCMAP", "peer"), Row("pca", "pca")


def runs(*cpu: float, **more: Any) -> list[dict[str, Any]]:
    return [
        {"seed": seed, "cpu": value, "wall": 2 * value, "memory": 2**30, "trust": 0.9 + seed / 100, "rows": 100,
         "versions": {"torch": "2"}, **more} for seed, value in enumerate(cpu)
    ]  # fmt: skip


def test_numbers_are_medians_and_what_was_not_measured_is_empty() -> None:
    text = markdown([OURS, PEER, BASE], {"ours": runs(1, 9, 2), "PaCMAP": runs(4, knn=97.25)})
    header, _, ours, peer = text.splitlines()
    assert header.startswith(
        "| method | Trust | Cont | linear | kNN | NMI k-means | NMI HDBSCAN | fit wall s | fit CPU s |"
    )
    assert ours == "| ours | 0.910 |  |  |  |  |  | 4.0 | 2.0 | 1.00 |  |  | 3 |"
    assert "| 97.2 |" in peer and peer.endswith("| 1 |")
    assert markdown([OURS], {}) == ""


def test_a_ratio_is_of_the_same_repeat() -> None:
    ours, peer = runs(1, 10, 6), runs(2, 5, 2)  # .5, 2, 3: the ratio of the medians would be 3
    text = ratios([OURS, PEER, BASE], {"ours": ours, "PaCMAP": peer, "pca": runs(1)})
    assert text.splitlines()[2:] == ["| ours | PaCMAP | 2 | 2 | 1 |  |  | 3 |"]
    assert "| ours | PaCMAP | 2 | 2 |" in ratios([OURS, PEER], {"ours": ours, "PaCMAP": peer[1:2]})
    assert ratios([OURS, PEER], {"ours": ours, "PaCMAP": []}) == ratios([OURS], {"ours": ours}) == ""
    assert math.isnan(ratio([({"cpu": 1.0}, {"cpu": 0.0})], "cpu"))


def test_held_out_rows_are_told_of_lines_that_place_them() -> None:
    scores = {"trust_fitted": 0.99, "trust_held": 0.98, "knn_fitted": 97.0, "knn_held": 96.5}
    text = held([OURS, PEER], {"ours": runs(1, 2, **scores), "PaCMAP": runs(3)})
    assert text.splitlines()[2:] == ["| ours | 0.990 | 0.980 | 97.0 | 96.5 | 2 |"]
    assert held([PEER], {"PaCMAP": runs(3)}) == ""


def test_the_exponent_is_the_slope_in_logarithms() -> None:
    assert exponent({10: 3.0, 100: 30.0, 1000: 300.0}) == pytest.approx(1)
    assert exponent({10: 1.0, 100: 100.0}) == pytest.approx(2)
    assert math.isnan(exponent({10: 1.0}))
    assert math.isnan(exponent({10: 0.0, 20: 1.0}))
    found = {"ours": [*runs(1, 3, 2, rows=10), *runs(8, rows=20)], "pca": runs(5, rows=10)}
    assert growth([OURS, BASE], found).splitlines() == [
        "| CPU s | 10 rows | 20 rows | exponent |", "| --- | --- | --- | --- |", "| ours | 2.0 | 8.0 | 2.00 |",
        "| pca | 5.0 |  |  |",
    ]  # fmt: skip
    assert growth([BASE], {"pca": runs(5)}) == ""


def test_versions_that_differ_are_all_told() -> None:
    found = {"ours": [*runs(1), *runs(1, versions={"torch": "3"})], "PaCMAP": runs(1)}
    assert made_by(found) == "Versions: torch 2, torch 3"
    assert made_by({}) == ""
