"""Matrices by class against loops in double precision."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from graphurl.errors import InputError
from graphurl.plots import class_means, similarity_map
from graphurl.plots.matrices import stratified
from graphurl.similarity import Similarity


def rows(n: int = 60, dim: int = 6, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = generator.integers(classes, size=n)
    return 2 * generator.normal(size=(classes, dim))[y] + generator.normal(size=(n, dim)), y


def drawn(figure: Figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float(a @ b / math.sqrt((a @ a) * (b @ b)))


def caption(figure: Figure) -> str:
    return figure.axes[0].get_xlabel()


def test_class_means_are_the_cosines_of_the_means(rng_untouched: None) -> None:
    z, y = rows()
    means = [np.mean([row for row, label in zip(z, y, strict=True) if label == code], axis=0) for code in range(4)]
    expected = np.array([[cosine(a, b) for b in means] for a in means])
    figure = class_means(z, y, ["a", "b", "c", "d"], title="t")
    assert drawn(figure) == pytest.approx(expected)
    nlad = -math.log(abs(np.linalg.det(expected)))
    others = [expected[i, j] for i in range(4) for j in range(4) if i != j]
    assert caption(figure) == f"4 class means in 6 dimensions · mean cosine {np.mean(others):.2f} · NLAD {nlad:.2f}"
    axes = figure.axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a", "b", "c", "d"]
    assert [text.get_text() for text in axes.texts] == [f"{value:.2f}" for value in expected.ravel()]


@pytest.mark.parametrize("kind", ["cosine", "kernel"])
def test_similarities_stand_sorted_by_class(kind: str) -> None:
    z, y = rows()
    order = np.argsort(y, kind="stable")
    if kind == "cosine":
        expected = np.array([[cosine(z[i], z[j]) for j in order] for i in order])
        figure = similarity_map(z, y)
    else:
        d = np.array([[math.dist(z[i], z[j]) for j in order] for i in order])
        near = np.where(np.eye(len(d)) > 0, np.inf, d).min(1).mean()
        beyond = np.maximum(d - near, 0)
        scale = beyond[~np.eye(len(d), dtype=bool)].mean()
        expected = (1 + (beyond / scale) ** 2 / 3.0) ** -2.0
        figure = similarity_map(z, y, similarity=Similarity(nu=3.0))
    assert drawn(figure) == pytest.approx(expected, abs=1e-6)
    borders = np.flatnonzero(np.diff(y[order])) + 0.5
    assert [line.get_xdata()[0] for line in figure.axes[0].lines[1::2]] == list(borders)
    inside = [expected[i, j] for i in range(60) for j in range(60) if i != j and y[order][i] == y[order][j]]
    between = [expected[i, j] for i in range(60) for j in range(60) if y[order][i] != y[order][j]]
    assert f"mean {np.mean(inside):.2f} within classes, {np.mean(between):.2f} between them" in caption(figure)


@given(st.integers(1, 80), st.integers(1, 30), st.integers(0, 2**31))
def test_a_stratified_draw_gives_each_class_its_share(size: int, classes: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(classes, size=200)
    chosen = stratified(codes, size, seed=1)
    present, sizes = np.unique(codes, return_counts=True)
    found, taken = np.unique(codes[chosen], return_counts=True)
    assert 1 <= len(chosen) <= size and len(set(chosen)) == len(chosen)
    assert (np.diff(codes[chosen]) >= 0).all()
    if len(present) <= size:
        assert np.array_equal(found, present)
        assert np.array_equal(taken, np.minimum(sizes, size // len(present)))
    else:
        assert (taken == 1).all() and len(found) == size
    assert np.array_equal(chosen, stratified(codes, size, seed=1))


def test_unknown_classes_and_rows_that_are_not_finite_are_left_out() -> None:
    z, y = rows()
    z[2], y[5:9] = np.nan, -1
    kept = (y >= 0) & np.isfinite(z).all(1)
    assert drawn(similarity_map(z, y)).shape == (kept.sum(),) * 2
    assert drawn(class_means(z, y)) == pytest.approx(drawn(class_means(z[kept], y[kept])))


def test_text_labels_one_class_one_row_and_a_hundred_classes() -> None:
    z, y = rows()
    assert drawn(class_means(z, [f"c{label}" for label in y])) == pytest.approx(drawn(class_means(z, y)))
    one = class_means(z, np.zeros(60))
    assert drawn(one) == pytest.approx(np.ones((1, 1))) and caption(one) == "1 class means in 6 dimensions"
    assert "between" not in caption(similarity_map(z, np.zeros(60)))
    assert drawn(similarity_map(z[:1], y[:1])).shape == (1, 1)
    assert drawn(similarity_map(z[:1], y[:1], similarity=Similarity())).shape == (1, 1)
    assert drawn(similarity_map(z[:, 0], y)).shape == (60, 60)
    many = class_means(*rows(500, 6, 100))
    assert drawn(many).shape == (100, 100)
    assert len(many.axes[0].texts) == 0 and list(many.axes[0].get_yticks()) == []
    assert "NLAD" not in caption(many)
    similarity_map(*rows(500, 6, 100))


def test_wrong_calls_say_why() -> None:
    z, y = rows()
    with pytest.raises(InputError, match="needs classes, whole numbers or names"):
        similarity_map(z, y + 0.5)
    with pytest.raises(InputError, match="none of the 60 rows is finite and has a class"):
        class_means(z, np.full(60, -1))
    with pytest.raises(InputError, match="y has shape"):
        class_means(z, y[:5])
