from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from graphurl.errors import InputError
from graphurl.graphs.graph import Graph, from_edges
from graphurl.plots.page.pulls import NOBODY, pulls
from graphurl.similarity import Similarity


def graph_of(dense: np.ndarray) -> Graph:
    rows, cols = np.nonzero(dense)
    return from_edges(rows, cols, len(dense), weight=dense[rows, cols])


@pytest.fixture
def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    parts = [rng.uniform(0.1, 0.9, (9, 9)) * (rng.uniform(size=(9, 9)) < 0.5) for _ in range(2)]
    for part in parts:
        part[3] = 0  # a row without edges
    return rng.normal(size=(9, 3)), *(part.astype(np.float32) for part in parts)


@pytest.mark.parametrize("matched", [False, True])
def test_strongest_edges_match_loops(world: tuple[np.ndarray, ...], matched: bool) -> None:
    z, a, b = world
    kernel = Similarity(nu=2.0, sigma=1.5)
    found = pulls(z, {"a": graph_of(a), "b": graph_of(b)}, kernel, matched=matched, most=3)
    np.fill_diagonal(a, 0), np.fill_diagonal(b, 0)
    p = np.minimum(1, a.astype(float) + b)
    d2 = ((z[:, None] - z[None]) ** 2).sum(-1)
    q = (1 + d2 / 1.5**2 / 2) ** (-3 / 2)
    q = np.minimum(1, q * p.sum() / q[p > 0].sum()) if matched else q
    assert found.sources == ("a", "b") and found.total == (p > 0).sum()
    for i in range(9):
        order = sorted(np.flatnonzero(p[i]), key=lambda j, i=i: (-p[i, j], j))[:3]
        assert [j for j in found.target[i] if j != NOBODY] == order
        for place, j in enumerate(order):
            assert found.p[i, place] == pytest.approx(p[i, j], rel=1e-6)
            assert found.q[i, place] == pytest.approx(q[i, j], rel=1e-5)
            assert [part[i, place] for part in found.parts] == pytest.approx([a[i, j], b[i, j]])
        expected = np.mean([abs(p[i, j] - q[i, j]) for j in np.flatnonzero(p[i])]) if p[i].any() else math.nan
        assert found.misfit[i] == pytest.approx(expected, rel=1e-5, nan_ok=True)


def test_one_source_is_not_repeated(world: tuple[np.ndarray, ...]) -> None:
    assert pulls(world[0], {"a": graph_of(world[1])}, Similarity()).parts == ()


def test_rows_that_meet_have_no_scale_to_match() -> None:
    graph = graph_of(np.ones((3, 3)) * 0.5)
    found = pulls(np.array([[0.0], [1e9], [-1e9]]), {"a": graph}, Similarity(), matched=True)
    assert (found.q == 0).all() and torch.isfinite(torch.from_numpy(found.misfit)).all()


def test_a_graph_over_other_rows_is_refused(world: tuple[np.ndarray, ...]) -> None:
    with pytest.raises(InputError, match="the graph 'a' has 9 nodes for 8 points: give one a point"):
        pulls(world[0][:8], {"a": graph_of(world[1])}, Similarity())
