"""Figures by name, of what a run has; maps side by side."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.collections import PathCollection

from graphurl import registry
from graphurl.data.samples import Samples
from graphurl.data.stacks import Stack
from graphurl.errors import InputError
from graphurl.plots import draw, maps
from graphurl.plots.figures import differing, known, lacking
from graphurl.recipes import PictureRecipe, Recipe
from graphurl.similarity import Similarity

Z = np.random.default_rng(0).normal(size=(30, 2)).astype(np.float32)


def samples(**more: object) -> Samples:
    parts = {"x": torch.rand(30, 16, generator=torch.Generator().manual_seed(0)), "y": torch.arange(30) % 3,
             "shape": (1, 4, 4), **more}  # fmt: skip
    return Samples(name="small", **parts)


def test_a_run_has_what_its_figures_need() -> None:
    full = known(Z, samples(), Recipe(task="dr", nu_z=2.0), [{"epoch": 1, "loss": 1.0}], "t")
    possible = [name for name in registry.names("figures") if not lacking(name, full)]
    assert possible == ["map", "curves", "shepard", "similarity", "class-means", "neighbors"]
    for name in possible:
        assert draw(name, full, theme="dark").axes
    assert (full["metric_z"], full["similarity"].nu) == ("euclidean", 2.0)
    nodes = known(np.tile(Z, 4), samples(y=None, shape=None), Recipe(task="ge"))
    assert [name for name in registry.names("figures") if not lacking(name, nodes)] == ["map"]
    assert (nodes["metric_z"], nodes["similarity"]) == ("cosine", None)
    pictures = known(Z, samples(), PictureRecipe())
    assert lacking("views", pictures) == []


def test_what_is_missing_is_named() -> None:
    bare = known(Z)
    with pytest.raises(InputError, match="the figure class-means needs labels, which are not there"):
        draw("class-means", bare)
    with pytest.raises(InputError, match="unknown figure 'shepherd': did you mean 'shepard'"):
        draw("shepherd", bare)
    assert lacking("maps", bare) == ["several runs"]


def test_maps_stand_in_their_order_with_their_points() -> None:
    y = np.arange(30) % 3
    figure = maps({"a": Z, "b": 10 * Z, "c": np.where(Z > 1.5, np.nan, Z)}, y, ["x", "y", "z"], title="t")
    panels = [axes for axes in figure.axes if axes.get_visible()]
    assert [panel.get_title() for panel in panels] == ["a", "b", "c"]
    drawn = [np.asarray(part.get_offsets()) for panel in panels for part in panel.collections
             if isinstance(part, PathCollection)]  # fmt: skip
    assert sorted(map(tuple, drawn[1])) == sorted(map(tuple, (10 * Z).astype(float)))
    assert len(drawn[2]) == (Z <= 1.5).all(1).sum()
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["x", "y", "z"]
    assert len([axes for axes in maps({str(i): Z for i in range(6)}).axes if axes.get_visible()]) == 6


def test_maps_of_different_rows_are_refused() -> None:
    with pytest.raises(InputError, match="of the same rows, these differ \\(a: 30, b: 29\\)"):
        maps({"a": Z, "b": Z[1:]})
    with pytest.raises(InputError, match="no embedding to draw"):
        maps({})


def test_runs_are_headed_by_the_one_setting_in_which_they_differ() -> None:
    runs = {"first": Recipe(nu_z=5.0), "second": Recipe(nu_z=0.5)}
    assert list(differing(runs).items()) == [("second", "nu_z = 0.5"), ("first", "nu_z = 5")]
    assert list(differing({"b": Recipe(loss="kl"), "a": Recipe(loss="bce")}).values()) == ["loss = kl", "loss = bce"]
    two = {"first": Recipe(nu_z=5.0), "second": Recipe(nu_z=0.5, seed=1)}
    assert differing(two) == {"first": "first", "second": "second"}
    same = {"first": Recipe(nu_z=5.0), "second": Recipe(nu_z=0.5), "third": Recipe(nu_z=0.5)}
    assert differing(same) == {name: name for name in same}


RUBBISH = {
    "one row": (Z[:1], np.zeros(1)),
    "one column": (Z[:, :1], np.arange(30) % 3),
    "no columns but one": (Z[:, 0], np.arange(30) % 3),
    "some rows not finite": (np.where(Z > 1, np.nan, Z), np.arange(30) % 3),
    "no row finite": (np.full((30, 2), np.nan), np.arange(30) % 3),
    "all rows equal": (np.ones((30, 2)), np.arange(30) % 3),
    "all rows zero": (np.zeros((30, 2)), np.arange(30) % 3),
    "no known class": (Z, np.full(30, -1)),
    "one class": (Z, np.zeros(30)),
    "a class a row": (Z, np.arange(30)),
    "fractions": (Z, np.linspace(0, 1, 30)),
    "huge numbers": (Z.astype(float) * 1e150, np.arange(30) % 3),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", RUBBISH)
@pytest.mark.parametrize("figure", [name for name in registry.names("figures") if name not in ("curves", "views")])
def test_every_figure_draws_rubbish_or_says_why_not(case: str, figure: str, tmp_path: Path) -> None:
    z, y = RUBBISH[case]
    for metric in ("euclidean", "cosine"):
        given = {
            "z": z, "y": y, "x": np.random.default_rng(1).normal(size=(len(z), 4)), "metric_z": metric,
            "images": Stack(np.zeros((len(z), 1, 4, 4), np.uint8)), "embeddings": {"a": z, "b": z},
            "similarity": Similarity(nu=1.0) if metric == "euclidean" else None,
        }  # fmt: skip
        # Any other error fails the test.
        with contextlib.suppress(InputError):
            assert draw(figure, given, tmp_path / "f.png").axes
