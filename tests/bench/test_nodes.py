"""The table of node embeddings: rows, vectors, and what is kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import graphurl
from graphurl import registry
from graphurl.bench.nodes import GROUPS, ROWS, Row, peers
from graphurl.bench.nodetable import by_split, gains, markdown, seeds, untrained
from graphurl.bench.peers import loaded
from graphurl.bench.vectors import NodeBench, Task, measured, vectors
from graphurl.cli import main
from graphurl.data import load
from graphurl.errors import InputError, RunError

METHOD = """
import torch

from . import scale

NAME = "Twice"


def embed(x, edge_index, *, seed, data=""):
    assert data == "toy-citation"
    sums = torch.zeros_like(x).index_add_(0, edge_index[1], x[edge_index[0]])
    return scale.FACTOR * sums + seed
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / f"methods_{tmp_path.parent.name}_{tmp_path.name}".replace("-", "_")  # modules are kept by name
    made.mkdir()
    (made / "twice.py").write_text(METHOD)
    (made / "scale.py").write_text("FACTOR = 2.0\n")
    return made


def test_every_row_has_a_group_and_values_and_its_own_name() -> None:
    assert {row.group for row in ROWS} == set(GROUPS)
    assert len({row.name for row in ROWS}) == len(ROWS)
    for row in ROWS:
        recipe = row.recipe(7)
        assert recipe.seed == 7
        assert all(getattr(recipe, key) == value for key, value in row.changes.items())


@pytest.mark.slow
def test_a_filter_is_the_formula() -> None:
    samples = load("toy-citation")
    assert samples.x is not None and samples.graph is not None
    row = Row("smooth", "filter", changes={"message": "citation", "features": "l2", "hops": 3})
    x = samples.x.to_dense() if samples.x.layout != torch.strided else samples.x
    x = torch.nn.functional.normalize(x, dim=1).double()
    adjacency = torch.zeros(len(x), len(x), dtype=torch.float64)
    adjacency[samples.graph.rows, samples.graph.col] = 1
    adjacency = torch.maximum(adjacency, adjacency.T) + torch.eye(len(x))
    scale = adjacency.sum(1).rsqrt()
    s = scale[:, None] * adjacency * scale
    wanted = 0.05 * x + (s @ x + s @ s @ x + s @ s @ s @ x) / 3
    torch.testing.assert_close(vectors(row, samples, 0).double(), wanted, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_recipe_is_what_embed_gives() -> None:
    changes = {"epochs": 1, "dim": 8}
    found = vectors(Row("nodes", changes=changes), load("toy-citation"), 3)
    assert np.array_equal(found.numpy(), graphurl.embed("toy-citation", seed=3, **changes).z)  # type: ignore[arg-type]


def test_a_method_of_a_folder_sees_both_directions_and_its_neighbours(folder: Path) -> None:
    (row,) = peers(folder)
    assert (row.name, row.kind) == ("Twice", "peer")
    samples = load("toy-citation")
    assert samples.x is not None and samples.graph is not None
    both = samples.graph.symmetrise("max").without_self_loops()
    x = samples.x.to_dense() if samples.x.layout != torch.strided else samples.x
    sums = torch.zeros_like(x).index_add_(0, both.col, x[both.rows])
    torch.testing.assert_close(vectors(row, samples, 1), 2 * sums + 1)
    assert loaded(folder / "twice.py") is loaded(folder / "twice.py")


def test_a_folder_without_methods_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        peers(tmp_path / "none")
    (tmp_path / "a.py").write_text("x = 1\n")
    with pytest.raises(InputError, match="no file there has a function embed"):
        peers(tmp_path)


def test_a_name_that_stands_for_another_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "json.py").write_text("NAME = 'json'\n")
    with pytest.raises(InputError, match="json.py: its name stands for .*rename"):
        loaded(tmp_path / "json.py")
    (tmp_path / "own_method_here.py").write_text("NAME = 'own'\n")
    assert loaded(tmp_path / "own_method_here.py").NAME == "own"


def test_a_measurement_has_accuracy_time_and_memory() -> None:
    row = Row("smooth", "filter", changes={"hops": 2, "features": "l2", "message": "citation"})
    found = measured(Task(row, 0, "toy-citation", splits=3))
    assert 50 < found["test"] <= 100
    assert len(found["splits"]) == 3
    assert found["split_mean"] == pytest.approx(np.mean(found["splits"]))
    assert found["memory"] > 1e7 and found["wall"] > 0 and found["dim"] == load("toy-citation").x.shape[1]  # type: ignore[union-attr]
    assert "splits" not in measured(Task(row, 0, "toy-citation", splits=0))
    with pytest.raises(InputError, match="graph with labels"):
        measured(Task(row, 0, "digits"))


