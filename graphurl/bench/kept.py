"""Measurements of a table: each made once, kept as a file, and not repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from graphurl.embedding import write_json, write_text
from graphurl.errors import RunError


class Named(Protocol):
    """A line of a table."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...


Line = TypeVar("Line", bound=Named)
Key = TypeVar("Key")


class Kept(Generic[Line]):
    """A table in the making: a file for each line and seed in one folder.

    Args:
        folder: Where measurements are kept.
    """

    def __init__(self, folder: Path) -> None:
        """Reads nothing yet."""
        self.folder = folder

    def values(self, row: Line, seed: int) -> Any:
        """All that a measurement depends on, as plain values; other values have another file."""
        raise NotImplementedError

    def run(self, row: Line, seed: int) -> dict[str, Any]:
        """Makes one measurement."""
        raise NotImplementedError

    def repeats(self, row: Line, seeds: Sequence[int]) -> Sequence[int]:
        """The seeds that are worth measuring: all, unless nothing in a line depends on them."""
        return seeds

    def path(self, row: Line, seed: int) -> Path:
        """The file of a line and a seed."""
        text = json.dumps(self.values(row, seed), sort_keys=True, default=str)
        return self.folder / f"{_plain_name(row.name)}-{seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"

    def measure(self, rows: Sequence[Line], seeds: Sequence[int]) -> Iterator[tuple[Line, int, dict[str, Any], bool]]:
        """Measures what is missing, seed by seed, and yields every measurement and whether it is new."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            for row in (row for row in rows if seed in self.repeats(row, seeds)):
                path = self.path(row, seed)
                known = read(path)
                if known is None:
                    known = self._run(row, seed, path.with_suffix(".txt"))
                    write_json(path, known)
                    yield row, seed, known, True
                else:
                    yield row, seed, known, False

    def known(self, row: Line, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """The measurements of a line that exist."""
        found = (read(self.path(row, seed)) for seed in self.repeats(row, seeds))
        return [values for values in found if values is not None]

    def left_out(self, rows: Sequence[Line], seeds: Sequence[int]) -> dict[str, str]:
        """Lines of which a measurement failed, and why."""
        reasons: dict[str, str] = {}
        for row in rows:
            notes = (self.path(row, seed).with_suffix(".txt") for seed in self.repeats(row, seeds))
            for note in (note for note in notes if note.is_file()):
                reasons.setdefault(row.name, note.read_text(encoding="utf-8").strip())
        return reasons

    def _run(self, row: Line, seed: int, note: Path) -> dict[str, Any]:
        """A measurement; why one failed is noted until it does not."""
        try:
            found = self.run(row, seed)
        except RunError as error:
            write_text(note, f"{error}\n")
            raise
        note.unlink(missing_ok=True)
        return found


def in_turn(
    benches: Mapping[Key, Kept[Line]],
    rows: Sequence[Line],
    seeds: Sequence[int],
    tell: Callable[[Key, Line, int, dict[str, Any] | RunError], None],
) -> dict[Key, dict[str, list[dict[str, Any]]]]:
    """Measures several tables: a seed of every line before the next seed of any. A line that fails is left out.

    Args:
        benches: The tables.
        rows: Their lines.
        seeds: Seeds, or numbers of repeats.
        tell: Called with each new measurement, and with the reason where a line is left out from here on.

    Returns:
        The measurements of each table by the names of its lines.
    """
    found: dict[Key, dict[str, list[dict[str, Any]]]] = {key: {row.name: [] for row in rows} for key in benches}
    absent = set()
    for seed in seeds:
        for key, bench in benches.items():
            for row in (row for row in rows if (key, row.name) not in absent and seed in bench.repeats(row, seeds)):
                try:
                    for _, _, values, new in bench.measure([row], [seed]):
                        found[key][row.name].append(values)
                        if new:
                            tell(key, row, seed, values)
                except RunError as error:
                    absent.add((key, row.name))
                    tell(key, row, seed, error)
    return found


def missing(reasons: Mapping[str, str]) -> str:
    """Says which lines a table lacks and why; "" where it lacks none."""
    return "\n".join(f"{name} is left out: {reason}" for name, reason in reasons.items())


def read(path: Path) -> dict[str, Any] | None:
    """A measurement, or None where there is none that can be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _plain_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")
