from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import yaml

from graphurl import graphs
from tests.cli.conftest import Call, table

FOLDER = {
    "embedding.npy", "ids.txt", "report.json", "config.yaml", "metrics.jsonl", "model.safetensors",
    "model.json", "graph.safetensors", "plot.png",
}  # fmt: skip


def settings(folder: Path) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load((folder / "config.yaml").read_text())["settings"]
    return found


def test_the_run_folder_is_complete_and_the_table_names_it(
    call: Call, small: list[str], tmp_path: Path
) -> None:
    status, out, err = call(*small, "--out", "run")
    assert (status, err) == (0, "")
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == FOLDER
    z = np.load(run / "embedding.npy", allow_pickle=False)
    assert (z.shape, z.dtype) == ((40, 2), np.float32)
    assert (run / "ids.txt").read_text().splitlines() == [f"s{number}" for number in range(40)]
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 2
    assert (run / "plot.png").read_bytes().startswith(b"\x89PNG")
    for words in (
        "40 samples, 5 features, 2 classes",
        "40 nodes",
        "kl loss",
        "2 epochs",
        "linear_probe",
        "run",
    ):
        assert words in out


def test_the_report_holds_what_is_needed_to_trust_a_figure(
    call: Call, small: list[str], tmp_path: Path
) -> None:
    call(*small, "--out", "run", "--seed", "3")
    report = json.loads((tmp_path / "run" / "report.json").read_text(), parse_constant=pytest.fail)
    assert (report["status"], report["seed"], report["epochs"]) == ("finished", 3, 2)
    assert report["graph"]["nodes"] == 40
    assert {"value", "protocol"} <= set(report["metrics"]["trustworthiness"])
    assert {"load", "graph", "train", "total", "evaluate"} <= set(report["timing"])
    assert {"graphurl", "torch", "numpy", "python", "scikit-learn"} <= set(report["versions"])
    assert report["peak_memory"] > 1e6
    assert report["far_weight"] > 0
    assert len(report["source"]["sha256"]) == 64
    assert report["settings"]["hidden"] == 16


def test_json_alone_goes_to_stdout_and_quiet_prints_nothing(
    call: Call, small: list[str], tmp_path: Path
) -> None:
    status, out, err = call(*small, "--out", "a", "--json")
    assert (status, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "a" / "report.json").read_text())
    assert call(*small, "--out", "b", "-q") == (0, "", "")


def test_a_config_repeats_the_run_byte_by_byte(call: Call, small: list[str], tmp_path: Path) -> None:
    # A batch smaller than the data, dropout and a seed: every source of randomness takes part.
    varied = ["--batch-size", "16", "--seed", "5", "--set", "dropout=0.2"]
    assert call(*small, *varied, "--out", "a").status == 0
    assert call("embed", "--config", "a/config.yaml", "--out", "b").status == 0
    a, b = tmp_path / "a", tmp_path / "b"
    for name in ("embedding.npy", "config.yaml", "model.safetensors", "model.json", "ids.txt"):
        assert (a / name).read_bytes() == (b / name).read_bytes(), name
    assert graphs.load(a / "graph.safetensors") == graphs.load(b / "graph.safetensors")
    assert call(*small, *varied, "--seed", "6", "--out", "c").status == 0
    assert (a / "embedding.npy").read_bytes() != (tmp_path / "c" / "embedding.npy").read_bytes()


