"""What other programs know a row by: a name and a label, both as text."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from graphurl.data.samples import UNKNOWN, Samples


def row_ids(count: int, ids: Sequence[str] | None = None) -> list[str]:
    """The names of rows; without any, their numbers.

    Args:
        count: How many rows.
        ids: Their names, where they have any.
    """
    return [str(name) for name in (range(count) if ids is None else ids)]


def label_texts(samples: Samples | None) -> list[str | None] | None:
    """The class of each row by its name; None where it is unknown.

    Args:
        samples: The data; without labels, or without data, there are none.
    """
    if samples is None or samples.y is None:
        return None
    names, values = samples.classes, samples.y.tolist()
    return [None if value == UNKNOWN else str(value) if names is None else names[value] for value in values]


@contextmanager
def scratch(target: Path) -> Iterator[Path]:
    """A file beside the target, which it replaces when all has gone well.

    Args:
        target: The file to write.
    """
    beside = target.with_name(f".{target.name}.{os.getpid()}.tmp{target.suffix}")
    try:
        yield beside
        os.replace(beside, target)
    finally:
        beside.unlink(missing_ok=True)
