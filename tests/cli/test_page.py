from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Call, table
from tests.plots.page.reader import arrays, contents


@pytest.fixture
def run(call: Call, small: list[str], tmp_path: Path) -> Path:
    assert call(*small, "--out", "run", "-q").status == 0
    return tmp_path / "run"


def test_a_run_becomes_a_page_with_all_that_is_known(call: Call, run: Path) -> None:
    Path("more.csv").write_text("id,age\ns3,7.5\ns1,2\n")
    done = call("plot", "run", "--html", "run.html", "--columns", "more.csv")
    assert done.status == 0 and done.err == "" and done.out.startswith("run.html (")
    said, held = contents(Path("run.html")), arrays(Path("run.html"))
    names = [column["name"] for column in said["columns"]]
    assert names == ["label", "age", "local trustworthiness", "local continuity", "misfit of edges"]
    assert said["ids"] == [f"s{i}" for i in range(40)] and said["title"] == "rows"
    assert said["edges"]["sources"] == ["knn"]
    assert [space["name"] for space in said["near"]] == ["original", "embedded"]
    expected = np.full(40, np.nan)
    expected[[1, 3]] = 2, 7.5
    np.testing.assert_array_equal(held["column-1"], expected.astype(np.float32))
    assert any(note.startswith("p_Z: ") for note in said["notes"])


def test_a_run_without_its_data_still_has_a_page(call: Call, run: Path, rows: Path) -> None:
    rows.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert call("plot", "run", "--html", "run.html").status == 0
    said = contents(Path("run.html"))
    assert said["ids"] == [f"s{i}" for i in range(40)]
    assert [space["name"] for space in said["near"]] == ["embedded"]
    assert said["edges"]["sources"] == ["knn"]


def test_a_file_of_embeddings_becomes_a_page(call: Call) -> None:
    np.save("z.npy", table()[:, :3])
    Path("y.txt").write_text("\n".join("xy"[number % 2] for number in range(40)))
    assert call("plot", "z.npy", "--html", "z.html", "--labels", "y.txt", "-q") == (0, "", "")
    assert contents(Path("z.html"))["columns"][0]["names"] == ["x", "y"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--html", "p.png"], "give a file ending in .html or .htm"),
        (["--html", "below/p.html"], "does not exist: create it first"),
        (["--html", "p.html", "--columns", "no.csv"], "no such table"),
        (["--html", "p.html", "--png", "p.png"], "draw one after the other"),
        (["--columns", "no.csv"], "--columns belongs to --html"),
    ],
)
def test_bad_input_is_one_line(call: Call, arguments: list[str], message: str) -> None:
    np.save("z.npy", table()[:, :2])
    status, out, err = call("plot", "z.npy", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
