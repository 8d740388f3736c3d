"""The table of maps: its lines, its data, and the command."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from graphurl import registry
from graphurl.bench.maps import ABLATED, GROUPS, MAIN, Row, parted, peers, plain_rows, rows, samples_of
from graphurl.cli import main
from graphurl.data import Samples, load
from graphurl.errors import InputError

METHOD = """
import numpy as np

NAME = "First columns"


def embed(x, *, seed, threads, dim):
    return x[:, :dim] + seed, lambda new: new[:, :dim] + seed
"""
MISSING = METHOD.replace("First columns", "Missing").replace("import numpy", "import no_such_package")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / f"maps_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_")  # modules are kept by name
    made.mkdir()
    (made / "first.py").write_text(METHOD)
    (made / "missing.py").write_text(MISSING)
    return made


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measures in this process: starting one takes seconds, and is tested beside `fresh`."""
    monkeypatch.setattr("graphurl.bench.placing.fresh", lambda function, task, threads: function(task))


def test_a_line_has_its_values_and_the_default_follows_the_rows() -> None:
    few, many = samples_of("swiss-roll-1k"), samples_of("swiss-roll-30k")
    default = next(row for row in MAIN if row.name == "default")
    assert default.recipe(few, 3, 2).encoder == default.recipe(many, 3, 3).encoder == "landmarks"
    wide = registry.resolve("recipes", "map-vectors")
    assert default.recipe(few, 3, 10).columns == default.recipe(many, 3, 10).columns == wide.columns > 0
    network = Row("a", method="map-direct")
    assert (network.recipe(few, 3, 10).batch_size, network.recipe(many, 3, 10).batch_size) == (512, 1024)
    assert (default.recipe(few, 3, 5).seed, default.recipe(few, 3, 5).dim) == (3, 5)
    changed = Row("a", method="genurl-mnist", changes={"nu_z": 7.0}).recipe(few, 0, 2)
    assert (changed.loss, changed.nu_z) == ("bce", 7.0)


def test_the_ablation_changes_one_setting_of_the_datas_own_recipe() -> None:
    for name, method in (("coil-20", "genurl-coil-20"), ("mnist-10k", "genurl-mnist")):
        lines = rows("ablation", name)
        assert {row.method for row in lines} == {method}
        assert [len(row.changes) for row in lines] == [0] + [1] * sum(map(len, ABLATED.values()))
        assert len({row.name for row in lines}) == len(lines)
        samples = samples_of("swiss-roll-1k")
        for row in lines:
            assert all(getattr(row.recipe(samples, 0, 2), key) == value for key, value in row.changes.items())
    assert rows("main", "coil-20") == rows("scaling", "coil-20") == list(MAIN)
    assert GROUPS[0] == "main"


def test_a_number_of_thousands_generates_rows_or_takes_some() -> None:
    assert len(samples_of("tree-2k")) == 2000
    whole, part, again = load("digits"), samples_of("digits-1k"), samples_of("digits-1k")
    assert whole.x is not None and part.x is not None and again.x is not None
    assert len(part) == 1000 and torch.equal(part.x, again.x)
    assert part.ids is not None and part.y is not None and whole.y is not None
    numbers = torch.tensor([int(name) for name in part.ids])
    assert torch.equal(part.x, whole.x[numbers]) and torch.equal(part.y, whole.y[numbers])
    assert torch.bincount(part.y).min() > 80  # drawn from all of them, not the first
    assert numbers.max() > 1700
    assert samples_of("digits").splits == {}
    with pytest.raises(InputError, match="digits-2k: digits has 1,797 rows"):
        samples_of("digits-2k")
    with pytest.raises(InputError, match="unknown data set 'no-such'"):
        samples_of("no-such")
    with pytest.raises(InputError, match="karate has no features"):
        samples_of("karate")
    assert samples_of("toy-citation").graph is None
    sparse = Samples(name="words", x=torch.eye(3).to_sparse_csr())
    assert torch.equal(plain_rows(sparse).x, torch.eye(3))  # type: ignore[arg-type]


