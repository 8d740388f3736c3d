from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings

from graphurl.errors import InputError
from graphurl.graphs import Graph, from_frame, read_edges, write_edges
from tests.graphs.dense import graphs

EXPECTED = Graph.from_edges([0, 2], [1, 0], 3, weight=[0.5, 2.0], ids=("a", "b", "c"))


def written(folder: Path, text: str, name: str = "edges.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("e.csv", "source,target,weight\na,b,0.5\nc,a,2\n"),
        ("e.csv", "a,b,0.5\nc,a,2"),
        ("e.csv", "\ufeffWeight, Target ,SOURCE\n0.5,b,a\n2,a,c\n"),
        ("e.csv", "# made by hand\n\na,b,0.5\n\n# and\nc,a,2\n"),
        ("e.csv", '"a","b","0.5"\r\n"c","a","2"\r\n'),
        ("e.csv", "source,target,note,weight\na,b,x y,0.5\nc,a,,2\n"),
        ("e.tsv", "source\ttarget\tweight\na\tb\t0.5\nc\ta\t2\n"),
        ("e.tsv", "a\tb\t0.5\nc\ta\t2\n"),
        ("e.txt", "a b 0.5\nc  a   2 \n"),
    ],
)
def test_text_tables_are_read(tmp_path: Path, name: str, text: str) -> None:
    graph = read_edges(written(tmp_path, text, name))
    assert graph == EXPECTED
    assert graph.provenance == {"kind": "table", "file": name}


def test_lengths_columns_and_both_ways(tmp_path: Path) -> None:
    expected = Graph.from_edges([0, 2], [1, 0], 3, length=[0.5, 2.0], ids=("a", "b", "c"))
    path = written(tmp_path, "a,b,0.5\nc,a,2\n")
    assert read_edges(path, columns=("source", "target", "length")) == expected
    assert read_edges(path, undirected=True) == EXPECTED.symmetrise()
    assert read_edges(written(tmp_path, "source,target,length\na,b,0.5\nc,a,2\n")) == expected
    assert read_edges(written(tmp_path, "a,b\nc,a\n")) == Graph.from_edges(
        [0, 2], [1, 0], 3, ids=("a", "b", "c")
    )


def test_whole_numbers_sort_by_value_and_text_as_text(tmp_path: Path) -> None:
    assert read_edges(written(tmp_path, "10,9\n007,10\n")).ids == ("007", "9", "10")
    assert read_edges(written(tmp_path, "10,9\nx,10\n")).ids == ("10", "9", "x")


def test_nodes_fix_the_order_and_keep_the_isolated(tmp_path: Path) -> None:
    path = written(tmp_path, "10,9\n7,10\n")
    graph = read_edges(path, nodes=[7, 8, 9, 10])
    assert graph.ids == ("7", "8", "9", "10")
    assert (graph.rows.tolist(), graph.col.tolist()) == ([0, 3], [3, 2])
    assert graph.num_isolated == 1
    with pytest.raises(
        InputError, match=r"^edges.csv, line 2: node '7' is not among the 2 nodes given: add it to"
    ):
        read_edges(path, nodes=[9, 10])
    with pytest.raises(InputError, match=r"^id '9' occurs twice"):
        read_edges(path, nodes=[7, 9, 10, 9])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\nb,c,1\n", r"^edges.csv, line 2: 3 fields where 2 were expected \(source, target\)$"),
        ("source,target,weight\n\n# x\na,b\n", "^edges.csv, line 4: 2 fields where 3 were expected"),
        ("a,b,0.5\nb,c,x\n", "^edges.csv, line 2: weight 'x' is no number: give one like 0.5$"),
        (
            "from,to,strength\na,b,1\n",
            "line 1: weight 'strength' is no number, or a header that does not name",
        ),
        ("a,b,\n", "^edges.csv, line 1: weight '' is no number"),
        ("a,\n", "^edges.csv, line 1: the target is empty: name both ends of every edge$"),
        ("a,b,-1\n", "^edge 'a' -> 'b' has weight -1"),
        ("a,b,nan\n", "^edge 'a' -> 'b' has weight nan"),
        ("a,b,1,2\n", "^edges.csv has 4 columns and no header: "),
        ("", "^edges.csv holds no edges: "),
        ("# nothing\n", "^edges.csv holds no edges: "),
        ('a,"b\n', r"^edges.csv is no table of text \("),
    ],
)
def test_bad_lines_are_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        read_edges(written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_a_header_alone_is_a_graph_without_edges(tmp_path: Path) -> None:
    graph = read_edges(written(tmp_path, "source,target\n"), nodes=["a", "b"])
    assert (graph.num_nodes, graph.num_edges) == (2, 0)


def test_foreign_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "e.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(InputError, match=r"^e.csv is no table of text"):
        read_edges(tmp_path / "e.csv")
    (tmp_path / "e.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(InputError, match=r"^e.parquet is no Parquet file, or it is damaged"):
        read_edges(tmp_path / "e.parquet")
    with pytest.raises(InputError, match=r"^there is no file .*x.csv: give a table of edges"):
        read_edges(tmp_path / "x.csv")
    with pytest.raises(InputError, match=r"^columns are \['source', 'to'\]: name source and target"):
        read_edges(written(tmp_path, "a,b\n"), columns=["source", "to"])


@pytest.mark.parametrize("dtype", ["<i8", "<i4", ">u4", "u1"])
def test_arrays_of_node_numbers(tmp_path: Path, dtype: str) -> None:
    ends = np.array([[0, 1, 4], [3, 1, 0]])
    for array in (ends, ends.T, np.asfortranarray(ends)):
        np.save(tmp_path / "e.npy", array.astype(dtype))
        graph = read_edges(tmp_path / "e.npy")
        assert graph == Graph.from_edges(*ends, 5)
        assert graph.ids is None
    assert read_edges(tmp_path / "e.npy", nodes=range(9), undirected=True) == Graph.from_edges(
        [0, 1, 4, 3, 0], [3, 1, 0, 0, 4], 9
    )


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((2, 3)), r"^e.npy holds float64 of shape \(2, 3\): edges are whole numbers, \(2, E\) or \(E, 2\)"),
        (np.zeros((3, 3), int), r"^e.npy holds int64 of shape \(3, 3\)"),
        (np.zeros(4, int), r"^e.npy holds int64 of shape \(4,\)"),
        (np.array([[0], [7]]), "^edge 0 -> 7 ends at a missing node: nodes are 0 to 4"),
        (np.array([[-1], [1]]), "^edge -1 -> 1 ends at a missing node"),
        (np.array([[None], [1]]), "^e.npy is no array of node numbers: save one with numpy.save"),
    ],
)
def test_arrays_that_are_no_edges_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "e.npy", array)
    with pytest.raises(InputError, match=message) as caught:
        read_edges(tmp_path / "e.npy", nodes=range(5))
    assert "\n" not in str(caught.value)


