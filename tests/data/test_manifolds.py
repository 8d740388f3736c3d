from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from graphurl.data import info, load
from graphurl.data.manifolds import OUTER_RADIUS, SHAPES, manifold
from graphurl.errors import InputError


def parts(name: str, rows: int = 3000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    samples = manifold(name, rows, seed=seed)
    assert samples.x is not None and samples.y is not None
    return samples.x.numpy(), samples.y.numpy()


@pytest.mark.parametrize("name", SHAPES)
def test_a_card_is_a_shape_and_always_the_same(name: str, rng_untouched: None) -> None:
    first, again = load(name), manifold(name, info(name).samples)
    assert first.x is not None and again.x is not None and first.y is not None and again.y is not None
    assert torch.equal(first.x, again.x) and torch.equal(first.y, again.y)
    assert not torch.equal(first.x[:200], manifold(name, info(name).samples, seed=1).x[:200])  # type: ignore[index]
    assert first.classes is not None and len(first.classes) == len(info(name).classes)


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.parametrize("rows", [200, 777])
def test_every_part_has_rows(name: str, rows: int) -> None:
    x, y = parts(name, rows)
    assert len(x) == len(y) == rows
    assert sorted(set(y)) == list(range(manifold(name, rows).num_classes))


def test_a_roll_is_a_sheet() -> None:
    x, y = parts("swiss-roll")
    t = np.hypot(x[:, 0], x[:, 2])
    np.testing.assert_allclose(x[:, 0], t * np.cos(t), atol=1e-4)
    assert t.min() > 1.5 * np.pi - 1e-3 and t.max() < 4.5 * np.pi + 1e-3
    # Segments follow each other along the spiral, and rows are spread evenly over its length, not over its angle.
    ends = [(t[y == part].min(), t[y == part].max()) for part in range(10)]
    assert all(before[1] <= after[0] for before, after in pairwise(ends))
    assert np.bincount(y).min() > 240
    assert ends[0][1] - ends[0][0] > 1.5 * (ends[9][1] - ends[9][0])


def test_small_spheres_lie_inside_the_large_one() -> None:
    x, y = parts("spheres")
    np.testing.assert_allclose(np.linalg.norm(x[y == 10], axis=1), OUTER_RADIUS, rtol=1e-5)
    assert (y == 10).mean() == pytest.approx(0.5, abs=0.01)
    for number in range(10):
        rows = x[y == number].astype(np.float64)
        assert np.linalg.norm(rows, axis=1).max() < OUTER_RADIUS
        # All of a sphere are equally far from its centre, which their squares give by least squares.
        system = np.hstack([2 * rows, np.ones((len(rows), 1))])
        solved = np.linalg.lstsq(system, (rows**2).sum(1), rcond=None)[0]
        np.testing.assert_allclose(np.linalg.norm(rows - solved[:-1], axis=1), 5.0, rtol=1e-3)


def test_clusters_are_nested() -> None:
    x, y = parts("nested-clusters")
    centre = np.stack([x[y == label].mean(0) for label in range(45)])
    far = np.linalg.norm(centre[:, None] - centre, axis=-1)
    family, group = np.arange(45) // 3, np.arange(45) // 9
    kin = (family[:, None] == family) & ~np.eye(45, dtype=bool)
    cousins = (group[:, None] == group) & (family[:, None] != family)
    strangers = group[:, None] != group
    assert far[kin].max() < far[cousins].min()
    assert far[cousins].max() < far[strangers].min()
    assert manifold("nested-clusters", 300).classes[3 * 3 + 1] == "1.0.1"  # type: ignore[index]


def test_branches_are_straight_and_hang_together() -> None:
    x, y = parts("tree", 5000)
    for branch in range(10):
        spectrum = np.linalg.svd(x[y == branch] - x[y == branch].mean(0), compute_uv=False)
        assert spectrum[0] > 10 * spectrum[1]
    # Every branch comes near some other, so that the whole is connected.
    for branch in range(10):
        nearest = torch.cdist(torch.from_numpy(x[y == branch]), torch.from_numpy(x[y != branch])).min()
        assert float(nearest) < 2.5


def test_other_shapes_and_too_few_rows_are_refused() -> None:
    with pytest.raises(InputError, match="unknown shape 'swiss-rol': did you mean 'swiss-roll'"):
        manifold("swiss-rol", 500)
    with pytest.raises(InputError, match="tree with 50 rows: give 200 or more"):
        manifold("tree", 50)