def test_held_out_rows_are_the_rest_and_always_the_same() -> None:
    samples = samples_of("digits")
    fitted, held = parted(samples, 300)
    assert held is not None and fitted.ids is not None and held.ids is not None
    assert len(held) == 300 and not set(fitted.ids) & set(held.ids)
    assert len(fitted) + len(held) == len(samples)
    assert parted(samples, 300)[1].ids == held.ids  # type: ignore[union-attr]
    assert parted(samples, 0) == (samples, None)
    with pytest.raises(InputError, match="--held-out 1797 of the 1,797 rows of digits"):
        parted(samples, 1797)


def test_methods_are_found_by_their_files(folder: Path, tmp_path: Path) -> None:
    assert [(row.name, row.kind) for row in peers(folder)] == [("First columns", "peer"), ("Missing", "peer")]
    with pytest.raises(InputError, match="no such folder"):
        peers(tmp_path / "none")
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(InputError, match="no file there has a function embed\\(x, \\*, seed, threads, dim\\)"):
        peers(tmp_path)


def test_the_command_measures_in_turn_once_and_leaves_out_what_is_missing(
    tmp_path: Path, folder: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    call = ["bench", "dr", "--data", "swiss-roll-1k", "--out", str(out), "--peers", str(folder), "--held-out", "100"]
    call += ["--rows", "pca", "First columns", "Missing", "--seeds", "2"]
    assert main(call) == 0
    first = capsys.readouterr()
    assert "swiss-roll-1k, 900 rows, 100 held out and placed, 2 dimensions, threads: 1" in first.out
    assert "| pca |" in first.out and "| First columns |" in first.out and "| Missing |" not in first.out
    assert "Trust held out" in first.out and "scikit-learn" in first.out
    said = [line.split() for line in first.err.splitlines() if "CPU s" in line]
    assert [(words[5], words[6]) for words in said] == [("0", "pca"), ("0", "First"), ("1", "pca"), ("1", "First")]
    assert first.err.count("Missing is left out: no_such_package is not installed: pip install no_such_package") == 1
    assert main([*call[:-1], "3", "--table"]) == 0
    assert capsys.readouterr() == (first.out, "")
    assert main([*call, "--quiet"]) == 0
    assert "CPU s" not in capsys.readouterr().err
    assert (out / "swiss-roll-1k" / "main.md").read_text() == first.out
    assert len(list((out / "swiss-roll-1k").glob("*.json"))) == 4


def test_the_growth_over_data_sets_is_told_at_the_end(
    tmp_path: Path, here: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["bench", "dr", "--group", "scaling", "--data", "tree-1k", "tree-2k", "--rows", "pca", "--seeds", "1"]
    assert main([*call, "--out", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "| CPU s | 1,000 rows | 2,000 rows | exponent |" in text
    line = next(line for line in text.splitlines() if line.startswith("| pca |"))
    assert line.split("|")[4:8] == ["  "] * 4  # no label is read: it would take longer than the fit
    assert (tmp_path / "scaling.md").read_text().startswith("2 dimensions, threads: 1")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--threads", "0"], "--threads is 0: give 1 or more"),
        (["--dim", "2", "0"], "--dim is 0: give 1 or more"),
        (["--held-out", "-1"], "--held-out is -1: give 0 or more"),
        (["--seeds", "0"], "--seeds is 0"),
        (["--group", "losses"], "unknown group 'losses'"),
        (["--data", "no-such"], "unknown data set 'no-such'"),
        (["--rows", "umap"], "unknown row 'umap'"),
        (["--peers", "no-such"], "--peers no-such: no such folder"),
    ],
)
def test_wrong_calls_are_told_in_a_line(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "dr", *words]) == 2
    assert said in capsys.readouterr().err
