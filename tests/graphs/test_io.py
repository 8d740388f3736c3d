from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from safetensors.torch import save_file

from graphurl.errors import InputError
from graphurl.functional import mapped
from graphurl.functional.mapped import is_mapped
from graphurl.graphs import Graph, load, save
from tests.graphs.dense import graphs

GRAPH = Graph.from_edges(
    [0, 2], [1, 0], 4, length=[1.5, 2.5], weight=[0.5, 0.25], ids=("a", "ß", "c d", "4"),
    provenance={"kind": "test", "k": 3, "of": [{"nu": "inf"}]},
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graphs())
def test_round_trip(tmp_path: Path, graph: Graph) -> None:
    again = load(save(graph, tmp_path / "g.graph"))
    assert again == graph
    for kind in ("length", "weight"):
        assert (getattr(again, kind) is None) == (getattr(graph, kind) is None)


@pytest.fixture(params=[0, 2**30], autouse=True, ids=["mapped", "read"])
def by_both_routes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapped, "MAPPED_FROM", request.param)


@pytest.mark.parametrize("name", ["g.graph", "g.safetensors"])
def test_names_and_provenance_survive(tmp_path: Path, name: str) -> None:
    again = load(save(GRAPH, tmp_path / name))
    assert again.ids == GRAPH.ids
    assert again.provenance == GRAPH.provenance
    assert list(tmp_path.iterdir()) == [tmp_path / name]


def test_edges_of_a_large_file_stay_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save(GRAPH, tmp_path / "g.graph")
    for size, there in ((0, True), (2**30, False)):
        monkeypatch.setattr(mapped, "MAPPED_FROM", size)
        graph = load(path)
        assert graph == GRAPH
        assert graph.ids == GRAPH.ids
        kept = (graph.crow, graph.col, graph.length, graph.weight)
        assert [is_mapped(part) for part in kept if part is not None] == [there] * 4


def test_another_process_reads_the_same(tmp_path: Path) -> None:
    path = save(GRAPH, tmp_path / "g.graph")
    code = (
        "import sys; from graphurl.graphs import load;g = load(sys.argv[1]); print(g.hash, g.length.tolist())"
    )
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"{GRAPH.hash} [1.5, 2.5]"


def test_a_failed_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = save(GRAPH, tmp_path / "g.graph")

    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("graphurl.graphs.io.os.replace", full)
    with pytest.raises(OSError, match="no space"):
        save(Graph.from_edges([], [], 1), path)
    assert load(path) == GRAPH
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_may_be_read_by_others_as_any_new_file(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("")
    assert save(GRAPH, tmp_path / "g.graph").stat().st_mode == plain.stat().st_mode


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("g.npz", r"^g.npz ends in '.npz': name a graph file \*.graph or \*.safetensors$"),
        ("g", "^g ends in 'nothing'"),
        ("missing/g.graph", "^the folder .*missing does not exist: create it first$"),
    ],
)
def test_bad_file_names_are_refused(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        save(GRAPH, tmp_path / name)


def test_a_provenance_that_is_not_json_is_refused(tmp_path: Path) -> None:
    graph = Graph.from_edges([], [], 1, provenance={"model": torch.zeros(1)})
    with pytest.raises(InputError, match=r"^the provenance cannot be saved .*JSON values only"):
        save(graph, tmp_path / "g.graph")


def header(**changes: str) -> dict[str, str]:
    return {
        "format": "graphurl.graph",
        "format_version": "1",
        "hash": GRAPH.hash,
        "provenance": "{}",
        **changes,
    }


def tensors(**changes: torch.Tensor) -> dict[str, torch.Tensor]:
    ids = torch.tensor(list(json.dumps(GRAPH.ids).encode()), dtype=torch.uint8)
    assert GRAPH.length is not None
    assert GRAPH.weight is not None
    parts = {"crow": GRAPH.crow, "col": GRAPH.col, "length": GRAPH.length, "weight": GRAPH.weight, "ids": ids}
    return parts | changes


def test_the_layout_is_the_documented_one(tmp_path: Path) -> None:
    save_file(tensors(), tmp_path / "g.graph", header())
    assert load(tmp_path / "g.graph") == GRAPH


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": "other"}, "is a safetensors file but no graph"),
        ({"format_version": "2"}, "has format version 2, this release reads up to 1: update graphurl"),
        ({"format_version": "x"}, "has format version x"),
        ({"hash": "0"}, "is damaged: its content is not what was saved"),
        ({"provenance": "{"}, "is no graph file, or it is damaged"),
    ],
)
def test_foreign_headers_are_refused(tmp_path: Path, changed: dict[str, str], message: str) -> None:
    save_file(tensors(), tmp_path / "g.graph", header(**changed))
    with pytest.raises(InputError, match=message) as caught:
        load(tmp_path / "g.graph")
    assert "\n" not in str(caught.value)


def test_tensors_that_are_no_graph_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "g.graph"
    save_file(tensors(col=torch.tensor([1, 9])), path, header())
    with pytest.raises(InputError, match="edge 2 -> 9 of 'c d' ends at a missing node"):
        load(path)
    save_file(tensors(ids=torch.tensor([255], dtype=torch.uint8)), path, header())
    with pytest.raises(InputError, match="is no graph file, or it is damaged"):
        load(path)
    save_file({"crow": GRAPH.crow}, path, header())
    with pytest.raises(InputError, match=r"is no graph file, or it is damaged .'col'"):
        load(path)
    save_file(tensors(), path)
    with pytest.raises(InputError, match="is a safetensors file but no graph"):
        load(path)


def test_every_flipped_byte_of_the_payload_is_noticed(tmp_path: Path) -> None:
    content = save(GRAPH, tmp_path / "g.graph").read_bytes()
    start = 8 + int.from_bytes(content[:8], "little")
    for place in range(start, len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1
        (tmp_path / "d.graph").write_bytes(damaged)
        with pytest.raises(InputError):
            load(tmp_path / "d.graph")


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x04K\x01.", b"\xff" * 64])
def test_foreign_files_are_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "g.graph"
    path.write_bytes(content)
    with pytest.raises(
        InputError, match=r"is no graph file, or it is damaged .*: build and save it again$"
    ) as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_cut_off_and_missing_files_are_refused(tmp_path: Path) -> None:
    path = save(GRAPH, tmp_path / "g.graph")
    path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(InputError, match="is no graph file, or it is damaged"):
        load(path)
    with pytest.raises(InputError, match=r"^there is no file .*x.graph: give a graph that was saved"):
        load(tmp_path / "x.graph")
