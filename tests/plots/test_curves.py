from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from graphurl.errors import InputError
from graphurl.plots import curves


def history() -> list[dict[str, Any]]:
    return [
        {"epoch": e, "lr": 10.0 ** (-e), "loss": 1 / e, "effective_rank": 2.0, "note": "x", "done": True}
        for e in range(1, 8)
    ]


def panels(figure: Any) -> dict[str, Any]:
    return {axes.get_title(loc="left"): axes for axes in figure.axes if axes.get_visible()}


def test_a_panel_per_number_the_loss_first(tmp_path: Path, rng_untouched: None) -> None:
    path = tmp_path / "curves.png"
    figure = curves(history(), title="run", path=path)
    found = panels(figure)
    assert list(found) == ["loss", "lr", "effective rank"]
    x, y = found["loss"].lines[0].get_data()
    assert list(x) == list(range(1, 8))
    assert list(y) == [1 / e for e in range(1, 8)]
    assert found["loss"].get_title(loc="right") == "0.1429"
    assert path.stat().st_size > 5000
    with Image.open(path) as picture:
        assert picture.size == (1530, 450)


def test_a_wide_range_gets_a_log_scale() -> None:
    found = panels(curves(history()))
    assert (found["lr"].get_yscale(), found["loss"].get_yscale()) == ("log", "linear")


def test_numbers_may_come_late_or_be_nan() -> None:
    records = history()
    records[4]["loss"] = math.nan
    records[6]["accuracy"] = 0.5
    found = panels(curves(records))
    assert list(found["loss"].lines[0].get_xdata()) == [1, 2, 3, 4, 6, 7]
    assert list(found["accuracy"].lines[0].get_xdata()) == [7]
    assert len(panels(curves(records, keys=["loss"]))) == 1


def test_without_epochs_records_are_counted() -> None:
    found = panels(curves([{"loss": 2.0}, {"loss": 1.0}]))
    assert list(found["loss"].lines[0].get_xdata()) == [1, 2]


def test_only_nan_still_draws() -> None:
    curves([{"loss": math.nan}])


def test_nothing_to_draw_is_said() -> None:
    with pytest.raises(InputError, match="the history has no numbers: it has nothing to draw"):
        curves([])
    with pytest.raises(InputError, match="the history has no 'los': it has loss, lr"):
        curves(history(), keys=["los"])
