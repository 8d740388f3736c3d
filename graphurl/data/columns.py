"""Tables of anything that is known of samples: named columns of numbers or text, in the samples' order."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from graphurl.data.files import parquet_table
from graphurl.data.tables import AUTO, find_roles
from graphurl.errors import InputError

TEXT, PARQUET = (".csv", ".tsv", ".txt"), (".parquet", ".pq")
Column = npt.NDArray[np.generic]


def read_columns(path: str | Path, count: int, ids: Sequence[str] | None = None) -> dict[str, Column]:
    """Reads a table of metadata.

    With a column id (ids, index) and samples that have names, rows belong to the samples of those names: samples that
    the table leaves out are unknown, rows of other names are passed over. Else the rows are in the samples' order.

    Args:
        path: .csv, .tsv or .txt with a header, or .parquet.
        count: Number of samples N.
        ids: Their names.

    Returns:
        The columns by name, (N,) each: numbers as float64, NaN where unknown; text as objects, "" where unknown.

    Raises:
        InputError: For a missing or damaged file, a table of another length, or names of which none is known.
    """
    place = Path(path)
    if not place.is_file():
        raise InputError(f"{place}: no such table: check the path")
    if place.suffix.lower() not in (*TEXT, *PARQUET):
        raise InputError(f"{place}: give a table, {', '.join((*TEXT, *PARQUET))}")
    table = (_parquet if place.suffix.lower() in PARQUET else _text)(place)
    roles = find_roles(list(table), str(place), label_column=None, id_column=AUTO)
    names = list(table)
    keys = None if roles.ids is None else [str(key) for key in table.pop(names[roles.ids])]
    length = len(next(iter(table.values())))
    if keys is None or ids is None:
        if length != count:
            raise InputError(f"{place}: {length} rows for {count} samples: give one per row, or a column id")
        return {name: _typed(values) for name, values in table.items()}
    place_of = {key: row for row, key in enumerate(keys)}
    if len(place_of) < len(keys):
        twice = next(key for key in keys if keys.count(key) > 1)
        raise InputError(f"{place}: the id {twice!r} occurs twice: keep one row of it")
    order = [place_of.get(name, -1) for name in ids]
    if max(order) < 0:
        raise InputError(f"{place}: none of its {len(keys)} ids is the id of a sample, such as {ids[0]!r}")
    return {name: _typed(["" if row < 0 else values[row] for row in order]) for name, values in table.items()}


def _text(path: Path) -> dict[str, list[object]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            marks = "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)
            rows = [row for row in csv.reader(stream, delimiter=marks) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: no UTF-8 table ({error}): save it as csv") from error
    if len(rows) < 2:
        raise InputError(f"{path}: give a header and at least one row")
    header = [name.strip() for name in rows[0]]
    if len(set(header)) < len(header):
        twice = next(name for name in header if header.count(name) > 1)
        raise InputError(f"{path}: the header has the column {twice!r} twice: rename one")
    ragged = next((line for line, row in enumerate(rows, start=1) if len(row) != len(header)), None)
    if ragged is not None:
        raise InputError(f"{path}: row {ragged} has {len(rows[ragged - 1])} cells, the header {len(header)}: mend it")
    return {name: [row[place].strip() for row in rows[1:]] for place, name in enumerate(header)}


def _parquet(path: Path) -> dict[str, list[object]]:
    table = parquet_table(path)
    if not table.num_rows or not table.num_columns:
        raise InputError(f"{path}: empty: give at least one row and one column")
    return {name: column.to_pylist() for name, column in zip(table.column_names, table.columns, strict=True)}


def _typed(values: Sequence[object]) -> Column:
    """Numbers where all known cells are numbers, else text."""
    cells = ["" if value is None else value for value in values]
    try:
        return np.array([np.nan if cell == "" else float(cell) for cell in cells])  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return np.array([str(cell) for cell in cells], dtype=object)