def test_the_source_of_a_config_survives_another_working_directory(
    call: Call, small: list[str], rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small[small.index(str(rows))] = rows.name
    assert call(*small, "--out", "a").status == 0
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    assert call("embed", "--config", "../a/config.yaml", "--out", "b", "-q").status == 0
    assert (tmp_path / "a" / "embedding.npy").read_bytes() == (elsewhere / "b" / "embedding.npy").read_bytes()


def test_the_stronger_setting_wins(call: Call, small: list[str], tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("settings: {loss: mse, dim: 4, lr: 0.01, n_neighbors: 7}\n")
    assert call(*small, "--config", "c.yaml", "--dim", "3", "--set", "lr=0.02", "--out", "run").status == 0
    found = settings(tmp_path / "run")
    assert (found["loss"], found["dim"], found["lr"], found["n_neighbors"]) == ("mse", 3, 0.02, 5)
    assert found["features"] == "scale", "a setting that nobody names comes from the recipe"


def test_flags_become_settings_of_the_same_name(call: Call, small: list[str], tmp_path: Path) -> None:
    flags = {
        "loss": "gkl", "encoder": "mlp", "dim": 3, "batch-size": 20, "lr": 0.002, "nu-x": 5.0, "nu-z": 2.0,
        "sigma": 1.5, "negatives": 2.0, "metric": "cosine", "seed": 4,
    }  # fmt: skip
    words = [str(word) for flag, value in flags.items() for word in (f"--{flag}", value)]
    assert call(*small, *words, "--dynamic", "--out", "run").status == 0
    found = settings(tmp_path / "run")
    assert {flag: found[flag.replace("-", "_")] for flag in flags} == flags
    assert found["dynamic"] is True
    assert call("embed", "--config", "run/config.yaml", "--static", "--out", "other").status == 0
    assert settings(tmp_path / "other")["dynamic"] is False


def test_without_a_folder_the_first_free_number_is_taken(
    call: Call, small: list[str], tmp_path: Path
) -> None:
    assert "runs/rows-1" in call(*small).out
    assert "runs/rows-2" in call(*small).out
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["rows-1", "rows-2"]


def test_without_a_source_the_digits_are_embedded(call: Call, tmp_path: Path) -> None:
    assert call("embed", "--epochs", "0", "--json").status == 0
    report = json.loads((tmp_path / "runs" / "digits-1" / "report.json").read_text())
    assert report["source"]["data"] == "digits"
    assert report["data"]["splits"]["test"] > 0
    assert "test" in report["metrics"]["linear_probe"]["protocol"]


def test_edges_with_features_are_a_graph_with_features(call: Call, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", table(12))
    (tmp_path / "e.csv").write_text("source,target\n" + "".join(f"{i},{(i + 1) % 12}\n" for i in range(12)))
    arguments = ["--features", "x.npy", "--edges", "e.csv", "--dim", "4", "--epochs", "1"]
    assert call("embed", *arguments, "--out", "run").status == 0
    report = json.loads((tmp_path / "run" / "report.json").read_text())
    assert report["settings"]["task"] == "ge"
    assert (report["graph"]["edges"], report["graph"]["directed"]) == (24, False)
    assert call("embed", *arguments, "--directed", "--out", "directed").status == 0
    assert json.loads((tmp_path / "directed" / "report.json").read_text())["source"]["directed"] is True


def test_edges_alone_are_a_graph_whose_names_are_kept(call: Call, tmp_path: Path) -> None:
    (tmp_path / "e.tsv").write_text("source\ttarget\nana\tben\nben\tcid\ncid\tdora\n")
    (tmp_path / "labels.csv").write_text("id,label\ndora,x\nana,y\nben,x\n")
    assert (
        call("embed", "--edges", "e.tsv", "--labels", "labels.csv", "--epochs", "1", "--out", "run").status
        == 0
    )
    assert (tmp_path / "run" / "ids.txt").read_text().split() == ["ana", "ben", "cid", "dora"]
    assert json.loads((tmp_path / "run" / "report.json").read_text())["data"]["classes"] == 2


def test_a_saved_graph_alone_or_in_place_of_the_neighbours(call: Call, small: list[str], rows: Path) -> None:
    assert call("graph", "build", "--features", rows, "--n-neighbors", "3", "--out", "g.graph").status == 0
    edges = int(call("graph", "info", "g.graph").out.split("edges")[1].split()[0])
    for arguments in (["embed", "--graph", "g.graph", "--epochs", "1"], [*small, "--graph", "g.graph"]):
        done = call(*arguments, "--json", "--overwrite", "--out", "run")
        assert done.status == 0, done.err
        report = json.loads(done.out)
        assert report["graph"]["nodes"] == 40
        assert edges == 120
        assert report["graph"]["edges"] <= 240
    before = Path("run/embedding.npy").read_bytes()
    assert call("embed", "--config", "run/config.yaml", "--out", "again").status == 0
    assert Path("again/embedding.npy").read_bytes() == before


def test_a_folder_of_pictures_is_flattened_to_rows(call: Call, tmp_path: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for group in ("cats", "dogs"):
        (tmp_path / "pictures" / group).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 255, size=(6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pictures" / group / f"{number}.png")
    arguments = [
        "embed",
        "--images",
        "pictures",
        "--n-neighbors",
        "3",
        "--epochs",
        "1",
        "--json",
        "--out",
        "run",
    ]
    report = json.loads(call(*arguments).out)
    assert (report["data"]["samples"], report["data"]["features"], report["data"]["classes"]) == (8, 108, 2)
    assert (tmp_path / "run" / "ids.txt").read_text().splitlines()[0] == "cats/0.png"


def test_labels_of_a_file_replace_those_of_the_data(call: Call, small: list[str], tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("\n".join("abcd"[number % 4] for number in range(40)))
    done = call(*small, "--labels", "labels.txt", "--json", "--out", "run")
    assert json.loads(done.out)["data"]["classes"] == 4
    assert call(*small, "--out", "plain").status == 0
    assert Path("run/embedding.npy").read_bytes() == Path("plain/embedding.npy").read_bytes()


@pytest.mark.parametrize("edges", ["0,1\n", "0,1\n2,3\n4,5\n"])
def test_isolated_nodes_and_several_components_work_with_a_warning(
    call: Call, tmp_path: Path, edges: str
) -> None:
    np.save(tmp_path / "x.npy", table(8))
    (tmp_path / "e.csv").write_text("source,target\n" + edges)
    arguments = ["--features", "x.npy", "--edges", "e.csv", "--dim", "4", "--epochs", "1", "--out", "run"]
    status, _, err = call("embed", *arguments)
    assert status == 0
    assert "of 8 nodes have no edge" in err
    assert all(line.startswith("graphurl: warning: ") for line in err.splitlines())
    assert np.isfinite(np.load(tmp_path / "run" / "embedding.npy")).all()


def test_a_graph_without_any_edge_works_with_a_warning(call: Call, tmp_path: Path) -> None:
    from graphurl.graphs import Graph, save

    save(Graph.from_edges([], [], 6), tmp_path / "empty.graph")
    status, _, err = call("embed", "--graph", "empty.graph", "--epochs", "2", "--dim", "3", "--out", "run")
    assert status == 0
    assert "6 of 6 nodes have no edge" in err
    assert np.isfinite(np.load(tmp_path / "run" / "embedding.npy")).all()


def test_a_collapse_is_a_warning_or_on_request_a_failure(
    call: Call, small: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdict = {"effective_rank": 1.0, "std": 0.0, "dim": 2, "collapsed": True, "reason": "all rows are alike"}
    monkeypatch.setattr("graphurl.training.callbacks.collapse", lambda z, **how: verdict)
    warned = call(*small, "--out", "warned")
    assert warned.status == 0
    assert "collapsed" in warned.err
    failed = call(*small, "--fail-on-collapse", "--out", "failed")
    assert failed.status == 1
    assert failed.err.splitlines()[-1].startswith("graphurl: error: the embedding collapsed in epoch")
    assert not (tmp_path / "failed" / "report.json").exists()


def test_a_loss_that_is_not_finite_fails_in_one_line(call: Call, small: list[str]) -> None:
    status, out, err = call(*small, "--lr", "1e30", "--set", "epochs=20", "--out", "run")
    assert (status, out) == (1, "")
    last = err.splitlines()[-1]
    assert last.startswith("graphurl: error: the loss became")
    assert "lower lr" in last