def test_frames_are_read_and_left_alone() -> None:
    frame = pd.DataFrame({"target": ["b", "a"], "source": ["a", "c"], "weight": [0.5, 2.0], "year": [1, 2]})
    kept = frame.copy()
    assert from_frame(frame) == EXPECTED
    assert from_frame(frame.to_dict("list")) == EXPECTED
    pd.testing.assert_frame_equal(frame, kept)
    numbers = pd.DataFrame({"source": [10, 2], "target": [2.0, 3.0]})
    assert from_frame(numbers).ids == ("2", "3", "10")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"source": ["a"], "to": ["b"]}, "^the table has no column 'target': it has source, to, needed are"),
        ({"source": ["a", None], "target": ["b", "c"]}, "^a source or target is empty"),
        ({"source": ["a"], "target": [float("nan")]}, "^a source or target is empty"),
        ({"source": ["a"], "target": ["b"], "weight": [-1.0]}, "^edge 'a' -> 'b' has weight -1"),
    ],
)
def test_bad_frames_are_refused(columns: dict[str, list[object]], message: str) -> None:
    with pytest.raises(InputError, match=message):
        from_frame(pd.DataFrame(columns))


def test_a_node_missing_from_a_frame_is_named() -> None:
    with pytest.raises(InputError, match=r"^row 1: node 'd' is not among the 2 nodes given: add it to them, or drop"):
        from_frame({"source": ["a", "d"], "target": ["b", "a"]}, nodes=["a", "b"])


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=15)
@given(graphs())
def test_round_trip(tmp_path: Path, suffix: str, graph: Graph) -> None:
    names = tuple(f"node, {i}" for i in range(graph.num_nodes))
    named = Graph(graph.crow, graph.col, graph.length, graph.weight, names)
    assert read_edges(write_edges(named, tmp_path / f"e{suffix}"), nodes=names) == named


def test_written_text_is_plain(tmp_path: Path) -> None:
    assert write_edges(EXPECTED, tmp_path / "e.csv").read_text() == "source,target,weight\na,b,0.5\nc,a,2.0\n"
    with pytest.raises(InputError, match=r"^e.xls ends in '.xls': name it \*.csv"):
        write_edges(EXPECTED, tmp_path / "e.xls")


def test_parquet_without_pyarrow_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(
        InputError, match=r"^Parquet needs pyarrow, which is not installed: pip install pyarrow"
    ):
        write_edges(EXPECTED, tmp_path / "e.parquet")


def test_parquet_without_the_columns_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"source": ["a"], "to": ["b"]}).to_parquet(tmp_path / "e.parquet")
    with pytest.raises(InputError, match=r"^e.parquet has no column 'target': it has source, to$"):
        read_edges(tmp_path / "e.parquet")
