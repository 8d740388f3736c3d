"""The Shepard diagram against counts made pair by pair."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from scipy.sparse import csr_array
from scipy.stats import spearmanr

from graphurl.errors import InputError
from graphurl.plots import shepard
from graphurl.plots.shepard import CELLS


def spaces(n: int = 60) -> tuple[np.ndarray, np.ndarray]:
    x = np.random.default_rng(0).normal(size=(n, 7))
    return x, x[:, :2] + 0.3 * np.random.default_rng(1).normal(size=(n, 2))


def counts(figure: Figure) -> np.ndarray:
    mesh = next(part for part in figure.axes[0].collections if isinstance(part, QuadMesh))
    return np.ma.filled(np.ma.asarray(mesh.get_array()).astype(float), 0).reshape(CELLS, CELLS)


def by_hand(x: np.ndarray, z: np.ndarray) -> tuple[list[float], list[float]]:
    pairs = [(i, j) for i in range(len(x)) for j in range(i + 1, len(x))]
    return [math.dist(x[i], x[j]) for i, j in pairs], [math.dist(z[i], z[j]) for i, j in pairs]


def test_every_pair_lies_in_its_cell_and_the_caption_has_the_rank_correlation(rng_untouched: None) -> None:
    x, z = spaces()
    d_x, d_z = by_hand(x, z)
    expected = np.zeros((CELLS, CELLS))
    for a, b in zip(d_x, d_z, strict=True):
        column, row = (min(CELLS - 1, int(d / max(all_d) * CELLS)) for d, all_d in ((a, d_x), (b, d_z)))
        expected[row, column] += 1
    figure = shepard(x, z, title="t")
    # A pair at the border of two cells may fall to either side by rounding.
    assert np.abs(counts(figure) - expected).sum() <= 4
    assert counts(figure).sum() == len(d_x)
    axes = figure.axes[0]
    assert f"1,770 pairs of 60 rows · rank correlation {spearmanr(d_x, d_z).statistic:.3f}" in axes.get_xlabel()
    assert axes.get_title(loc="left") == "t"


def test_the_line_is_the_median_of_its_column() -> None:
    x, z = spaces(200)
    d_x, d_z = (np.array(d) for d in by_hand(x, z))
    at, medians = shepard(x, z).axes[0].lines[0].get_data()
    width = d_x.max() / CELLS
    assert len(at) > 20
    for middle, median in zip(at, medians, strict=True):
        inside = d_z[(d_x >= middle - width / 2) & (d_x < middle + width / 2)]
        assert len(inside) >= 19
        assert median == pytest.approx(float(np.median(inside)), rel=0.02)


def test_metrics_sparse_rows_and_rows_that_are_not_finite() -> None:
    x, z = spaces()
    x[x < 0] = 0
    cosine = shepard(x, z, metric="cosine").axes[0].get_xlabel()
    assert "original space (cosine)" in cosine
    assert shepard(csr_array(x), torch.tensor(z), metric="cosine").axes[0].get_xlabel() == cosine
    holes = z.copy()
    holes[3], holes[7, 1] = np.nan, np.inf
    assert "pairs of 58 rows" in shepard(x, holes).axes[0].get_xlabel()


def test_a_subset_is_the_same_whatever_is_drawn() -> None:
    x, z = spaces(90)
    first, again, other = (shepard(x, z, rows=30, seed=seed) for seed in (0, 0, 1))
    assert counts(first).sum() == 435
    assert np.array_equal(counts(first), counts(again)) and not np.array_equal(counts(first), counts(other))


def test_what_has_no_distances_is_said() -> None:
    x, z = spaces(3)
    assert "all distances are equal" in shepard(x, np.zeros((3, 1))).axes[0].get_xlabel()
    assert "1 pairs of 2 rows" in shepard(x[:2], z[:2]).axes[0].get_xlabel()
    for rows, words in ((z[:1], "x has 3 rows and z 1"), (np.full((3, 2), np.nan), "0 finite rows")):
        with pytest.raises(InputError, match=words):
            shepard(x, rows)
    with pytest.raises(InputError, match="1 finite rows: distances need two"):
        shepard(x[:1], z[:1])