def test_another_value_or_other_code_is_another_file(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row, (peer,) = Row("a"), peers(folder)
    bench = NodeBench(tmp_path, "toy-citation")
    first = [bench.path(row, 0), bench.path(peer, 0)]
    assert [len(bench.repeats(each, range(3))) for each in (row, peer, Row("a", "filter"))] == [3, 3, 1]
    assert first == [NodeBench(tmp_path, "toy-citation").path(row, 0), bench.path(peer, 0)]
    others = {
        bench.path(row, 1), bench.path(peer, 1), bench.path(Row("a", changes={"lr": 1.0}), 0),
        bench.path(Row("a", "filter"), 0), NodeBench(tmp_path, "toy-citation", splits=3).path(row, 0),
        NodeBench(tmp_path, "cora").path(row, 0),
    }  # fmt: skip
    (folder / "scale.py").write_text("FACTOR = 3.0\n")
    others.add(bench.path(peer, 0))
    monkeypatch.setattr("graphurl.recipes.nodes.NODES", registry.resolve("recipes", "nodes").but(lr=0.5))
    others.add(bench.path(row, 0))
    assert len(others - set(first)) == 8


def test_the_code_of_another_method_makes_nothing_stale(tmp_path: Path, folder: Path) -> None:
    (peer,) = peers(folder)
    bench = NodeBench(tmp_path, "toy-citation")
    first = bench.path(peer, 0)
    (folder / "other.py").write_text(METHOD.replace("Twice", "Other"))
    assert bench.path(peer, 0) == first
    (folder / "other.py").write_text("FACTOR = 1.0\n")
    shared = bench.path(peer, 0)
    (folder / "twice.py").write_text(METHOD + "# changed\n")
    assert len({first, shared, bench.path(peer, 0)}) == 3


def runs(*test: float, splits: tuple[float, ...] = (80, 82, 84)) -> list[dict[str, Any]]:
    return [
        {"test": value, "val": value, "split_mean": sum(splits) / 3, "splits": list(splits), "dim": 8, "cpu": 2.0,
         "memory": 2**30} for value in test
    ]  # fmt: skip


def test_the_tables_show_all_seeds_and_what_training_adds() -> None:
    plain, worse, trained = Row("plain", "filter"), Row("start", changes={"epochs": 0}), Row("trained")
    assert [untrained(row) for row in (plain, worse, trained)] == [True, True, False]
    rows = [worse, plain, trained]
    measured = {
        "start": runs(70, splits=(70, 70, 70)), "plain": runs(81),
        "trained": [*runs(83, splits=(81, 84, 84)), *runs(85, splits=(83, 84, 86))],
    }  # fmt: skip
    text = markdown(rows, measured)
    assert "| trained | 84.0 ± 1.4 | 84.0 ± 1.4 | 83.7 ± 0.9 | 8 | 2.0 | 1.00 | 2 |" in text
    assert "trained: 83.0 85.0" in seeds(rows, measured)
    assert by_split(measured["trained"]) == [82, 84, 85]
    assert "gain over plain" in gains(rows, measured)
    assert "| trained | +1.67 |" in gains(rows, measured)
    assert gains([trained], measured) == ""


@pytest.mark.slow
def test_the_command_measures_once_and_goes_on(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    call = ["bench", "nodes", "--data", "toy-citation", "--out", str(tmp_path / "out"), "--splits", "2"]
    call += ["--peers", str(folder), "--rows", "raw features", "Twice", "--seeds", "1"]
    assert main(call) == 0
    first = capsys.readouterr()
    assert "| raw features |" in first.out and "| Twice |" in first.out
    assert first.err.count("CPU s") == 2
    assert main(call) == 0
    second = capsys.readouterr()
    assert (second.out, second.err) == (first.out, "")
    assert (tmp_path / "out" / "toy-citation" / "main.md").read_text() == first.out
    assert main([*call, "--group", "some"]) == 2
    assert "main" in capsys.readouterr().err


def test_a_line_that_diverges_is_left_out_and_the_table_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(self: NodeBench, row: Row, seed: int) -> dict[str, Any]:
        if row.name.startswith("infonce knn"):
            raise RunError("the loss became nan: lower lr")
        return runs(70 + seed)[0]

    monkeypatch.setattr(NodeBench, "run", run)
    call = ["bench", "nodes", "--data", "toy-citation", "--group", "losses", "--seeds", "2", "--out", str(tmp_path)]
    assert main(call) == 0
    out, err = capsys.readouterr()
    assert err.count("infonce knn static is left out: the loss became nan") == 1
    assert "\ninfonce knn static is left out: the loss became nan: lower lr\ninfonce knn dynamic is left out" in out
    assert "| infonce knn static |" not in out and "| infonce citation static | 70.5 ± 0.7 |" in out
    assert (tmp_path / "toy-citation" / "losses.md").read_text() == out
    assert main([*call, "--table"]) == 0
    assert capsys.readouterr() == (out, "")


def test_a_method_that_fails_or_is_not_there_is_a_failed_run(tmp_path: Path) -> None:
    lines = {"raise ValueError('odd')": "ValueError: odd", "import no_such": "no_such is not installed: pip install"}
    for number, (line, said) in enumerate(lines.items()):
        path = tmp_path / f"failing_method_{number}.py"
        path.write_text(f"NAME = 'failing'\n\n\ndef embed(x, edge_index, *, seed, data):\n    {line}\n")
        with pytest.raises(RunError, match=said):
            measured(Task(Row("failing", "peer", file=path), 0, "toy-citation"))


def test_the_figure_over_nu_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphurl.bench.vectors.NodeBench.run", lambda self, row, seed: runs(70 + seed)[0])
    call = ["bench", "nodes", "--data", "toy-citation", "--group", "nu", "--seeds", "2", "--out", str(tmp_path)]
    assert main(call) == 0
    assert (tmp_path / "toy-citation" / "nu.png").stat().st_size > 5000
    assert "| nu_z 0.01 | 70.5 ± 0.7 |" in (tmp_path / "toy-citation" / "nu.md").read_text()
