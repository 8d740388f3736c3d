"""graphurl report: finished, unfinished and broken runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from graphurl.cli.report import nearest_recipe
from graphurl.plots.report import drawings
from graphurl.recipes import Recipe
from graphurl.recipes.maps import MAP
from tests.cli.conftest import Call
from tests.plots.report.test_report import read


@pytest.fixture
def run(call: Call, small: list[str], tmp_path: Path) -> Path:
    assert call(*small, "--out", "run", "-q").status == 0
    return tmp_path / "run"


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaves the drawing of figures out, which takes the time of a report."""
    monkeypatch.setattr(drawings, "draw", lambda name, given, theme: name)
    monkeypatch.setattr(drawings, "_encoded", lambda figure: f"data:,{figure}")


def words_of(path: str) -> str:
    return " ".join(read(Path(path).read_text(encoding="utf-8")).text)


def test_a_run_becomes_a_page_with_its_metrics(call: Call, run: Path) -> None:
    assert call("report", "run", "--html", "r.html") == (0, "r.html\n", "")
    words, report = words_of("r.html"), json.loads((run / "report.json").read_text())
    for name, entry in report["metrics"].items():
        assert name.replace("_", " ") in words and f"{entry['value']:.4g}" in words and entry["protocol"] in words
    for told in ("rows · 40 samples · 5 features · 2 classes", "graphurl embed --config config.yaml", "hidden",
                 (run / "config.yaml").read_text().splitlines()[3], report["versions"]["torch"]):  # fmt: skip
        assert told in words


def test_runs_are_compared_as_compare_does(call: Call, run: Path, small: list[str], undrawn: None) -> None:
    for seed in (1, 2):
        assert call(*small, "--seed", seed, "--out", f"run-{seed}", "-q").status == 0
    for seed in (0, 1, 2):
        assert call(*small, "--seed", seed, "--loss", "mse", "--out", f"mse-{seed}", "-q").status == 0
    runs = ["run", "run-1", "run-2", "mse-0", "mse-1", "mse-2"]
    assert call("report", *runs, "--html", "r.html").status == 0
    words = words_of("r.html")
    cells = json.loads(call("compare", *runs, "--json").out)["methods"]
    assert set(cells) == {"run", "mse"}
    for row in cells.values():
        for cell in row.values():
            assert f"{cell['mean']:.4f} ± {cell['std']:.4f}" in words
    assert "3 seeds" in words and "maps" in Path("r.html").read_text()


def test_a_run_that_is_not_finished_is_told_as_one(call: Call, run: Path, undrawn: None) -> None:
    shutil.copytree(run, "half")
    values = json.loads((run / "report.json").read_text())
    kept = {key: value for key, value in values.items() if key not in ("metrics", "skipped")}
    Path("half/report.json").write_text(json.dumps({**kept, "status": "interrupted", "epochs": 1}))
    assert call("report", "half", "run", "--html", "r.html").status == 0
    assert "This run is interrupted after 1 epochs: it was not judged. Go on with --resume." in words_of("r.html")
    Path("half/report.json").unlink()
    assert call("report", "half", "--html", "r.html").status == 0
    assert "This run is unfinished: it was not judged." in words_of("r.html")


def test_a_run_whose_data_are_gone_keeps_its_map(call: Call, run: Path, rows: Path, undrawn: None) -> None:
    rows.unlink()
    done = call("report", "run", "--html", "r.html")
    assert done.status == 0 and "the data of the run are left out" in done.err
    assert "Its data could not be read any more" in words_of("r.html")


def test_bad_input_is_one_line(call: Call, run: Path) -> None:
    shutil.copytree(run, "torn")
    Path("torn/embedding.npy").write_bytes(b"no")
    shutil.copytree(run, "odd")
    Path("odd/report.json").write_text("{")
    Path("empty").mkdir()
    for arguments, message in (
        (["run", "--html", "r.pdf"], "give a file ending in .html"),
        (["run", "--html", "below/r.html"], "does not exist: create it first"),
        (["empty", "--html", "r.html"], "empty is no run folder (no config.yaml)"),
        (["nowhere", "--html", "r.html"], "nowhere is no run folder"),
        (["torn", "--html", "r.html"], "embedding.npy cannot be read"),
        (["odd", "--html", "r.html"], "report.json cannot be read"),
        (["run", "run", "--html", "r.html"], "are one method with one seed"),
        (["run"], "--html"),
    ):
        status, out, err = call("report", *arguments)
        assert (status, out, err.count("\n")) == (2, "", 1), arguments
        assert message in err
    assert not Path("r.html").exists()


def test_the_recipe_with_the_fewest_other_settings_is_named() -> None:
    assert nearest_recipe(MAP) == ("map", [])
    assert nearest_recipe(MAP.but(nu_z=3.0, seed=7)) == ("map", [("nu_z", "3", "1")])
    name, changed = nearest_recipe(Recipe(task="ge", encoder="mlp"))
    assert name.startswith("nodes") or name.startswith("genurl")
    assert all(here != there for _, here, there in changed)
