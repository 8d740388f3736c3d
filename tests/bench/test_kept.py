"""Measurements in turn: each made once, a failing line left out with its reason until it does not fail."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from graphurl.bench.kept import Kept, in_turn, missing
from graphurl.errors import InputError, RunError


@dataclass(frozen=True)
class Line:
    name: str


class Table(Kept[Line]):
    """Counts its runs; some lines fail, and one has no seed."""

    def __init__(self, folder: Path, failing: dict[tuple[str, int], Exception] | None = None) -> None:
        super().__init__(folder)
        self.failing, self.ran = failing or {}, []  # type: tuple[dict[tuple[str, int], Exception], list[str]]

    def repeats(self, row: Line, seeds: Sequence[int]) -> Sequence[int]:
        return seeds[:1] if row.name == "fixed" else seeds

    def values(self, row: Line, seed: int) -> Any:
        return [row.name, seed]

    def run(self, row: Line, seed: int) -> dict[str, Any]:
        self.ran.append(f"{row.name}{seed}")
        if (row.name, seed) in self.failing:
            raise self.failing[row.name, seed]
        return {"value": seed}


ROWS = [Line("a"), Line("fixed"), Line("b")]
FAILING: dict[tuple[str, int], Exception] = {("a", 1): RunError("the loss became nan: lower lr")}


def test_lines_take_turns_and_one_that_fails_is_left_out(tmp_path: Path) -> None:
    tables = {"x": Table(tmp_path / "x", FAILING), "y": Table(tmp_path / "y")}
    told: list[tuple[str, str, int, Any]] = []
    found = in_turn(tables, ROWS, range(3), lambda key, row, seed, outcome: told.append((key, row.name, seed, outcome)))
    assert tables["x"].ran == ["a0", "fixed0", "b0", "a1", "b1", "b2"]
    assert tables["y"].ran == ["a0", "fixed0", "b0", "a1", "b1", "a2", "b2"]
    assert [run["value"] for run in found["x"]["a"]] == [0]
    assert [run["value"] for run in found["y"]["a"]] == [run["value"] for run in found["x"]["b"]] == [0, 1, 2]
    assert [entry[:3] for entry in told[:7]] == [
        ("x", "a", 0), ("x", "fixed", 0), ("x", "b", 0), ("y", "a", 0), ("y", "fixed", 0), ("y", "b", 0), ("x", "a", 1),
    ]  # fmt: skip
    assert isinstance(told[6][3], RunError)
    reasons = tables["x"].left_out(ROWS, range(3))
    assert missing(reasons) == "a is left out: the loss became nan: lower lr"
    assert missing(tables["y"].left_out(ROWS, range(3))) == ""


def test_nothing_is_measured_twice_but_what_failed(tmp_path: Path) -> None:
    in_turn({0: Table(tmp_path, FAILING)}, ROWS, range(2), lambda *given: None)
    again = Table(tmp_path)
    told: list[Any] = []
    found = in_turn({0: again}, ROWS, range(2), lambda *given: told.append(given))
    assert (again.ran, len(told)) == (["a1"], 1)
    assert found[0] == {row.name: again.known(row, range(2)) for row in ROWS}
    assert again.left_out(ROWS, range(2)) == {}
    assert len(list(tmp_path.iterdir())) == 5


def test_a_wrong_call_ends_all(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no labels"):
        in_turn({0: Table(tmp_path, {("a", 0): InputError("no labels")})}, ROWS, range(2), lambda *given: None)
