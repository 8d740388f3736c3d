"""graphurl distill: teachers by name, students of rows and pictures, resuming, errors in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from torch import Tensor

from tests.cli.conftest import Call, table
from tests.pictures import folder_of

QUICK = ["--epochs", "2", "--batch-size", "16", "--dim", "3", "--device", "cpu"]


def brightness(x: Tensor) -> Tensor:
    """A teacher of pictures."""
    return x.mean((2, 3)) + 0.1


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def features(tmp_path: Path) -> Path:
    np.save(tmp_path / "t.npy", np.tanh(table() @ np.ones((5, 9), dtype=np.float32)) + table(columns=9))
    return tmp_path / "t.npy"


def test_rows_and_a_teachers_features_become_a_complete_run(
    call: Call, rows: Path, features: Path, tmp_path: Path
) -> None:
    status, out, err = call("distill", "--features", rows, "--teacher", features, *QUICK, "--memory", "8", "--out", "a")
    assert (status, err) == (0, "")
    assert "teacher" in out and "bce loss" in out
    assert np.load("a/embedding.npy").shape == (40, 3)
    assert Path("a/ids.txt").read_text().splitlines()[0] == "s0"
    config = yaml.safe_load(Path("a/config.yaml").read_text())
    assert config["source"]["teacher"] == str(features) and config["settings"]["memory"] == 8
    assert "graphurl distill --config" in Path("a/config.yaml").read_text()
    assert call("distill", "--config", "a/config.yaml", "--out", "b").status == 0
    assert Path("a/embedding.npy").read_bytes() == Path("b/embedding.npy").read_bytes()
    assert call("transform", "a", rows, "--out", "z.npy").status == 0
    np.testing.assert_allclose(np.load("z.npy"), np.load("a/embedding.npy"), rtol=1e-4, atol=1e-5)


def test_vectors_alone_are_made_shorter(call: Call, features: Path) -> None:
    assert call("distill", "--teacher", features, *QUICK, "--loss", "kl", "--out", "a").status == 0
    settings = yaml.safe_load(Path("a/config.yaml").read_text())["settings"]
    assert (settings["near"], settings["over"]) == (0.5, "rows")
    again = call("distill", "--features", features, "--teacher", features, *QUICK, "--loss", "kl", "--out", "b")
    assert again.status == 0
    assert Path("a/embedding.npy").read_bytes() == Path("b/embedding.npy").read_bytes()


def test_a_run_teaches_a_student_of_the_same_pictures(call: Call, tmp_path: Path) -> None:
    photos = folder_of(tmp_path / "photos")
    quick = ["--epochs", "1", "--batch-size", "8"]
    assert call("embed", "--images", photos, "--method", "simclr", *quick, "--out", "t").status == 0
    student = ["distill", "--images", photos, "--student", "shufflenet_v1", "--teacher", "t", *quick]
    status, out, err = call(*student, "--loss", "seed", "--out", "a")
    assert (status, err) == (0, "") and "shufflenet encoder" in out
    name = "tests.cli.test_distill:brightness"
    both = ["distill", "--images", photos, "--student", "convnet", "--teacher", name, *quick, "--add", "simclr"]
    status, out, err = call(*both, "--out", "b")
    assert (status, err) == (0, "") and "teacher + simclr, 2 views" in out
    assert settings_of("b")["views"] == "weak-cifar"
    assert call(*both, "--views", "weak", "--out", "c").status == 0
    assert settings_of("c")["views"] == "weak"
    assert call("distill", "--config", "c/config.yaml", "--out", "d").status == 0
    assert settings_of("d") == settings_of("c"), "a run says all that it was"
    assert call("distill", "--config", "a/config.yaml", "--add", "simclr", "--out", "e").status == 0
    assert settings_of("e")["num_views"] == 2


def settings_of(folder: str) -> dict[str, object]:
    found: dict[str, object] = yaml.safe_load(Path(folder, "config.yaml").read_text())["settings"]
    return found


def test_a_run_is_not_gone_on_with_under_another_teacher(call: Call, rows: Path, features: Path) -> None:
    first = ["distill", "--features", rows, "--teacher", features, *QUICK]
    assert call(*first, "--out", "a").status == 0
    Path("a/report.json").unlink()
    np.save(features, 1 + np.load(features))
    status, _, err = call(*first, "--resume", "--out", "a")
    assert status == 2 and "begun with another configuration: the teacher" in err and "distill --config" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--features", "rows.csv"], "no teacher: give --teacher"),
        (["--features", "rows.csv", "--teacher", "nothing.npy"], "'nothing.npy' does not exist"),
        (["--features", "rows.csv", "--teacher", "t.npy", "--loss", "bec"], "did you mean 'bce'"),
        (["--features", "rows.csv", "--teacher", "t.npy", "--student", "mpl"], "did you mean 'mlp'"),
        (["--features", "rows.csv", "--teacher", "short.npy"], "3 rows and there are 40 samples"),
        (["--features", "rows.csv", "--teacher", "t.npy", "--loss", "rkd", "--memory", "5"], "give 0"),
        (["--features", "rows.csv", "--teacher", "t.npy", "--student", "table"], "reads no rows of numbers"),
        (["--features", "rows.csv", "--teacher", "t.npy", "--add", "simclr"], "pictures"),
    ],
)
def test_a_wrong_call_is_one_line(call: Call, rows: Path, features: Path, arguments: list[str], message: str) -> None:
    np.save("short.npy", np.ones((3, 4), dtype=np.float32))
    status, out, err = call("distill", *arguments, "--out", "x")
    assert status == 2 and not out and message in err and err.count("\n") == 1, err
    assert not Path("x").exists()
