"""Measurements of a table: each made once, kept as a file, and not repeated."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from graphurl.embedding import write_json


class Named(Protocol):
    """A line of a table."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...


Line = TypeVar("Line", bound=Named)


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

    def path(self, row: Line, seed: int) -> Path:
        """The file of a line and a seed."""
        text = json.dumps(self.values(row, seed), sort_keys=True, default=str)
        return self.folder / f"{_plain_name(row.name)}-{seed}-{hashlib.sha256(text.encode()).hexdigest()[:8]}.json"

    def measure(self, rows: Sequence[Line], seeds: Sequence[int]) -> Iterator[tuple[Line, int, dict[str, Any], bool]]:
        """Measures what is missing, seed by seed, and yields every measurement and whether it is new."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            for row in rows:
                path = self.path(row, seed)
                known = read(path)
                if known is None:
                    known = self.run(row, seed)
                    write_json(path, known)
                    yield row, seed, known, True
                else:
                    yield row, seed, known, False

    def known(self, row: Line, seeds: Sequence[int]) -> list[dict[str, Any]]:
        """The measurements of a line that exist."""
        found = (read(self.path(row, seed)) for seed in seeds)
        return [values for values in found if values is not None]


def read(path: Path) -> dict[str, Any] | None:
    """A measurement, or None where there is none that can be read."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return values if isinstance(values, dict) else None


def _plain_name(name: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in name).strip("-")
