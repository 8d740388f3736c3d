from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Call, table


@pytest.fixture
def run(call: Call, small: list[str], tmp_path: Path) -> Path:
    assert call(*small, "--out", "run", "-q").status == 0
    return tmp_path / "run"


def test_the_fitted_rows_get_their_embeddings_again(call: Call, run: Path, rows: Path) -> None:
    assert call("transform", "run", rows, "--out", "z.npy").out == "40 rows of 2 numbers in z.npy\n"
    np.testing.assert_allclose(np.load("z.npy"), np.load(run / "embedding.npy"), atol=1e-5)
    assert Path("z.ids.txt").read_text() == (run / "ids.txt").read_text()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_tables_carry_names_and_the_exact_numbers(call: Call, run: Path, rows: Path, suffix: str) -> None:
    assert call("transform", "run", rows, "--out", "z.npy").status == 0
    assert call("transform", "run", rows, "--out", f"z{suffix}").status == 0
    if suffix == ".csv":
        with Path("z.csv").open() as file:
            read = list(csv.DictReader(file))
        names, z = (
            [row["id"] for row in read],
            np.array([[row["z0"], row["z1"]] for row in read], dtype=np.float32),
        )
    else:
        from pyarrow import parquet

        found = parquet.read_table("z.parquet").to_pydict()
        names, z = found["id"], np.array([found["z0"], found["z1"]], dtype=np.float32).T
    assert names == [f"s{number}" for number in range(40)]
    assert np.array_equal(z, np.load("z.npy"))


def test_a_single_new_row_and_rows_without_names_are_placed(call: Call, run: Path) -> None:
    np.save("new.npy", table(1, seed=7))
    assert call("transform", "run", "new.npy", "--out", "z.npy").status == 0
    assert np.load("z.npy").shape == (1, 2)
    assert not Path("z.ids.txt").exists()


def test_named_columns_may_come_in_another_order(call: Call, run: Path) -> None:
    x = table(6, seed=3)
    for name, order in (("a.csv", range(5)), ("b.csv", [4, 2, 0, 1, 3])):
        lines = [",".join(f"f{column}" for column in order)]
        lines += [",".join(str(float(row[column])) for column in order) for row in x]
        Path(name).write_text("\n".join(lines) + "\n")
        assert call("transform", "run", name, "--out", f"{name}.npy").status == 0
    assert np.array_equal(np.load("a.csv.npy"), np.load("b.csv.npy"))


def test_a_graph_encoder_reads_the_edges_of_the_new_rows(call: Call) -> None:
    np.save("x.npy", table(12))
    Path("e.csv").write_text("source,target\n" + "".join(f"{i},{(i + 1) % 12}\n" for i in range(12)))
    source = ["--features", "x.npy", "--edges", "e.csv"]
    arguments = ["--encoder", "gcn", "--dim", "3", "--epochs", "1", "--set", "hidden=8", "message=citation"]
    assert call("embed", *source, *arguments, "--out", "run").status == 0
    assert call("transform", "run", "x.npy", "--edges", "e.csv", "--out", "z.npy").status == 0
    np.testing.assert_allclose(np.load("z.npy"), np.load("run/embedding.npy"), atol=1e-5)
    refused = call("transform", "run", "x.npy", "--out", "other.npy")
    assert refused.status == 2
    assert "hand over edges" in refused.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "new.npy", "--out", "z.npy"], "nowhere"),
        (["run", "nowhere.npy", "--out", "z.npy"], "nowhere.npy: no such file"),
        (["run", "new.npy", "--out", "z.xlsx"], ".npy, .csv, .parquet"),
        (["run", "new.npy", "--out", "new.npy"], "exists: replace it with --overwrite"),
        (["run", "new.npy", "--out", "below/z.npy"], "does not exist: create it first"),
        (["run", "wide.npy", "--out", "z.npy"], "7 features and the model was fitted on 5"),
        (["run", "other.csv", "--out", "z.npy"], "no column 'f0'"),
        (["run", "karate", "--out", "z.npy"], "no features"),
        (["table", "new.npy", "--out", "z.npy"], "cannot place new ones"),
        (["damaged", "new.npy", "--out", "z.npy"], "cannot be read"),
        (["run", "new.npy"], "--out"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    call: Call, run: Path, small: list[str], tmp_path: Path, arguments: list[str], message: str
) -> None:
    np.save("new.npy", table(3))
    np.save("wide.npy", table(3, 7))
    Path("other.csv").write_text("a,b,c,d,e\n1,2,3,4,5\n")
    if arguments[0] == "table":
        assert call(*small, "--encoder", "table", "--out", "table", "-q").status == 0
    if arguments[0] == "damaged":
        assert call(*small, "--out", "damaged", "-q").status == 0
        (tmp_path / "damaged" / "model.safetensors").write_bytes(b"garbage")
    before = sorted(tmp_path.rglob("*"))
    status, out, err = call("transform", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert sorted(tmp_path.rglob("*")) == before
