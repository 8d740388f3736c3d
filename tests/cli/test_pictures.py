"""graphurl embed, transform, evaluate and plot on a folder of pictures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from PIL import Image

from graphurl.runs import FILES
from tests.cli.conftest import Call
from tests.pictures import folder_of


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "cache"))
    return folder_of(tmp_path / "photos")


@pytest.fixture
def small(photos: Path) -> list[str]:
    return ["embed", "--images", str(photos), "--method", "simclr", "--epochs", "2", "--batch-size", "8"]


def settings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((folder / "config.yaml").read_text())["settings"]
    return found


def width(path: Path) -> int:
    with Image.open(path) as picture:
        return picture.size[0]


def test_a_folder_becomes_a_complete_run(call: Call, small: list[str], tmp_path: Path) -> None:
    status, out, err = call(*small, "--add", "cld", "--set", "cld_groups=4", "--out", "run")
    assert (status, err) == (0, "")
    folder = tmp_path / "run"
    missing = {name for name in FILES if not (folder / name).is_file()}
    assert missing == {"graph.safetensors", "checkpoint.safetensors"}
    assert np.load(folder / "embedding.npy").shape == (24, 128)
    ids = (folder / "ids.txt").read_text().splitlines()
    assert ids[:2] == ["plain/000.png", "plain/002.png"]
    assert "views + cld" in out
    report = json.loads((folder / "report.json").read_text())
    assert report["data"]["shape"] == [3, 8, 8]
    assert report["data"]["classes"] == 2
    assert "weighted_knn_5" in report["metrics"]
    assert width(folder / "plot.png") > 100


def test_a_config_repeats_the_run_byte_by_byte(call: Call, small: list[str], tmp_path: Path) -> None:
    many = ["--add", "cld", "eir", "--set", "cld_groups=4", "--seed", "3"]
    assert call(*small, "--method", "moco", "--set", "queue_size=10", *many, "--out", "a").status == 0
    assert call("embed", "--config", "a/config.yaml", "--out", "b").status == 0
    for name in ("embedding.npy", "config.yaml", "model.safetensors", "model.json", "ids.txt"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name
    assert call(*small, "--seed", "4", "--out", "c").status == 0
    assert (tmp_path / "a" / "embedding.npy").read_bytes() != (tmp_path / "c" / "embedding.npy").read_bytes()


def test_a_run_that_was_stopped_goes_on_bit_for_bit(call: Call, small: list[str], tmp_path: Path) -> None:
    def last(folder: str) -> bytes:
        return (tmp_path / folder / "embedding.npy").read_bytes()

    assert call(*small, "--method", "iraug", "--out", "whole").status == 0
    from graphurl.pipeline import Prepared, fit, prepare
    from graphurl.recipes import recipe_of
    from graphurl.source import Source

    record = yaml.safe_load((tmp_path / "whole" / "config.yaml").read_text())
    loaded = Source.from_record(record["source"]).load(pictures=True)
    ready: Prepared = prepare(loaded, recipe=recipe_of(record["settings"]))
    halt = fit(ready, run_folder=tmp_path / "half", callbacks=[lambda moment: moment.epoch == 1])
    assert halt.status == "stopped"
    # A run stopped on purpose is complete; one that was killed leaves the same checkpoint, marked as running.
    checkpoint = tmp_path / "half" / "checkpoint.safetensors"
    content = checkpoint.read_bytes()
    assert content.count(b'stopped') == 1
    checkpoint.write_bytes(content.replace(b'stopped', b'running'))
    assert call("embed", "--config", "half/config.yaml", "--resume", "--out", "half").status == 0
    assert last("half") == last("whole")


def test_new_pictures_get_the_vectors_of_the_model(call: Call, small: list[str], tmp_path: Path) -> None:
    assert call(*small, "--set", "output=projection", "--dim", "5", "--out", "run").status == 0
    assert call("transform", "run", "photos", "--out", "again.csv").status == 0
    lines = (tmp_path / "again.csv").read_text().splitlines()
    assert lines[0] == "id,z0,z1,z2,z3,z4"
    again = np.array([line.split(",")[1:] for line in lines[1:]], dtype=np.float32)
    assert np.array_equal(again, np.load(tmp_path / "run" / "embedding.npy"))
    one = tmp_path / "one"
    one.mkdir()
    shutil.copy(tmp_path / "photos" / "plain" / "004.png", one)
    assert call("transform", "run", one, "--out", "one.npy").status == 0
    np.testing.assert_allclose(np.load(tmp_path / "one.npy")[0], again[2], rtol=1e-4, atol=1e-5)


def test_views_are_drawn_of_a_run_and_of_a_folder(call: Call, small: list[str], tmp_path: Path) -> None:
    assert call(*small, "--out", "run").status == 0
    for source in ("run", "photos"):
        status, out, _ = call("plot", source, "--views", f"{source}.png", "--plan", "weak")
        assert (status, out) == (0, f"{source}.png\n")
        assert width(tmp_path / f"{source}.png") > 300
    assert call("plot", "run", "--views", "views.txt").status == 2


def test_fine_tuning_and_transfer(call: Call, small: list[str], photos: Path, tmp_path: Path) -> None:
    assert call(*small, "--out", "run").status == 0
    other = folder_of(tmp_path / "other", seed=1)
    status, out, err = call("evaluate", "run", "--transfer", other, "--json")
    assert (status, err) == (0, "")
    assert set(json.loads(out)["transfer to other"]) == {"linear_probe", "weighted_knn_20", "recall_1"}
    status, _, err = call("evaluate", "run", "--finetune", "0.5")
    assert status == 2
    assert "splits train and test" in err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--method", "simclr", "--add", "cdl"], "did you mean 'cld'"),
        (["--method", "simclr", "--add", "cld", "cld"], "named twice"),
        (["--method", "simclr", "--set", "n_neighbors=5"], "unknown setting 'n_neighbors'"),
        (["--method", "simclr", "--encoder", "gcn"], "reads no pictures"),
        (["--method", "simclr", "--encoder", "torchvision:resnet18"], "torchvision"),
        (["--method", "simclr", "--views", "cifr"], "did you mean 'cifar'"),
        (["--method", "simclr", "--set", "mix=blend"], "unknown mix 'blend'"),
        (["--method", "moco", "--set", "ema=0"], "ema is 0"),
        (["--method", "simclr", "--set", "num_views=1"], "compares two views"),
        (["--method", "simclr", "--variant", "long-taled:5"], "long-tailed"),
        (["--method", "map", "--add", "cld"], "add"),
        (["--method", "simclr", "--side", "two"], "side is 'two'"),
        (["--method", "simclr", "--side", "8.5"], "side is 8.5"),
        (["--method", "iraug", "--set", "bank_momentum=1"], "bank_momentum is 1"),
    ],
)
def test_a_wrong_call_is_one_line_and_writes_nothing(
    call: Call, photos: Path, tmp_path: Path, words: list[str], said: str
) -> None:
    status, out, err = call("embed", "--images", photos, *words, "--epochs", "1", "--out", "run")
    assert (status, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_pictures_that_are_none(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "cache"))
    (tmp_path / "empty").mkdir()
    status, _, err = call("embed", "--images", "empty", "--method", "simclr")
    assert (status, err.count("\n")) == (2, 1)
    folder_of(tmp_path / "one", count=1)
    status, _, err = call("embed", "--images", "one", "--method", "simclr")
    assert (status, err.count("\n")) == (2, 1)
    status, _, err = call("embed", "--images", "nowhere", "--method", "simclr")
    assert status == 2
    assert "no folder" in err


def test_other_files_are_counted_and_a_large_batch_is_the_data(call: Call, photos: Path, tmp_path: Path) -> None:
    (photos / "notes.txt").write_text("no picture")
    (photos / "plain" / "broken.png").write_bytes(b"\x89PNG broken")
    words = ["--method", "byol", "--batch-size", "1000", "--epochs", "1", "--out", "run"]
    status, _, err = call("embed", "--images", photos, *words)
    assert status == 0
    assert "skipped 1 file" in err
    assert "broken.png" in err
    assert len(np.load(tmp_path / "run" / "embedding.npy")) == 24
    assert json.loads((tmp_path / "run" / "report.json").read_text())["steps_per_epoch"] == 1


def test_a_collapse_is_named_and_ends_the_run_where_asked(call: Call, small: list[str], tmp_path: Path) -> None:
    # Nothing is pushed apart, and nothing else keeps the views from falling together.
    falling = ["--loss", "alignment", "--set", "head=linear", "--lr", "0.05", "--epochs", "20"]
    status, _, err = call(*small, *falling, "--out", "warned")
    assert status == 0
    assert "collapsed in epoch" in err
    status, _, err = call(*small, *falling, "--fail-on-collapse", "--out", "run")
    assert status == 1
    assert "collapsed in epoch" in err
