from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Call, table


@pytest.fixture
def run(call: Call, small: list[str], tmp_path: Path) -> Path:
    assert call(*small, "--out", "run", "-q").status == 0
    return tmp_path / "run"


def test_a_run_is_judged_as_embed_judged_it(call: Call, run: Path) -> None:
    report = json.loads((run / "report.json").read_text())
    done = call("evaluate", "run", "--json")
    assert done.status == 0
    found = json.loads(done.out)
    assert {name: found["metrics"][name] for name in report["metrics"]} == report["metrics"]
    assert {"triplets", "silhouette"} <= set(found["metrics"])
    assert set(found["hashes"]) == {"z", "x", "y"}
    shown = call("evaluate", "run").out
    assert "trustworthiness" in shown
    assert "logistic regression" in shown


def test_only_the_metrics_that_are_asked_for(call: Call, run: Path) -> None:
    found = json.loads(call("evaluate", "run", "--metrics", "nmi, trustworthiness", "--json").out)
    assert set(found["metrics"]) == {"nmi", "trustworthiness"}


def test_a_file_of_embeddings_with_labels_and_space(call: Call) -> None:
    np.save("x.npy", table())
    np.save("z.npy", table()[:, :2])
    Path("y.txt").write_text("\n".join("ab"[number % 2] for number in range(40)))
    bare = json.loads(call("evaluate", "z.npy", "--json").out)
    assert "effective_rank" in bare["metrics"]
    assert not {"trustworthiness", "nmi"} & set(bare["metrics"])
    full = json.loads(call("evaluate", "z.npy", "--labels", "y.txt", "--space", "x.npy", "--json").out)
    assert {"trustworthiness", "nmi", "linear_probe"} <= set(full["metrics"])
    assert all(math.isfinite(entry["value"]) for entry in full["metrics"].values())


def test_edges_and_a_second_view(call: Call) -> None:
    z = table()
    np.save("z.npy", z)
    np.save("view.npy", z + 0.01)
    Path("edges.csv").write_text("source,target\n" + "".join(f"{i},{i + 2}\n" for i in range(38)))
    Path("y.txt").write_text("\n".join("ab"[number % 2] for number in range(40)))
    given = ("--labels", "y.txt", "--graph", "edges.csv", "--view", "view.npy", "--json")
    found = json.loads(call("evaluate", "z.npy", *given).out)["metrics"]
    assert {"edge_auc", "homophily_captured", "path_distortion", "view_score", "alignment"} <= set(found)
    assert found["homophily_captured"]["graph"] == 1
    assert found["path_distortion"]["unreachable"] == 0.5, "both ways lead to the half of the rows on the same chain"
    assert found["path_correlation"]["pairs"] == found["path_distortion"]["pairs"]
    assert found["edge_auc"]["edges"] == 38, "an edge counts once, whichever way it goes"
    assert found["view_retrieval"]["value"] == 1


def test_a_map_is_measured_by_straight_distances_whoever_made_it(call: Call) -> None:
    np.save("z.npy", table()[:, :2])
    Path("y.txt").write_text("\n".join("ab"[number % 2] for number in range(40)))
    found = json.loads(call("evaluate", "z.npy", "--labels", "y.txt", "--json").out)["metrics"]
    assert all("euclidean" in found[name]["protocol"] for name in ("recall_1", "map", "knn_accuracy"))
    shown = call("evaluate", "z.npy", "--labels", "y.txt").out
    low, high = found["silhouette"]["low"], found["silhouette"]["high"]
    assert low < found["silhouette"]["value"] < high
    assert f"{low:.4f} to {high:.4f}" in shown


def test_a_run_whose_data_are_gone_is_judged_without_them(call: Call, run: Path, rows: Path) -> None:
    rows.unlink()
    done = call("evaluate", "run", "--json")
    assert done.status == 0
    assert done.err.startswith("graphurl: warning: run: the data of the run are left out")
    assert done.err.count("\n") == 1
    assert "trustworthiness" not in json.loads(done.out)["metrics"]
    Path("labels.csv").write_text(
        "id,label\n" + "".join(f"s{i},{'ab'[i % 2]}\n" for i in reversed(range(40)))
    )
    labelled = json.loads(call("evaluate", "run", "--labels", "labels.csv", "--json", "-q").out)
    assert {"nmi", "linear_probe"} <= set(labelled["metrics"])
    assert "trustworthiness" not in labelled["metrics"], "an embedding is no space to compare itself with"


def test_data_that_changed_since_the_run_are_named(call: Call, run: Path, rows: Path) -> None:
    rows.write_text(rows.read_text().replace("s0,", "s0,1", 1))
    assert "rows has changed since the run" in call("evaluate", "run").err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere"),
        (["."], "config.yaml does not exist"),
        (["run", "--metrics", "trust"], "did you mean 'trustworthiness'"),
        (["run", "--metrics", ","], "give names with commas"),
        (["run", "--labels", "short.txt"], "2 labels for 40 samples"),
        (["run", "--space", "few.npy"], "3 rows for 40 embeddings"),
        (["run", "--view", "few.npy"], "3 rows for 40 embeddings"),
        (["run", "--graph", "far.csv"], "node '0' is not among the 40 nodes"),
        (["run", "--metrics", "view_score"], "needs a second view"),
    ],
)
def test_bad_input_is_one_line(call: Call, run: Path, arguments: list[str], message: str) -> None:
    Path("short.txt").write_text("a\nb\n")
    np.save("few.npy", table(3))
    Path("far.csv").write_text("source,target\n0,99\n")
    status, out, err = call("evaluate", *arguments)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert message in err
