from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from graphurl import graphs
from tests.cli.conftest import Call, table


@pytest.fixture(autouse=True)
def files(call: Call) -> None:
    """Features, a graph of neighbours and a ring."""
    np.save("x.npy", table(10))
    ring = "".join(f"{i},{(i + 1) % 10},0.5\n" for i in range(10))
    Path("e.csv").write_text("source,target,weight\n" + ring)
    call("graph", "build", "--features", "x.npy", "--n-neighbors", "3", "--out", "knn.graph")
    call("graph", "build", "--edges", "e.csv", "--out", "ring.safetensors")


def test_build_gives_the_neighbours_or_the_edges() -> None:
    knn, ring = graphs.load("knn.graph"), graphs.load("ring.safetensors")
    assert (knn.num_nodes, knn.num_edges) == (10, 30)
    assert knn == graphs.knn(np.load("x.npy"), 3)
    assert (ring.num_edges, float(ring.weight.max())) == (20, 0.5)


def test_build_from_a_data_set_with_a_kind_and_as_similarity(call: Call) -> None:
    done = call("graph", "build", "--data", "digits", "--kind", "knn", "--similarity", "--out", "d.graph")
    assert (done.status, done.out.split(",")[0]) == (0, "d.graph: 1")
    weight = graphs.load("d.graph").weight
    assert weight is not None
    assert float(weight.min()) >= 0
    assert float(weight.max()) <= 1
    assert (
        call("graph", "build", "--data", "karate", "--out", "k.graph").out == "k.graph: 34 nodes, 156 edges\n"
    )


def test_info_as_text_and_json_with_labels(call: Call) -> None:
    Path("y.txt").write_text("\n".join("ab"[number % 2] for number in range(10)))
    assert "nodes" in call("graph", "info", "knn.graph").out
    numbers = json.loads(call("graph", "info", "ring.safetensors", "--labels", "y.txt", "--json").out)
    assert (numbers["nodes"], numbers["edges"], numbers["edge_homophily"]) == (10, 20, 0.0)
    assert json.loads(call("graph", "info", "e.csv", "--json").out)["hash"] == numbers["hash"]


@pytest.mark.parametrize("op", ["sum", "union", "intersection"])
def test_compose_is_the_algebra_of_graphs(call: Call, op: str) -> None:
    done = call("graph", "compose", "knn.graph:0.7", "ring.safetensors:0.3", "--op", op, "--out", "c.graph")
    assert done.status == 0
    a, b = 0.7 * graphs.load("knn.graph"), 0.3 * graphs.load("ring.safetensors")
    assert graphs.load("c.graph") == {"sum": a + b, "union": a | b, "intersection": a & b}[op]


def test_a_file_whose_name_has_a_colon_and_a_term_without_weight(call: Call) -> None:
    Path("knn.graph").rename("k:1.graph")
    assert call("graph", "compose", "k:1.graph", "ring.safetensors", "--out", "c.graph").status == 0
    assert graphs.load("c.graph") == graphs.load("k:1.graph") + graphs.load("ring.safetensors")


def test_diff_says_whether_two_graphs_are_equal(call: Call) -> None:
    same = call("graph", "diff", "knn.graph", "knn.graph", "--json")
    assert (same.status, json.loads(same.out)["equal"]) == (0, True)
    other = call("graph", "diff", "knn.graph", "ring.safetensors")
    assert other.status == 1
    assert "jaccard" in other.out
    assert call("graph", "diff", "knn.graph", "ring.safetensors", "-q") == (1, "", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "--out", "g.graph"], "has no source"),
        (["build", "--features", "x.npy", "--out", "g.npy"], "give a file ending in .graph"),
        (["build", "--features", "x.npy", "--out", "knn.graph"], "exists: replace it with --overwrite"),
        (["build", "--features", "x.npy", "--out", "below/g.graph"], "create it first"),
        (["build", "--features", "x.npy", "--kind", "knnn", "--out", "g.graph"], "did you mean 'knn'"),
        (["build", "--features", "x.npy", "--kind", "citation", "--out", "g.graph"], "use --kind knn"),
        (["build", "--data", "karate", "--kind", "knn", "--out", "g.graph"], "use --kind citation"),
        (["build", "--features", "x.npy", "--n-neighbors", "10", "--out", "g.graph"], "10"),
        (
            ["build", "--features", "x.npy", "--n-neighbors", "many", "--out", "g.graph"],
            "invalid int value: 'many'",
        ),
        (["info", "nowhere.graph"], "nowhere.graph"),
        (["info", "x.npy"], "holds no graph"),
        (["compose", "knn.graph:heavy", "--out", "g.graph"], "'heavy' of knn.graph is no number"),
        (["compose", "knn.graph:-1", "--out", "g.graph"], "-1"),
        (["compose", "knn.graph", "--op", "summ", "--out", "g.graph"], "did you mean 'sum'"),
        (["compose", "knn.graph", "small.graph", "--out", "g.graph"], "nodes"),
        (["diff", "knn.graph", "small.graph"], "nodes"),
        (["diff", "knn.graph", "e.csv"], "e.csv"),
        (["diff"], "required: A, B"),
    ],
)
def test_bad_input_is_one_line_and_nothing_is_written(
    call: Call, tmp_path: Path, arguments: list[str], message: str
) -> None:
    graphs.save(graphs.Graph.from_edges([0], [1], 2), "small.graph")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    status, out, err = call("graph", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before
