"""Aligned maps: related rows near each other, each set in its own shape."""

from __future__ import annotations

import numpy as np
import pytest

from graphurl import align
from graphurl.errors import InputError

SETTINGS = {"n_neighbors": 8, "epochs": 150, "seed": 0, "device": "cpu"}
pytestmark = pytest.mark.filterwarnings("ignore::graphurl.errors.GraphWarning")


def rows(n: int, columns: int, seed: int) -> np.ndarray:
    draws = np.random.default_rng(seed)
    centres = 6 * np.random.default_rng(9).normal(size=(4, columns))
    return (draws.normal(size=(n, columns)) + centres[np.arange(n) % 4]).astype(np.float32)


def apart(a: np.ndarray, b: np.ndarray) -> float:
    """Mean distance of paired rows, by that of any two."""
    any_two = np.linalg.norm(a[:, None] - b[None], axis=2).mean()
    return float(np.linalg.norm(a - b, axis=1).mean() / any_two)


def test_related_rows_land_near_each_other_and_others_do_not() -> None:
    sets = [rows(80, 6, 0), rows(72, 9, 1), rows(80, 6, 2)]
    relations = [{i: i for i in range(72)}, [(i, i) for i in range(72)]]
    maps = align(sets, relations, **SETTINGS)
    assert [z.shape for z in maps] == [(80, 2), (72, 2), (80, 2)]
    assert apart(maps[0][:72], maps[1]) < 0.25
    assert apart(maps[1], maps[2][:72]) < 0.25
    assert all(np.array_equal(a, b) for a, b in zip(maps, align(sets, relations, **SETTINGS), strict=True))
    turned = [{i: (i + 1) % 72 for i in range(72)}, relations[1]]
    other = align(sets, turned, **SETTINGS)
    assert apart(other[0][:72], np.roll(other[1], -1, 0)) < 0.4 < apart(other[0][:72], other[1])


def test_sets_without_a_relation_are_laid_out_all_the_same() -> None:
    maps = align([rows(40, 5, 0), rows(40, 5, 1)], [{}], **SETTINGS)
    assert all(np.isfinite(z).all() for z in maps)


def test_relations_are_checked() -> None:
    sets = [rows(20, 3, 0), rows(15, 3, 1)]
    for relations, words in (
        ([], "2 sets and 0 relations"), ([{0: 15}], "joins row 0 to row 15: the sets have 20 and 15"),
        ([{-1: 0}], "joins row -1"), ([[(0, 1, 2)]], "no mapping of row numbers"), ([{"a": 1}], "no mapping"),
    ):  # fmt: skip
        with pytest.raises(InputError, match=words):
            align(sets, relations, **SETTINGS)
    with pytest.raises(InputError, match="weight is 2"):
        align(sets, [{0: 0}], weight=2, **SETTINGS)
    with pytest.raises(InputError, match="encoder='table'"):
        align(sets, [{0: 0}], **SETTINGS, encoder="mlp")
