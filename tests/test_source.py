from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graphurl import embed, graphs
from graphurl.data import Samples
from graphurl.errors import InputError
from graphurl.source import Source, fingerprint, read_classes


def samples(**parts: Any) -> Samples:
    return Samples(name="mine", **{"x": torch.arange(12.0).reshape(6, 2), **parts})


def test_without_anything_it_is_the_digits() -> None:
    assert Source() == Source(data="digits")


def test_names_stay_and_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Source(data="cora").data == "cora"
    assert Source(data="rows.csv").data == str(tmp_path / "rows.csv")
    assert Source(features="rows.npy", labels="y.txt").labels == str(tmp_path / "y.txt")
    (tmp_path / "karate").mkdir()
    assert Source(data="karate").data == "karate", "a name of the catalogue wins over a folder"


def test_what_graph_means_depends_on_what_it_names() -> None:
    assert Source(graph="cora") == Source(data="cora")
    assert Source(graph="e.csv") == Source(edges="e.csv")
    assert Source(graph="g.safetensors").graph is not None
    assert Source.of("g.graph") == Source(graph="g.graph")
    assert Source.of("digits") == Source(data="digits")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"data": "digits", "features": "x.npy"}, "data and features are both given"),
        ({"features": "x.npy", "images": "folder"}, "features and images are both given"),
        ({"data": "cora", "edges": "e.csv"}, "edges and data are both given"),
        ({"graph": "g.graph", "edges": "e.csv"}, "edges and graph are both given"),
        ({"data": "cora", "graph": "citeseer"}, "two sources of data"),
        ({"edges": "a.csv", "graph": "b.csv"}, "two sources of edges"),
    ],
)
def test_sources_that_contradict_each_other_are_refused(given: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Source(**given)  # type: ignore[arg-type]


def test_a_record_gives_the_same_data_again(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(6, 2))
    (tmp_path / "e.csv").write_text("source,target\n0,1\n2,5\n")
    source = Source(features=str(tmp_path / "x.npy"), edges=str(tmp_path / "e.csv"), directed=True)
    loaded = source.load()
    assert loaded.record["name"] == "x"
    again = Source.from_record(loaded.record)
    assert again == source
    assert again.load().record == loaded.record
    assert loaded.samples.graph is not None
    assert loaded.samples.graph.num_edges == 2


@pytest.mark.parametrize(
    ("record", "message"),
    [({"name": "mine"}, "does not say where 'mine' comes from"), ({"data": 3}, "the source's data is 3")],
)
def test_a_record_without_a_source_is_refused(record: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Source.from_record(record)


def test_a_graph_beside_rows_replaces_the_recipes_graph(tmp_path: Path) -> None:
    graph = graphs.Graph.from_edges([0, 1], [1, 0], 6, weight=[0.5, 0.5])
    graphs.save(graph, tmp_path / "g.graph")
    np.save(tmp_path / "x.npy", np.arange(12.0).reshape(6, 2))
    both = Source(features=str(tmp_path / "x.npy"), graph=str(tmp_path / "g.graph"))
    assert both.load().graph == graph
    assert both.load().samples.graph is None
    assert embed(both, epochs=0, dim=2).graph == graph
    alone = Source(graph=str(tmp_path / "g.graph")).load()
    assert (alone.graph, alone.samples.graph, alone.samples.x) == (None, graph, None)


def test_the_fingerprint_sees_features_and_graphs_but_no_labels() -> None:
    plain = samples()
    ring = graphs.Graph.from_edges([0, 1], [1, 2], 6)
    other = samples(x=plain.x + 1 if plain.x is not None else None)
    sparse = samples(x=plain.x.to_sparse_csr() if plain.x is not None else None)
    seen = [fingerprint(s) for s in (plain, other, sparse, samples(graph=ring))] + [fingerprint(plain, ring)]
    assert len(set(seen)) == 5
    assert fingerprint(samples(y=torch.zeros(6, dtype=torch.int64))) == fingerprint(plain)
    assert fingerprint(samples(x=torch.arange(12.0).reshape(6, 2))) == fingerprint(plain)


def test_labels_in_order_and_by_id(tmp_path: Path) -> None:
    named = samples(ids=tuple("abcdef"))
    (tmp_path / "list.txt").write_text("x\ny\nx\ny\nx\ny\n")
    y, classes = read_classes(tmp_path / "list.txt", named)
    assert (y.tolist(), classes) == ([0, 1, 0, 1, 0, 1], ("x", "y"))
    (tmp_path / "table.csv").write_text("label,id\n7,f\n3,a\n")
    y, classes = read_classes(tmp_path / "table.csv", named)
    assert (y.tolist(), classes) == ([3, -1, -1, -1, -1, 7], None)
    (tmp_path / "ragged.tsv").write_text("id\tlabel\na\t1\nb\n")
    with pytest.raises(InputError, match="line 3 has 1 cells"):
        read_classes(tmp_path / "ragged.tsv", named)


def test_python_runs_are_repeatable_where_their_data_have_a_name() -> None:
    assert embed("karate", epochs=0).source["data"] == "karate"
    in_memory = embed(np.random.default_rng(0).normal(size=(30, 4)), epochs=0)
    with pytest.raises(InputError, match="handed over in Python"):
        Source.from_record(in_memory.source)
