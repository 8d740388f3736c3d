from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphurl.plots
from tests.cli.conftest import Call, table

PNG = b"\x89PNG"


@pytest.fixture
def run(call: Call, small: list[str], tmp_path: Path) -> Path:
    assert call(*small, "--out", "run", "-q").status == 0
    return tmp_path / "run"


def test_map_and_curves_are_drawn(call: Call, run: Path) -> None:
    done = call("plot", "run", "--png", "map.png", "--curves", "curves.svg")
    assert done == (0, "map.png\ncurves.svg\n", "")
    assert Path("map.png").read_bytes().startswith(PNG)
    assert "<svg" in Path("curves.svg").read_text()


def test_without_a_name_the_picture_of_the_run_is_drawn_again(call: Call, run: Path) -> None:
    (run / "plot.png").unlink()
    assert call("plot", "run").status == 0
    assert (run / "plot.png").read_bytes().startswith(PNG)


def test_the_labels_of_the_data_or_of_a_file_give_the_colours(
    call: Call, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(graphurl.plots, "draw", lambda name, given, *where: seen.append(given))
    Path("y.txt").write_text("\n".join("xyz"[number % 3] for number in range(40)))
    call("plot", "run")
    call("plot", "run", "--labels", "y.txt")
    assert [entry["classes"] for entry in seen] == [("a", "b"), ("x", "y", "z")]
    assert seen[0]["y"].tolist() == [number % 2 for number in range(40)]
    assert seen[0]["title"] == "rows"


def test_any_figure_is_drawn_by_its_name_on_any_paper(call: Call, run: Path) -> None:
    for figure in ("shepard", "similarity", "class-means", "curves"):
        assert call("plot", "run", "--figure", figure, "--theme", "dark") == (0, f"run/{figure}.png\n", "")
        assert (run / f"{figure}.png").read_bytes().startswith(PNG)
    assert call("plot", "run", "--figure", "map").out == "run/plot.png\n"


def test_maps_of_several_runs_stand_side_by_side(call: Call, run: Path, small: list[str]) -> None:
    assert call(*small, "--nu-z", "0.5", "--out", "other", "-q").status == 0
    assert call("plot", "run", "other", "--figure", "maps", "--png", "m.svg") == (0, "m.svg\n", "")
    assert "<svg" in Path("m.svg").read_text()


def test_a_file_of_embeddings_is_drawn(call: Call) -> None:
    np.save("z.npy", table()[:, :3])
    assert call("plot", "z.npy", "--png", "z.pdf").status == 0
    assert Path("z.pdf").read_bytes().startswith(b"%PDF")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["run", "--png", "map.xyz"], "give a file ending in .png"),
        (["run", "--png", "below/map.png"], "does not exist: create it first"),
        (["nowhere"], "is no run folder"),
        (["run", "--figure", "neighbors"], "needs the pictures"),
        (["run", "--figure", "shepherd"], "did you mean 'shepard'"),
        (["run", "--figure", "maps"], "say where the picture goes with --png"),
        (["run", "run"], "is of one run, 2 are given: take --figure maps"),
        (["run", "z.npy", "--figure", "maps", "--png", "m.png"], "differ (run: 40, z.npy: 39)"),
        (["z.npy"], "--png FILE"),
        (["z.npy", "--png", "z.png", "--curves", "c.png"], "metrics.jsonl cannot be read"),
    ],
)
def test_bad_input_is_one_line(call: Call, run: Path, arguments: list[str], message: str) -> None:
    np.save("z.npy", table()[1:, :2])
    status, out, err = call("plot", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
