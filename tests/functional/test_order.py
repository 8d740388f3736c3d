"""Ranks by distance: against a sort of exact differences, on every route."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from graphurl.functional import order
from graphurl.functional.order import ranks

N, K = 60, 4
Rows = np.ndarray


def shapes(seed: int = 0) -> dict[str, Rows]:
    """Rows that make ranks hard to tell."""
    rng = np.random.default_rng(seed)
    plain = rng.normal(size=(N, 7))
    return {
        "plain": plain,
        "flat": plain[:, :2],
        "twins": np.repeat(plain[: N // 2], 2, axis=0)[rng.permutation(N)],
        "whole": rng.integers(0, 3, size=(N, 6)).astype(float),
        "whole, flat": rng.integers(0, 4, size=(N, 2)).astype(float),
        "equal": np.ones((N, 5)),
        "zeros": np.zeros((N, 3)),
        "far from 0": plain + 1e7,
        "flat, far from 0": plain[:, :3] + 1e9,
        "an outlier": np.concatenate([plain[:-1], np.full((1, 7), 1e12)]),
        "huge": plain * 1e120,
        "tiny": plain * 1e-120,
        "close": 1 + 1e-9 * plain,
    }


def asked_of(rows: Rows, seed: int = 0) -> Rows:
    """Other rows, K for each."""
    rng = np.random.default_rng(seed)
    return np.stack([rng.permutation(np.delete(np.arange(len(rows)), i))[:K] for i in range(len(rows))])


def naive(distances: Rows, asked: Rows) -> list[list[int]]:
    """Places in a stable sort of each row's distances, itself left out."""
    found = []
    for i, row in enumerate(distances):
        line = [j for j in np.argsort(row, kind="stable") if j != i]
        found.append([line.index(j) + 1 for j in asked[i]])
    return found


def euclidean(rows: Rows) -> Rows:
    return ((rows[:, None] - rows) ** 2).sum(-1)


def of(rows: Rows, asked: Rows, metric: str = "euclidean") -> list[list[int]]:
    found: list[list[int]] = ranks(torch.from_numpy(rows), torch.from_numpy(asked), metric).tolist()
    return found


@pytest.mark.parametrize("unsure", [-1, 32])
@pytest.mark.parametrize("block", [7, 256])
@pytest.mark.parametrize("name", shapes())
def test_ranks_are_places_in_a_stable_sort(name: str, block: int, unsure: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(order, "_BLOCK", block)
    monkeypatch.setattr(order, "_CACHED", 3 * N)
    monkeypatch.setattr(order, "_UNSURE", unsure)
    monkeypatch.setattr(order, "_AT_ONCE", 20)
    rows = shapes()[name]
    asked = asked_of(rows)
    assert of(rows, asked) == naive(euclidean(rows), asked)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=20)
def test_so_they_are_of_many_rows(seed: int) -> None:
    for rows in shapes(seed).values():
        asked = asked_of(rows, seed)
        assert of(rows, asked) == naive(euclidean(rows), asked)


@pytest.mark.parametrize("metric", ["cosine", "correlation"])
def test_of_angles(metric: str) -> None:
    for name in ("plain", "zeros", "twins"):
        rows = shapes()[name]
        centred = rows - rows.mean(1, keepdims=True) if metric == "correlation" else rows
        length = np.linalg.norm(centred, axis=1, keepdims=True)
        unit = centred / np.where(length > 1e-12, length, np.inf)
        asked = asked_of(rows)
        # Twins are equally far, as they are on paper.
        assert of(rows, asked, metric) == naive(np.round(2 - 2 * unit @ unit.T, 13), asked)


def manhattan(rows: Rows) -> Rows:
    return np.abs(rows[:, None] - rows).sum(-1)


def hamming(rows: Rows) -> Rows:
    return (rows[:, None] != rows).mean(-1)


@pytest.mark.parametrize("distance", [manhattan, hamming])
def test_of_metrics_without_products(distance: Callable[[Rows], Rows]) -> None:
    rows = shapes()["whole"]
    asked = asked_of(rows)
    assert of(rows, asked, distance.__name__) == naive(distance(rows), asked)


@pytest.fixture
def kinds(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """In which numbers distances were computed, block by block."""
    found: list[str] = []
    counted = order._counted

    def watched(entries: Rows, *arguments: object, **options: object) -> object:
        found.append(str(entries.dtype))
        return counted(entries, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(order, "_counted", watched)
    return found


def test_products_rounded_to_fewer_digits_are_not_relied_on(kinds: list[str]) -> None:
    rows = shapes()["plain"]
    asked = asked_of(rows)
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        assert of(rows, asked) == naive(euclidean(rows), asked)
    finally:
        torch.set_float32_matmul_precision(before)
    assert kinds == ["float64"]


def test_more_than_a_few_unsure_entries_ask_for_more_digits(kinds: list[str]) -> None:
    of(shapes()["plain"], asked_of(shapes()["plain"]))
    assert kinds == ["float32"]
    of(shapes()["close"], asked_of(shapes()["close"]))
    assert kinds == ["float32", "float32"]  # the centre is taken off first
    outlier = np.concatenate([1e-6 * shapes()["plain"][:-1], np.full((1, 7), 1e6)])
    of(outlier, asked_of(outlier))
    assert kinds[2:] == ["float32", "float64"]
