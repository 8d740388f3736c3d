from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from PIL import Image

from graphurl.errors import InputError
from graphurl.plots import scatter
from graphurl.plots.colors import class_colors
from graphurl.plots.layout import drawable_edges, lay_out


def blobs(n: int = 300, dim: int = 2, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    y = np.arange(n) % classes
    return 6 * generator.normal(size=(classes, dim))[y] + generator.normal(size=(n, dim)), y


def dots(figure: Figure) -> int:
    found = [part for part in figure.axes[0].collections if isinstance(part, PathCollection)]
    return sum(len(np.asarray(part.get_offsets())) for part in found)


def words(figure: Figure) -> set[str]:
    return {text.get_text() for text in figure.axes[0].texts}


def caption(figure: Figure) -> str:
    return figure.axes[0].get_xlabel()


CASES = {
    "classes": {"y": blobs()[1]},
    "names": {"y": blobs()[1], "classes": ["first class", "second", "third", "fourth"]},
    "text labels": {"y": [f"name {i}" for i in blobs()[1]]},
    "unlabelled": {},
    "unknown": {"y": blobs()[1] - 1},
    "continuous": {"y": np.linspace(0, 1, 300)},
    "continuous with holes": {"y": np.where(np.arange(300) % 7, np.linspace(0, 1, 300), np.nan)},
    "many classes": {"y": np.arange(300) % 60},
    "edges": {"edges": (np.arange(299), np.arange(1, 300))},
}


@pytest.mark.parametrize("case", CASES)
def test_a_picture_of_the_expected_size(case: str, tmp_path: Path, rng_untouched: None) -> None:
    z, _ = blobs()
    before = z.copy()
    path = tmp_path / "new" / "map.png"
    figure = scatter(z, title="a title", path=path, **CASES[case])
    assert path.stat().st_size > 5000
    with Image.open(path) as picture:
        assert picture.size == (1200, 1050)
    assert dots(figure) == 300
    assert np.array_equal(z, before)


def test_pyplot_and_settings_are_left_alone(tmp_path: Path) -> None:
    code = (
        "import sys, graphurl.plots, numpy as np\n"
        "assert 'matplotlib' not in sys.modules\n"
        "import matplotlib; before = dict(matplotlib.rcParams)\n"
        "z = np.random.default_rng(0).normal(size=(50, 2))\n"
        "graphurl.plots.scatter(z, np.arange(50) % 3, path=sys.argv[1])\n"
        "graphurl.plots.curves([{'loss': 1.0}, {'loss': 0.5}])\n"
        "assert dict(matplotlib.rcParams) == before\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "a.png")], capture_output=True, text=True
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_same_picture_twice(tmp_path: Path) -> None:
    z, y = blobs()
    for name in "ab":
        scatter(z, y, path=tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_rows_that_are_not_finite_are_dropped_and_counted() -> None:
    z, y = blobs()
    z[[3, 7]], z[9, 0] = np.nan, np.inf
    figure = scatter(z, y)
    assert dots(figure) == 297
    assert caption(figure) == "297 points · 3 left out: not finite"


def test_short_names_lie_on_clusters_and_long_ones_beside() -> None:
    z, y = blobs()
    assert words(scatter(z, y)) == {"0", "1", "2", "3"}
    figure = scatter(z, y, classes=["long name", "b", "c", "d"])
    assert words(figure) == set()
    legend = figure.axes[0].get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["long name", "b", "c", "d"]
    assert words(scatter(z, y, names="none")) == set()
    assert scatter(z, y, names="none").axes[0].get_legend() is None
    mixed = scatter(np.random.default_rng(0).normal(size=(3000, 2)), np.arange(3000) % 10)
    assert mixed.axes[0].get_legend() is not None


def test_the_name_lies_on_the_median_of_its_class() -> None:
    z, y = blobs()
    at = {text.get_text(): text.get_position() for text in scatter(z, y).axes[0].texts}
    for label in range(4):
        assert at[str(label)] == pytest.approx(tuple(np.median(z[y == label], axis=0)))


def test_a_class_keeps_its_colour_where_others_are_absent() -> None:
    z, y = blobs()
    names = ["a", "b", "c", "d"]
    part = scatter(z[y == 2], y[y == 2], classes=names).axes[0].collections[0]
    assert isinstance(part, PathCollection)
    assert np.asarray(part.get_facecolor())[0, :3] == pytest.approx(class_colors(4)[2])


def test_every_point_wears_the_colour_of_its_class() -> None:
    z, y = blobs()
    part = scatter(z, y).axes[0].collections[0]
    assert isinstance(part, PathCollection)
    drawn = {tuple(row): color for row, color in zip(part.get_offsets(), part.get_facecolor(), strict=True)}
    for row, label in zip(z, y, strict=True):
        assert drawn[tuple(row)][:3] == pytest.approx(class_colors(4)[label])


def test_more_than_twenty_classes_are_counted_only() -> None:
    figure = scatter(blobs()[0], np.arange(300) % 60)
    assert words(figure) == set()
    assert "60 classes" in caption(figure)


@pytest.mark.parametrize("labels", ["none", "classes", "values"])
def test_many_points_become_a_density(labels: str, tmp_path: Path) -> None:
    z, y = blobs(100_000)
    values = {"none": None, "classes": y, "values": z[:, 0]}[labels]
    figure = scatter(z.astype(np.float32), values, path=tmp_path / "map.png")
    assert dots(figure) == 0
    assert len(figure.axes[0].images) == 1
    assert (tmp_path / "map.png").stat().st_size > 5000
    assert len(figure.axes) == (2 if labels == "values" else 1)


def test_density_lies_where_the_points_lie() -> None:
    z, y = blobs(60_000)
    image = scatter(z, y, names="none").axes[0].images[0]
    left, right, bottom, top = image.get_extent()
    alpha = np.asarray(image.get_array())[..., 3]
    cols = ((z[:, 0] - left) / (right - left) * alpha.shape[1]).astype(int)
    rows = ((z[:, 1] - bottom) / (top - bottom) * alpha.shape[0]).astype(int)
    assert image.origin == "lower"
    # Every point lies in a filled cell, and every filled cell has a point, up to rounding at a border.
    assert np.mean(alpha[rows, cols] > 0) > 0.999
    assert (alpha > 0).sum() == pytest.approx(len(np.unique(rows * alpha.shape[1] + cols)), rel=1e-3)


def test_more_dimensions_are_projected_and_said_so() -> None:
    z, y = blobs(dim=9)
    figure = scatter(torch.tensor(z), torch.tensor(y))
    axes = figure.axes[0]
    assert axes.get_xlabel().startswith("PCA 1 of 9 dimensions (")
    assert axes.get_ylabel().startswith("PCA 2 of 9 dimensions (")
    centred = z - z.mean(0)
    _, s, vt = np.linalg.svd(centred, full_matrices=False)
    assert np.abs(lay_out(z).points) == pytest.approx(np.abs(centred @ vt[:2].T))
    assert f"({s[0] ** 2 / (s**2).sum():.0%})" in axes.get_xlabel()


def test_one_dimension_becomes_a_strip_per_class() -> None:
    z, y = blobs(dim=1)
    points = lay_out(z, y).points
    assert np.array_equal(points[:, 0], z[:, 0])
    assert np.array_equal(np.round(points[:, 1]), y)
    assert caption(scatter(z[:, 0], y)).startswith("z\n")
    assert dots(scatter(z[:, 0])) == 300


def test_edges_are_single_capped_and_between_drawn_points() -> None:
    kept = np.array([True, True, False, True])
    pairs, total = drawable_edges((torch.tensor([0, 1, 0, 3, 3]), torch.tensor([1, 0, 2, 3, 0])), kept)
    assert (pairs.tolist(), total) == ([[0, 1], [0, 2]], 2)
    generator = np.random.default_rng(0)
    figure = scatter(generator.normal(size=(3000, 2)), edges=generator.integers(0, 3000, (2, 50_000)))
    (lines,) = (part for part in figure.axes[0].collections if isinstance(part, LineCollection))
    assert len(lines.get_segments()) == 20_000
    assert "20,000 of " in caption(figure)
    assert len(drawable_edges(np.empty((2, 0), int), kept)[0]) == 0


def test_odd_embeddings_can_be_drawn() -> None:
    scatter(np.zeros((10, 2)), np.arange(10))
    scatter(np.zeros((10, 5)))
    scatter(np.zeros((1, 2)), [0])
    scatter(np.ones((3, 1)), [-1, -1, -1])
    scatter([[0, 1], [2, 3]], ["a", "b"])
    scatter(np.zeros((60_000, 2)), np.full(60_000, np.nan))


def test_wrong_calls_say_why() -> None:
    z, y = blobs()
    with pytest.raises(InputError, match="none of the 2 rows of z is finite"):
        scatter(np.full((2, 2), np.nan))
    with pytest.raises(InputError, match="one value per point"):
        scatter(z, y[:3])
    with pytest.raises(InputError, match="edges name rows outside 0 to 299"):
        scatter(z, edges=([0], [300]))
    with pytest.raises(InputError, match="names='top': choose one of"):
        scatter(z, y, names="top")
    with pytest.raises(InputError, match="z has shape"):
        scatter(np.zeros((3, 2, 2)))


def test_colours_differ_from_each_other_and_from_white() -> None:
    for count in (1, 10, 20, 60):
        colors = class_colors(count)
        assert colors.shape == (count, 3)
        assert len(np.unique(colors.round(3), axis=0)) == count
        assert colors.mean(1).max() < 0.9
