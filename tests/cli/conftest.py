"""A small table, and calls of the command line in this process."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from graphurl.cli import main


class Called(NamedTuple):
    status: int
    out: str
    err: str


Call = Callable[..., Called]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Runs the command line inside an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> Called:
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Called(status, captured.out, captured.err)

    return run


def table(rows: int = 40, columns: int = 5, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = np.where(np.arange(rows)[:, None] % 2 == 0, 0.0, 1.0)
    return (rng.normal(size=(rows, columns)) + centres).astype(np.float32)


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    """40 named rows of 5 numbers in two groups, with labels."""
    path = tmp_path / "rows.csv"
    names = ",".join(f"f{column}" for column in range(5))
    lines = [f"id,{names},label"]
    for number, row in enumerate(table()):
        cells = ",".join(str(float(value)) for value in row)
        lines.append(f"s{number},{cells},{'ab'[number % 2]}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def small(rows: Path) -> list[str]:
    """Arguments of a run that takes a moment."""
    return [
        "embed",
        "--features",
        str(rows),
        "--epochs",
        "2",
        "--n-neighbors",
        "5",
        "--set",
        "hidden=16",
        "depth=2",
        "over=rows",  # sampled pairs: no layout is made first, which takes longer
    ]
