"""Names on clusters: none lies on another."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphurl.plots import scatter
from graphurl.plots.names import apart

LOW, HIGH = np.zeros(2), np.full(2, 1000.0)


def overlaps(centres: np.ndarray, sizes: np.ndarray) -> int:
    gaps = np.abs(centres[:, None] - centres)
    both = (gaps < (sizes[:, None] + sizes) / 2 - 1e-3).all(axis=2)
    return int(np.triu(both, 1).sum())


@given(st.integers(0, 2**31), st.integers(1, 12))
def test_boxes_come_apart_and_stay_in_their_room(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    centres = generator.uniform(100, 900, (count, 2))
    sizes = generator.uniform((20, 15), (120, 30), (count, 2))
    moved = apart(centres, sizes, LOW, HIGH)
    assert overlaps(moved, sizes) == 0
    assert (moved - sizes / 2 >= -1e-3).all() and (moved + sizes / 2 <= 1000 + 1e-3).all()


def test_boxes_that_touch_nothing_stay_and_equal_ones_part() -> None:
    centres = np.array([[100.0, 100], [500, 500], [500, 500]])
    sizes = np.full((3, 2), 20.0)
    moved = apart(centres, sizes, LOW, HIGH)
    assert moved[0].tolist() == [100, 100]
    assert overlaps(moved, sizes) == 0
    assert np.abs(moved[1:] - 500).max() <= 11
    assert apart(np.zeros((0, 2)), np.zeros((0, 2)), LOW, HIGH).shape == (0, 2)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_long_names_on_near_clusters_do_not_lie_on_each_other(theme: str) -> None:
    generator = np.random.default_rng(0)
    y = np.arange(400) % 8
    z = 0.4 * np.stack([np.cos(y), np.sin(y)], 1) + 0.05 * generator.normal(size=(400, 2))
    z[0] = (5, 5)
    names = [f"a rather long name {label}" for label in range(8)]
    figure = scatter(z, y, classes=names, names="labels", theme=theme)
    figure.canvas.draw()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    centres = np.array([[(box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2] for box in boxes])
    assert [text.get_text() for text in figure.axes[0].texts] == names
    assert overlaps(centres, np.array([[box.width, box.height] for box in boxes])) == 0
    assert len(figure.axes[0].lines) > 0, "a line leads from a name that went far to its class"
