from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from graphurl.data.columns import read_columns
from graphurl.errors import InputError


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_in_order(tmp_path: Path) -> None:
    table = written(tmp_path / "t.csv", 'size,word\n1.5,"a, b"\n,c\n')
    found = read_columns(table, 2)
    np.testing.assert_array_equal(found["size"], [1.5, np.nan])
    assert found["word"].tolist() == ["a, b", "c"]


@pytest.mark.parametrize(("suffix", "mark"), [("csv", ","), ("csv", ";"), ("tsv", "\t")])
def test_rows_by_id(tmp_path: Path, suffix: str, mark: str) -> None:
    lines = [("word", "id", "size"), ("x", "c", "3"), ("y", "a", "1"), ("z", "other", "9")]
    table = written(tmp_path / f"t.{suffix}", "\n".join(mark.join(line) for line in lines))
    found = read_columns(table, 3, ("a", "b", "c"))
    assert list(found) == ["word", "size"]
    assert found["word"].tolist() == ["y", "", "x"]
    np.testing.assert_array_equal(found["size"], [1, np.nan, 3])


def test_ids_of_nameless_samples_are_passed_over(tmp_path: Path) -> None:
    assert read_columns(written(tmp_path / "t.csv", "id,a\nx,1\ny,2\n"), 2)["a"].tolist() == [1, 2]


def test_parquet(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    pandas.DataFrame({"id": ["b", "a"], "size": [2, None], "word": ["x", None]}).to_parquet(tmp_path / "t.parquet")
    found = read_columns(tmp_path / "t.parquet", 2, ("a", "b"))
    np.testing.assert_array_equal(found["size"], [np.nan, 2])
    assert found["word"].tolist() == ["", "x"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("t.csv", "a\n1\n", "1 rows for 3 samples: give one per row, or a column id"),
        ("t.csv", "id,a\nq,1\n", "none of its 1 ids is the id of a sample, such as 'a'"),
        ("t.csv", "id,a\na,1\na,2\n", "the id 'a' occurs twice"),
        ("t.csv", "a,a\n1,2\n", "the column 'a' twice"),
        ("t.csv", "a,b\n1\n", "row 2 has 1 cells, the header 2"),
        ("t.csv", "a,b\n", "give a header and at least one row"),
        ("t.csv", "", "give a header and at least one row"),
        ("t.csv", "id\n1\n", "no feature column"),
        ("t.json", "{}", "give a table, .csv"),
        ("t.parquet", "no", "parquet"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_columns(written(tmp_path / name, text), 3, ("a", "b", "c"))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such table"):
        read_columns(tmp_path / "t.csv", 3)
