from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphurl.data.tables import find_roles, frame_samples, read_text
from graphurl.errors import InputError


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_ids_labels_and_names(tmp_path: Path) -> None:
    samples = read_text(write(tmp_path, "id,a,b,Label\nu,1,2,x\nv,3,-4e1,y\nw,5,6,\n"))
    assert samples.x is not None
    assert samples.x.tolist() == [[1, 2], [3, -40], [5, 6]]
    assert samples.ids == ("u", "v", "w")
    assert samples.feature_names == ("a", "b")
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1, -1]
    assert samples.classes == ("x", "y")
    assert samples.name == "t"


def test_without_header(tmp_path: Path) -> None:
    samples = read_text(write(tmp_path, "1,2\n3,4\n"))
    assert samples.x is not None
    assert samples.x.tolist() == [[1, 2], [3, 4]]
    assert samples.feature_names is None
    assert samples.y is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("t.csv", "a;b\n1;2\n"),
        ("t.tsv", "a\tb\n1\t2\n"),
        ("t.txt", "1 2\n"),
        ("t.txt", "a,b\r\n1, 2\r\n"),
        ("t.csv", '\ufeff"a","b"\n"1","2"\n\n'),
    ],
)
def test_delimiters(tmp_path: Path, name: str, text: str) -> None:
    samples = read_text(write(tmp_path, text, name))
    assert samples.x is not None
    assert samples.x.tolist() == [[1, 2]]
    assert samples.feature_names == (("a", "b") if "a" in text else None)


def test_index_of_a_data_frame_becomes_ids(tmp_path: Path) -> None:
    samples = read_text(write(tmp_path, ",a\nr1,1\nr2,2\n"))
    assert samples.ids == ("r1", "r2")
    assert samples.feature_names == ("a",)


def test_number_labels_and_named_columns(tmp_path: Path) -> None:
    path = write(tmp_path, "a,y,target\n1,0,7\n2,1,8\n")
    with pytest.raises(InputError, match="'y' and 'target' could each be the label column"):
        read_text(path)
    samples = read_text(path, label_column="target")
    assert samples.y is not None
    assert samples.y.tolist() == [7, 8]
    assert samples.feature_names == ("a", "y")
    assert read_text(path, label_column=None).feature_names == ("a", "y", "target")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "empty"),
        ("\n\n", "empty"),
        ("a,b\n", "a header but no rows"),
        ("a,b\n1,2\n3\n", "line 3 has 1 cells, the first line has 2"),
        ("a,b\n1,2\n\n3,4,5\n", "line 4 has 3 cells"),
        ("1,2\n3\n", "line 2 has 1 cells"),
        ("a,b\n1,2\n3,cat\n", "line 3, column 'b': 'cat' is not a number"),
        ("a,b\n1,\n", "line 2, column 'b': 'empty' is missing"),
        ("a,b\n1,NaN\n", "line 2, column 'b': 'NaN' is missing or not finite"),
        ("a,b\n-inf,1\n", "line 2, column 'a': '-inf'"),
        ("a,b\n1e39,1\n", "line 2: a value is too large"),
        ("a,a\n1,1\n", "the column 'a' twice"),
        ("id,label\nu,1\n", "no feature column besides 'id', 'label'"),
        ("5.1,3.5,setosa\n4,5,virginica\n", "line 1, column 'column 3': 'setosa' is not a number"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_text(write(tmp_path, text))
    assert "\n" not in str(caught.value)
    assert "t.csv" in str(caught.value)


def test_unknown_column_and_foreign_bytes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown label column 'lable': did you mean 'label'"):
        read_text(write(tmp_path, "a,label\n1,1\n"), label_column="lable")
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00bin")
    with pytest.raises(InputError, match="not UTF-8"):
        read_text(tmp_path / "x.csv")


@given(
    values=st.lists(
        st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
        min_size=1,
    )
)
def test_what_is_written_is_read(tmp_path_factory: pytest.TempPathFactory, values: list[list[float]]) -> None:
    x = np.array(values, dtype=np.float32)
    x[np.abs(x) >= 3.4028234e38] = 0
    text = "a,b,c\n" + "\n".join(",".join(str(value) for value in row) for row in x)
    samples = read_text(write(tmp_path_factory.mktemp("t"), text))
    assert samples.x is not None
    assert np.array_equal(samples.x.numpy(), x)


def test_frame_columns() -> None:
    columns = [np.array([1, 2]), np.array([0.5, None], dtype=object), np.array(["p", "q"])]
    with pytest.raises(InputError, match="NaN or Inf"):
        frame_samples(["a", "b", "y"], columns, "f")
    with pytest.raises(InputError, match="column 'y' holds"):
        frame_samples(["a", "b", "y"], columns, "f", label_column=None)
    with pytest.raises(InputError, match="empty"):
        frame_samples([], [], "f")
    with pytest.raises(InputError, match="empty"):
        frame_samples(["a"], [np.array([])], "f")
    samples = frame_samples(["a", "y"], [columns[0], columns[2]], "f", ids=["r", "s"])
    assert samples.classes == ("p", "q")
    assert samples.ids == ("r", "s")


def test_roles_ignore_case() -> None:
    roles = find_roles(["ID", "f", "Y"], "t", label_column="auto", id_column="auto")
    assert (roles.ids, roles.labels, roles.features) == (0, 2, (1,))
