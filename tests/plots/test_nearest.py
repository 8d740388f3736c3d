"""Neighbours as pictures against a search by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from graphurl.data.stacks import Stack
from graphurl.errors import InputError
from graphurl.plots import neighbors
from graphurl.plots.nearest import RIGHT, nearest, pick


def scene(n: int = 30, classes: int = 3) -> tuple[np.ndarray, Stack, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % classes
    z = generator.normal(size=(classes, 5))[y] + generator.normal(size=(n, 5))
    # Every picture has its own grey, by which it is found again on the sheet.
    return z, Stack(np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1, 6, 6), np.uint8)), y


def by_hand(z: np.ndarray, query: int, k: int, metric: str) -> list[int]:
    def distance(other: int) -> float:
        a, b = z[query], z[other]
        return math.dist(a, b) if metric == "euclidean" else 1 - float(a @ b / math.sqrt((a @ a) * (b @ b)))

    return sorted((other for other in range(len(z)) if other != query), key=distance)[:k]


def sheet(figure: Figure) -> list[list[int]]:
    """The numbers of the pictures that were drawn, row by row."""
    pixels = np.asarray(figure.axes[0].images[0].get_array())
    rows = [pixels[top] for top in range(3, len(pixels), 7)]
    return [[round(255 * row[left, 0]) for left in (2, *range(10, len(row), 7))] for row in rows]


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_the_nearest_stand_beside_their_query_in_the_right_frames(metric: str, rng_untouched: None) -> None:
    z, images, y = scene()
    figure = neighbors(z, images, y, ["a", "b", "c"], metric_z=metric, queries=6, k=4, title="t")
    found = sheet(figure)
    assert len(found) == 6
    frames = [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)]
    judged = []
    for row in found:
        assert row[1:] == by_hand(z, row[0], 4, metric)
        judged += [y[row[0]] == y[other] for other in row[1:]]
    assert [frame.get_linestyle() == "solid" for frame in frames] == judged
    assert [frame.get_edgecolor()[2] > 0.5 for frame in frames] == judged and RIGHT[1] == "solid"
    assert figure.axes[0].get_xlabel().startswith(f"blue: the same class, {sum(judged)} of 24")
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["a", "a", "b", "b", "c", "c"]
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["query", "1", "2", "3", "4"]


def test_without_labels_there_are_no_frames_and_rows_are_called_by_their_ids() -> None:
    z, images, y = scene()
    ids = [f"folder/{number}.png" for number in range(30)]
    figure = neighbors(z, images, ids=ids, queries=3)
    assert [patch for patch in figure.axes[0].patches if isinstance(patch, Rectangle)] == []
    assert figure.axes[0].get_xlabel() == ""
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == [f"{row[0]}.png" for row in sheet(figure)]
    unknown = np.where(np.arange(30) < 3, y, -1)
    assert len(neighbors(z, images, unknown, queries=3, k=2).axes[0].patches) <= 6


def test_rows_that_are_not_finite_are_neither_asked_nor_found() -> None:
    z, images, y = scene()
    z[[1, 4]] = np.nan
    assert not {1, 4} & {number for row in sheet(neighbors(z, images, y, queries=20)) for number in row}


def test_equal_rows_find_each_other_and_never_themselves() -> None:
    z = np.zeros((6, 2))
    found = nearest(z, np.arange(6), np.arange(6), 4, "euclidean")
    assert found.shape == (6, 4)
    assert all(query not in others and len(set(others)) == 4 for query, others in enumerate(found.tolist()))


@given(st.integers(1, 40), st.integers(1, 12), st.integers(0, 2**31))
def test_queries_come_from_as_many_classes_as_can_be(count: int, classes: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(-1, classes, size=50)
    chosen = pick(codes, count, seed)
    known = len(np.unique(codes[codes >= 0]))
    assert len(set(chosen)) == len(chosen) == count
    assert len(np.unique(codes[chosen][codes[chosen] >= 0])) == min(known, count)
    if count <= (codes >= 0).sum():
        assert (codes[chosen] >= 0).all()


def test_wrong_calls_say_why() -> None:
    z, images, _ = scene()
    with pytest.raises(InputError, match="30 pictures for 29 rows"):
        neighbors(z[1:], images)
    with pytest.raises(InputError, match="1 finite rows: neighbours need two"):
        neighbors(z[:1], Stack(images.take(torch.arange(1))))
    assert len(sheet(neighbors(z[:2], Stack(images.take(torch.arange(2)))))) == 2
