"""Callbacks: what they see, when they speak, and when they end a run."""

from __future__ import annotations

import io
import json
import math
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from graphurl.errors import CollapseWarning, RunError
from graphurl.training import CollapseMonitor, EarlyStop, MetricsFile, Progress, Settings, Snapshots, Trainer
from graphurl.training.callbacks import Moment
from tests.training.small import objective


def moment(epoch: int = 1, z: Tensor | None = None, losses: list[float] | None = None) -> Moment:
    history: list[dict[str, Any]] = [
        {"epoch": k + 1, "loss": value} for k, value in enumerate(losses or [1.0] * epoch)
    ]
    z = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) if z is None else z
    return Moment(epoch, 10, history[-1], z, history)


COLLAPSED = torch.ones(20, 3)


def test_monitor_adds_rank_and_spread_and_is_quiet_about_a_good_embedding() -> None:
    now = moment()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert CollapseMonitor()(now) is False
    assert 2 < now.record["effective_rank"] <= 3
    assert now.record["spread"] > 0.1
    json.dumps(now.record)


def test_monitor_warns_once() -> None:
    monitor = CollapseMonitor()
    with pytest.warns(CollapseWarning, match="collapsed in epoch 4.*alike.*far_weight, negatives") as caught:
        assert monitor(moment(4, COLLAPSED)) is False
        assert monitor(moment(5, COLLAPSED)) is False
    assert len(caught) == 1


def test_monitor_raises_when_asked() -> None:
    with pytest.raises(RunError, match="collapsed in epoch 2"):
        CollapseMonitor(fail=True)(moment(2, COLLAPSED))


def test_monitor_looks_at_directions_where_they_are_compared() -> None:
    lengths = torch.linspace(1, 9, 20)[:, None]
    one_way = lengths * (torch.ones(20, 3) + 0.01 * torch.randn(20, 3, generator=torch.Generator().manual_seed(0)))
    CollapseMonitor(fail=True)(moment(2, one_way))
    with pytest.raises(RunError, match="point the same way"):
        CollapseMonitor(fail=True, directions=True)(moment(2, one_way))


def test_monitor_waits_for_its_patience() -> None:
    monitor = CollapseMonitor(fail=True, patience=3)
    good = moment().z
    for z in (COLLAPSED, COLLAPSED, good, COLLAPSED, COLLAPSED):
        monitor(moment(1, z))
    with pytest.raises(RunError):
        monitor(moment(6, COLLAPSED))


def test_monitor_looks_now_and_then_and_always_at_the_first_and_the_last_epoch() -> None:
    monitor = CollapseMonitor(looks=3)
    looked = []
    for epoch in range(1, 11):
        now = Moment(epoch, 10, {"loss": 1.0}, moment().z, [])
        monitor(now)
        looked.append("effective_rank" in now.record)
    assert [epoch for epoch, seen in enumerate(looked, 1) if seen] == [1, 3, 6, 9, 10]


def test_a_run_that_collapses_is_named() -> None:
    whole = objective()
    with torch.no_grad():
        for weight in whole.encoder.parameters():
            weight.zero_()
    with pytest.raises(RunError, match="collapsed in epoch 1"):
        Trainer(Settings(epochs=2, lr=1e-12), callbacks=[CollapseMonitor(fail=True)]).fit(whole)


@pytest.mark.parametrize(
    ("losses", "stops"),
    [
        ([3, 2, 1, 1, 1], True), ([3, 2, 1, 1], False), ([1, 2, 3], True), ([1, 2], False),
        ([3, 2.9999, 2.9998], True), ([-1, -2, -3, -4], False), ([-1, -1.0001, -1.0002], True),
        ([5, 6, 4, 5, 3.9, 4, 3], False), ([0.0, 0.0, 0.0], True),
    ],
)  # fmt: skip
def test_early_stop_counts_epochs_without_a_new_minimum(losses: list[float], stops: bool) -> None:
    assert EarlyStop(2)(moment(losses=losses)) is stops


def test_early_stop_watches_any_value() -> None:
    now = moment(losses=[3, 2, 1])
    for record, spread in zip(now.history, (1.0, 1.0, 1.0), strict=True):
        record["spread"] = spread
    assert EarlyStop(2, key="spread")(now)
    assert not EarlyStop(2)(now)
    assert not EarlyStop(2, tolerance=0.0)(moment(losses=[1, 0.99999, 0.99998]))


def test_early_stop_ends_a_run() -> None:
    run = Trainer(Settings(epochs=50, lr=1e-9), callbacks=[EarlyStop(3, tolerance=10.0)]).fit(objective())
    assert run.status == "stopped"
    assert len(run.history) == 4


def test_metrics_are_a_line_an_epoch(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text("left from another run\n")
    file = MetricsFile(path)
    run = Trainer(Settings(epochs=3), callbacks=[CollapseMonitor(), file]).fit(objective())
    lines = path.read_text().splitlines()
    assert [json.loads(line) for line in lines] == run.history
    assert {"epoch", "loss", "lr", "seconds", "effective_rank", "spread"} == set(json.loads(lines[0]))


def test_progress_is_silent_without_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    assert Progress()(moment()) is False
    assert stream.getvalue() == ""


def test_progress_shows_loss_and_rate_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    bar = Progress()
    for epoch in (9, 10):
        bar(moment(epoch))
        time.sleep(0.12)  # a bar draws itself ten times a second
    assert "loss=1" in stream.getvalue()
    assert "8/10" in stream.getvalue()
    quiet = Terminal()
    monkeypatch.setattr(sys, "stderr", quiet)
    Progress(enabled=False)(moment())
    assert quiet.getvalue() == ""


def test_snapshots_come_every_so_many_epochs() -> None:
    taken: list[int] = []
    Trainer(Settings(epochs=7), callbacks=[Snapshots(3, taken.append)]).fit(objective())
    assert taken == [3, 6]


def test_monitor_of_an_embedding_that_is_not_finite() -> None:
    with pytest.raises(RunError, match="not finite"):
        CollapseMonitor(fail=True)(moment(1, torch.full((5, 2), math.nan)))
