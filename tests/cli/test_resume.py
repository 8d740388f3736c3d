"""Run folders that exist already: refused, replaced, or gone on with."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from graphurl.training.callbacks import MetricsFile, Moment
from tests.cli.conftest import Call, table

ROOT = Path(__file__).resolve().parents[2]


def interrupt_after(monkeypatch: pytest.MonkeyPatch, epoch: int) -> None:
    """Sends the signal of Ctrl-C at the end of an epoch."""
    write = MetricsFile.__call__

    def written(self: MetricsFile, moment: Moment) -> bool:
        if moment.epoch == epoch:
            signal.raise_signal(signal.SIGINT)
        return write(self, moment)

    monkeypatch.setattr(MetricsFile, "__call__", written)


def watch_epochs(monkeypatch: pytest.MonkeyPatch, seen: list[int]) -> None:
    """Notes the epochs that are trained."""
    write = MetricsFile.__call__

    def written(self: MetricsFile, moment: Moment) -> bool:
        seen.append(moment.epoch)
        return write(self, moment)

    monkeypatch.setattr(MetricsFile, "__call__", written)


@pytest.fixture
def longer(small: list[str]) -> list[str]:
    """Several batches an epoch, dropout, a schedule: all that a checkpoint has to bring back."""
    return [*small, "--batch-size", "16", "--epochs", "6", "--set", "dropout=0.2", "clip=1"]


@pytest.fixture
def unbroken(call: Call, longer: list[str], tmp_path: Path) -> Path:
    assert call(*longer, "--out", "unbroken").status == 0
    return tmp_path / "unbroken"


def stripped(folder: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def test_ctrl_c_keeps_the_model_so_far_and_says_how_to_go_on(
    call: Call, longer: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_after(monkeypatch, 3)
    status, out, err = call(*longer, "--out", "run")
    assert status == 130
    assert "3 epochs" in out
    assert err == (
        "graphurl: interrupted after 3 epochs, go on with: "
        "graphurl embed --config run/config.yaml --resume --out run\n"
    )
    run = tmp_path / "run"
    report = json.loads((run / "report.json").read_text())
    assert (report["status"], report["epochs"]) == ("interrupted", 3)
    assert (run / "checkpoint.safetensors").is_file()
    assert np.load(run / "embedding.npy").shape == (40, 2)
    assert call("transform", "run", "rows.csv", "--out", "z.npy").status == 0


def test_a_resumed_run_gives_the_bytes_of_an_unbroken_one(
    call: Call, unbroken: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, longer: list[str]
) -> None:
    with monkeypatch.context() as patched:
        interrupt_after(patched, 3)
        assert call(*longer, "--out", "run").status == 130
    trained: list[int] = []
    with monkeypatch.context() as patched:
        watch_epochs(patched, trained)
        status, _, err = call("embed", "--config", "run/config.yaml", "--resume", "--out", "run")
    assert (status, err) == (0, "")
    assert trained == [4, 5, 6], "what the checkpoint holds is not trained again"
    run = tmp_path / "run"
    for name in ("embedding.npy", "model.safetensors", "config.yaml"):
        assert (run / name).read_bytes() == (unbroken / name).read_bytes(), name
    assert stripped(run) == stripped(unbroken)
    assert not (run / "checkpoint.safetensors").exists()
    assert json.loads((run / "report.json").read_text())["status"] == "finished"


def test_a_killed_run_is_gone_on_with_from_its_checkpoint(
    call: Call, unbroken: Path, longer: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        interrupt_after(patched, 2)
        assert call(*longer, "--out", "run").status == 130
    run = tmp_path / "run"
    # What a kill leaves: no results, and perhaps a line of metrics beyond the checkpoint.
    for path in run.iterdir():
        if path.name not in ("checkpoint.safetensors", "config.yaml", "metrics.jsonl"):
            path.unlink()
    with (run / "metrics.jsonl").open("a") as file:
        file.write('{"epoch": 3, "loss": 1.0}\n')
    assert call(*longer, "--resume", "--out", "run").status == 0
    assert (run / "embedding.npy").read_bytes() == (unbroken / "embedding.npy").read_bytes()
    assert stripped(run) == stripped(unbroken)


def test_a_run_that_died_before_its_first_checkpoint_starts_again(
    call: Call, unbroken: Path, longer: list[str], tmp_path: Path
) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(unbroken / "config.yaml", run)
    assert call(*longer, "--resume", "--out", "run").status == 0
    assert (run / "embedding.npy").read_bytes() == (unbroken / "embedding.npy").read_bytes()


def test_resume_of_nothing_is_a_fresh_run(call: Call, small: list[str], tmp_path: Path) -> None:
    assert call(*small, "--resume", "--out", "run").status == 0
    assert (tmp_path / "run" / "report.json").is_file()


def test_a_complete_run_is_not_trained_again(call: Call, small: list[str], tmp_path: Path) -> None:
    first = call(*small, "--out", "run")
    stamp = (tmp_path / "run" / "embedding.npy").stat().st_mtime_ns
    status, out, err = call(*small, "--resume", "--out", "run")
    assert (status, out) == (0, first.out)
    assert err == "graphurl: the run in run is complete: nothing to resume\n"
    assert (tmp_path / "run" / "embedding.npy").stat().st_mtime_ns == stamp


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (["--epochs", "9"], ["epochs (was 2, now 9)"]),
        (["--loss", "mse", "--seed", "4"], ["loss (was kl, now mse)", "seed (was 0, now 4)"]),
    ],
)
def test_resume_with_other_settings_is_refused_naming_them(
    call: Call, small: list[str], tmp_path: Path, change: list[str], named: list[str]
) -> None:
    call(*small, "--out", "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    status, out, err = call(*small, *change, "--resume", "--out", "run")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert all(words in err for words in named)
    assert "hidden" not in err
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_resume_with_other_data_is_refused_and_with_moved_data_is_not(
    call: Call, small: list[str], rows: Path, tmp_path: Path
) -> None:
    call(*small, "--out", "run")
    moved = rows.rename(tmp_path / "moved.csv")
    small[small.index(str(rows))] = str(moved)
    assert call(*small, "--resume", "--out", "run").status == 0
    moved.write_text(moved.read_text().replace("s0,", "s0,1", 1))
    status, _, err = call(*small, "--resume", "--out", "run")
    assert (status, err.count("\n")) == (2, 1)
    assert "the data (was rows, now moved)" in err


def test_an_existing_folder_is_refused(call: Call, small: list[str], tmp_path: Path) -> None:
    call(*small, "--out", "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    status, out, err = call(*small, "--out", "run")
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert "run exists and is not empty: go on with --resume, replace it with --overwrite" in err
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_an_empty_folder_is_taken(call: Call, small: list[str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert call(*small, "--out", "run").status == 0


def test_overwrite_replaces_a_run_and_leaves_foreign_files(
    call: Call, small: list[str], tmp_path: Path
) -> None:
    call(*small, "--out", "run")
    (tmp_path / "run" / "notes.txt").write_text("mine")
    (tmp_path / "run" / "checkpoint.safetensors").write_text("stale")
    np.save(tmp_path / "x.npy", table(12))
    done = call(
        "embed", "--features", "x.npy", "--n-neighbors", "3", "--epochs", "1", "--overwrite", "--out", "run"
    )
    assert done.status == 0
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert "notes.txt" in names
    assert not names & {"checkpoint.safetensors", "ids.txt"}, "files of the old run are gone"
    assert np.load(tmp_path / "run" / "embedding.npy").shape == (12, 2)


@pytest.mark.parametrize("flag", ["--overwrite", "--resume"])
def test_a_folder_that_holds_no_run_is_left_alone(
    call: Call, small: list[str], tmp_path: Path, flag: str
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "report.json").write_text("mine")
    status, _, err = call(*small, flag, "--out", "thesis")
    assert (status, err.count("\n")) == (2, 1)
    assert "holds no run" in err
    assert (tmp_path / "thesis" / "report.json").read_text() == "mine"
    assert len(list((tmp_path / "thesis").iterdir())) == 1


def test_a_wrong_call_with_overwrite_deletes_nothing(call: Call, small: list[str], tmp_path: Path) -> None:
    call(*small, "--out", "run")
    before = {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()}
    for wrong in (["--set", "optimiser=adan"], ["--set", "graph=citation"], ["--n-neighbors", "99"]):
        assert call(*small, *wrong, "--overwrite", "--out", "run").status == 2
    assert {path.name: path.read_bytes() for path in (tmp_path / "run").iterdir()} == before


def test_resume_and_overwrite_exclude_each_other(call: Call, small: list[str]) -> None:
    assert "exclude each other" in call(*small, "--resume", "--overwrite", "--out", "run").err


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_process_that_is_interrupted_or_killed_is_resumed_to_the_same_bytes(
    call: Call, tmp_path: Path, number: signal.Signals
) -> None:
    np.save(tmp_path / "x.npy", table(400))
    arguments = [
        "embed",
        "--features",
        "x.npy",
        "--epochs",
        "60",
        "--batch-size",
        "100",
        "--set",
        "hidden=64",
    ]
    assert call(*arguments, "--out", "whole", "-q").status == 0
    # Checkpoints of the whole program come every 20 seconds; here one after each step.
    code = (
        "import sys; from graphurl.training.trainer import Settings; "
        "Settings.__init__.__defaults__ = (*Settings.__init__.__defaults__[:-1], 0.0); "
        "from graphurl.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", code, *arguments, "--out", "run"]
    running = subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    metrics = tmp_path / "run" / "metrics.jsonl"
    deadline = time.monotonic() + 120
    while not (metrics.exists() and metrics.read_text().count("\n") > 5):
        assert time.monotonic() < deadline
        assert running.poll() is None, running.communicate()[1]
        time.sleep(0.02)
    running.send_signal(number)
    _, err = running.communicate(timeout=120)
    assert running.returncode == (130 if number == signal.SIGINT else -number)
    if number == signal.SIGINT:
        assert "go on with: graphurl embed" in err
    assert call(*arguments, "--resume", "--out", "run", "-q").status == 0
    whole, run = tmp_path / "whole", tmp_path / "run"
    assert (run / "embedding.npy").read_bytes() == (whole / "embedding.npy").read_bytes()
    assert stripped(run) == stripped(whole)
