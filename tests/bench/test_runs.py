"""Measurements that are kept: which file belongs to which run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from graphurl import registry
from graphurl.bench.images import FULL, Row
from graphurl.bench.runs import Bench


def test_another_value_anywhere_is_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    row = Row("a", "byol", {"lr": 1e-3})
    bench = Bench(FULL, tmp_path)
    path = bench.path(row, 0)
    assert path == Bench(FULL, tmp_path).path(Row("a", "byol", {"lr": 1e-3}), 0)
    others = {
        bench.path(row, 1),
        bench.path(replace(row, variant="subset:10"), 0),
        bench.path(replace(row, changes={"lr": 2e-3}), 0),
        Bench(replace(FULL, steps=10), tmp_path).path(row, 0),
        Bench(replace(FULL, data="stl-10"), tmp_path).path(row, 0),
    }
    recipe = registry.resolve("recipes", "byol")
    with monkeypatch.context() as changed:
        changed.setattr("graphurl.recipes.images.BYOL", recipe.but(ema=0.5))
        others.add(bench.path(row, 0))
    assert len(others - {path}) == 6
    assert bench.path(row, 0) == path
