"""Going on bit for bit: after Ctrl-C, after a kill, in mid-epoch, with every optimiser and any source."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from graphurl.errors import InputError
from graphurl.relations import FullBatch, Objective, RowFeed
from graphurl.training import EarlyStop, MetricsFile, Settings, Trained, Trainer, checkpoint
from graphurl.training.schedule import OPTIMISERS
from tests.training.small import Killed, Troubled, ctrl_c, features, kill, objective, ring, same_state, without_time


def broken_run(
    path: Path, settings: Settings, at: int, *, killed: bool = False, callbacks: Any = (), **choices: Any
) -> tuple[Objective, Trained]:
    """A run that ends before step `at`, and goes on with fresh objects."""
    first = objective(**choices)
    first.draw = Troubled(first.draw, at, kill if killed else ctrl_c)
    trainer = Trainer(settings, checkpoint=path, callbacks=callbacks)
    if killed:
        with pytest.raises(Killed):
            trainer.fit(first)
    else:
        run = trainer.fit(first)
        assert run.status == "interrupted"
        assert not first.training
    second = objective(**choices)
    return second, Trainer(settings, checkpoint=path, callbacks=callbacks).fit(second, resume=True)


CASES = [
    *[(name, "static", "mlp", 0.0) for name in OPTIMISERS],
    ("adam", "static", "mlp", 0.5), ("adamw", "dynamic", "mlp", 0.3), ("adam", "dynamic", "gcn", 0.3),
    ("sgd", "queue", "mlp", 0.0), ("adam", "queue", "mlp", 0.3),
]  # fmt: skip


@pytest.mark.parametrize(("name", "source", "encoder", "dropout"), CASES)
@pytest.mark.parametrize("killed", [False, True])
def test_a_broken_run_goes_on_bit_for_bit(
    name: str, source: str, encoder: str, dropout: float, killed: bool, tmp_path: Path
) -> None:
    """Three batches an epoch: the breaks lie in mid-epoch, at the end of one, and before the first step is done."""
    decay = 0.0 if name == "gains" else 0.01  # which has none
    settings = Settings(epochs=4, lr=0.03, optimiser=name, weight_decay=decay, clip=1.0, checkpoint_seconds=0)
    choices: dict[str, Any] = {"source": source, "encoder": encoder, "dropout": dropout}
    whole = objective(**choices)
    unbroken = Trainer(settings, checkpoint=tmp_path / "whole").fit(whole)
    expected = load_file(tmp_path / "whole")
    for at in (1, 4, 6):
        path = tmp_path / f"broken-{at}"
        second, resumed = broken_run(path, settings, at, killed=killed, **choices)
        assert resumed.status == "finished"
        assert without_time(resumed) == without_time(unbroken)
        assert same_state(second, whole)
        found = load_file(path)
        assert list(found) == list(expected)
        for key, value in expected.items():
            assert torch.equal(found[key], value), key


def test_momentum_of_zero_and_no_state_yet(tmp_path: Path) -> None:
    for momentum, at in itertools.product((0.0, 0.9), (0, 2)):
        settings = Settings(epochs=2, optimiser="sgd", momentum=momentum, lr=0.1)
        whole = objective()
        Trainer(settings).fit(whole)
        second, _ = broken_run(tmp_path / f"{momentum}-{at}", settings, at)
        assert same_state(second, whole)


def test_several_breaks_are_as_none(tmp_path: Path) -> None:
    path, settings = tmp_path / "c", Settings(epochs=4, lr=0.03)
    whole = objective(dropout=0.5)
    unbroken = Trainer(settings).fit(whole)
    part = objective()
    for _ in range(12):
        part = objective(dropout=0.5)
        part.draw = Troubled(part.draw, 1, ctrl_c)
        run = Trainer(settings, checkpoint=path).fit(part, resume=True)
        if run.status == "finished":
            break
    assert same_state(part, whole)
    assert without_time(run) == without_time(unbroken)


def test_a_finished_run_is_left_as_it_is(tmp_path: Path) -> None:
    path, settings = tmp_path / "c", Settings(epochs=2)
    whole = objective()
    first = Trainer(settings, checkpoint=path).fit(whole)
    again = objective()
    second = Trainer(settings, checkpoint=path).fit(again, resume=True)
    assert same_state(again, whole)
    assert second.history == first.history
    assert second.status == "finished"


def test_without_a_checkpoint_resume_begins(tmp_path: Path) -> None:
    a, b = objective(), objective()
    Trainer(Settings(epochs=2)).fit(a)
    Trainer(Settings(epochs=2), checkpoint=tmp_path / "c").fit(b, resume=True)
    assert same_state(a, b)


def test_early_stop_after_a_break_is_that_of_the_unbroken_run(tmp_path: Path) -> None:
    settings = Settings(epochs=60, lr=0.05)
    whole = objective()
    unbroken = Trainer(settings, callbacks=[EarlyStop(3)]).fit(whole)
    assert unbroken.status == "stopped"
    assert len(unbroken.history) > 4
    at = 3 * (len(unbroken.history) - 1) + 1
    second, resumed = broken_run(tmp_path / "c", settings, at, callbacks=[EarlyStop(3)])
    assert resumed.status == "stopped"
    assert without_time(resumed) == without_time(unbroken)
    assert same_state(second, whole)


@pytest.mark.parametrize("killed", [False, True])
def test_metrics_after_a_break_list_each_epoch_once(killed: bool, tmp_path: Path) -> None:
    settings, path = Settings(epochs=5, checkpoint_seconds=100 if killed else 20), tmp_path / "metrics.jsonl"
    first = objective()
    first.draw = Troubled(first.draw, 10, kill if killed else ctrl_c)
    trainer = Trainer(settings, checkpoint=tmp_path / "c", callbacks=[MetricsFile(path)])
    try:
        trainer.fit(first)
    except Killed:
        assert len(path.read_text().splitlines()) == 3, "lines beyond the checkpoint"
    run = Trainer(settings, checkpoint=tmp_path / "c", callbacks=[MetricsFile(path)]).fit(objective(), resume=True)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert [line["epoch"] for line in lines] == [1, 2, 3, 4, 5]
    assert lines == run.history


@pytest.mark.parametrize("breaks", ["os.replace", "save_file"])
def test_a_writer_that_dies_leaves_the_previous_checkpoint(
    breaks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "c"
    Trainer(Settings(epochs=1), checkpoint=path).fit(objective())
    before = path.read_bytes()

    def half(tensors: object, target: Path, **rest: object) -> None:
        Path(target).write_bytes(before[: len(before) // 2])
        raise OSError(28, "No space left on device")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if breaks == "os.replace":
        monkeypatch.setattr(checkpoint.os, "replace", fail)
    else:
        monkeypatch.setattr(checkpoint, "save_file", half)
    with pytest.raises(OSError, match="No space"):
        Trainer(Settings(epochs=2), checkpoint=path).fit(objective())
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["c"], "no scratch file stays"


def write(path: Path, keep: float = 1.0) -> None:
    Trainer(Settings(epochs=1), checkpoint=path).fit(objective())
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * keep)])


def test_what_is_no_checkpoint_is_refused_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / "c"
    contents: dict[str, Any] = {
        "foreign": lambda: save_file({"a": torch.zeros(2)}, path),
        "newer": lambda: save_file(
            {"a": torch.zeros(2)}, path, {"format": checkpoint.FORMAT, "version": "99", "meta": "{}"}
        ),
        "hollow": lambda: save_file({"a": torch.zeros(2)}, path, {"format": checkpoint.FORMAT, "version": "1"}),
        "odd version": lambda: save_file({"a": torch.zeros(2)}, path, {"format": checkpoint.FORMAT, "version": "x"}),
        "half": lambda: write(path, 0.5),
        "empty": lambda: path.write_bytes(b""),
        "text": lambda: path.write_text("hello" * 100),
    }
    for name, make in contents.items():
        make()
        with pytest.raises(InputError, match="delete it and train again") as caught:
            Trainer(Settings(epochs=1), checkpoint=path).fit(objective(), resume=True)
        assert "\n" not in str(caught.value), name
        assert str(path) in str(caught.value)


def test_a_checkpoint_of_another_model_or_optimiser_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "c")
    for changes in ({"encoder": "gcn"}, {"source": "queue"}):
        with pytest.raises(InputError, match="another model|other shapes") as caught:
            Trainer(Settings(epochs=2), checkpoint=tmp_path / "c").fit(objective(**changes), resume=True)
        assert "\n" not in str(caught.value)


def test_other_settings_or_other_data_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "c"
    write(path)
    for changes, words in (
        ({"optimiser": "sgd"}, "optimiser (was adam, now sgd)"), ({"lr": 0.5}, "lr (was 0.001, now 0.5)"),
        ({"epochs": 7}, "epochs (was 1, now 7)"), ({"seed": 3}, "seed (was 0, now 3)"),
    ):  # fmt: skip
        settings = Settings(**{"epochs": 1, **changes})  # type: ignore[arg-type]
        with pytest.raises(InputError, match="other settings.*delete it and train again") as caught:
            Trainer(settings, checkpoint=path).fit(objective(), resume=True)
        assert words in str(caught.value)
    other = objective()
    other.draw = FullBatch(ring(), RowFeed(features()))
    with pytest.raises(InputError, match=r"steps \(was 3, now 1\)"):
        Trainer(Settings(epochs=1), checkpoint=path).fit(other, resume=True)
    Trainer(Settings(epochs=1, checkpoint_seconds=3), checkpoint=path).fit(objective(), resume=True)


def test_no_pickle_and_everything_in_it(tmp_path: Path) -> None:
    settings = Settings(epochs=1)
    whole = objective(source="queue")
    Trainer(settings, checkpoint=tmp_path / "c").fit(whole)
    names = set(load_file(tmp_path / "c"))
    assert {f"model.{key}" for key in whole.state_dict()} <= names
    assert {"random.draw", "random.global"} <= names
    assert {"optimiser.0.exp_avg", "optimiser.0.exp_avg_sq", "optimiser.0.step"} <= names
    assert not (tmp_path / "c").read_bytes().startswith((b"\x80", b"PK"))
