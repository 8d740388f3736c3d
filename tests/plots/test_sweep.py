"""A number over the values of a setting."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from graphurl.errors import InputError
from graphurl.plots import sweep


def test_means_are_joined_and_every_seed_is_a_dot(tmp_path: Path, rng_untouched: None) -> None:
    path = tmp_path / "nu.png"
    figure = sweep({10.0: [70, 74], 0.1: [60.0], 1.0: []}, "nu", "accuracy", title="cora", path=path)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title(loc="left")) == ("nu", "accuracy", "cora")
    *dots, line = axes.lines
    assert [list(map(float, dot.get_ydata())) for dot in dots] == [[60], [70, 74]]
    assert list(line.get_xdata()) == [0.1, 10]
    assert list(line.get_ydata()) == [60, 72]
    with Image.open(path) as picture:
        assert picture.size == (900, 600)


def test_nothing_and_what_has_no_logarithm_are_refused() -> None:
    with pytest.raises(InputError, match="nothing was measured for any nu"):
        sweep({1.0: []}, "nu", "accuracy")
    with pytest.raises(InputError, match="nu is 0: the axis is logarithmic"):
        sweep({0.0: [1.0]}, "nu", "accuracy")
