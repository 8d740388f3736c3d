"""Tables (csv, tsv, parquet, data frames) to samples: which columns are ids, labels and features."""

from __future__ import annotations

import csv
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.labels import class_labels
from graphurl.data.samples import Samples, check_finite
from graphurl.errors import InputError, unknown

ID_NAMES = ("id", "ids", "index", "")
LABEL_NAMES = ("label", "labels", "y", "target")
AUTO = "auto"


@dataclass(frozen=True)
class Roles:
    """Which column is what.

    Attributes:
        ids: Position of the id column, or None.
        labels: Position of the label column, or None.
        features: Positions of all other columns.
    """

    ids: int | None
    labels: int | None
    features: tuple[int, ...]


def find_roles(
    columns: Sequence[str], name: str, *, label_column: str | None, id_column: str | None
) -> Roles:
    """Finds the id and the label column by name.

    Args:
        columns: Column names.
        name: Of the table, for errors.
        label_column: Name of the label column; "auto" looks for label, labels, y and target; None means none.
        id_column: Name of the id column; "auto" looks for id, ids, index and a first column without a name.

    Returns:
        The roles.

    Raises:
        InputError: Where a named column does not exist, a name occurs twice, or no feature is left.
    """
    ids = _find(columns, id_column, ID_NAMES, "id column", name)
    labels = _find(columns, label_column, LABEL_NAMES, "label column", name)
    features = tuple(position for position in range(len(columns)) if position not in (ids, labels))
    if not features:
        raise InputError(
            f"{name}: no feature column besides {', '.join(map(repr, columns))}: give at least one"
        )
    return Roles(ids, labels, features)


def _find(
    columns: Sequence[str], wanted: str | None, usual: Sequence[str], kind: str, name: str
) -> int | None:
    if wanted is None:
        return None
    if wanted != AUTO:
        if columns.count(wanted) != 1:
            raise InputError(f"{name}: {unknown(kind, wanted, columns)}")
        return columns.index(wanted)
    found = [position for position, column in enumerate(columns) if column.strip().lower() in usual]
    if len(found) > 1:
        names = " and ".join(repr(columns[position]) for position in found)
        raise InputError(f"{name}: {names} could each be the {kind}: name the one to use")
    return found[0] if found else None


@dataclass
class _Body:
    """What is collected while a text table is read."""

    features: array[float] = field(default_factory=lambda: array("f"))
    ids: list[str] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    rows: int = 0


def read_text(
    path: Path, *, delimiter: str | None = None, label_column: str | None = AUTO, id_column: str | None = AUTO
) -> Samples:
    """Reads a csv or tsv file, with or without a header row.

    Args:
        path: The file, UTF-8.
        delimiter: Between cells; None takes tab for .tsv, else what the first line has most of: , ; tab, or
            failing these, blanks.
        label_column: See `find_roles`.
        id_column: See `find_roles`.

    Returns:
        The samples.

    Raises:
        InputError: For an empty file, or with the line number for rows of other length and cells that are no
            numbers.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            rows = csv.reader(stream, delimiter=delimiter or _delimiter(path, first), skipinitialspace=True)
            return _parse(rows, path, label_column, id_column)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start}): save it as UTF-8"
        ) from error
    except csv.Error as error:
        raise InputError(f"{path}: not a csv file ({error}): check the quotes") from error


def _delimiter(path: Path, first: str) -> str:
    if path.suffix.lower() == ".tsv":
        return "\t"
    marks = [mark for mark in ",;\t" if mark in first]
    # Blanks only part cells in a line of numbers: a single column may have a name of several words.
    blanks = not marks and all(_is_number(word) for word in first.split())
    return " " if blanks else max(marks or [","], key=first.count)


def _parse(rows: Iterator[list[str]], path: Path, label_column: str | None, id_column: str | None) -> Samples:
    numbered = ((rows.line_num, row) for row in rows if row)  # type: ignore[attr-defined]
    line, first = next(numbered, (0, []))
    if not first:
        raise InputError(f"{path}: empty: give a header row and at least one row of numbers")
    named = not any(_is_number(cell) for cell in first)
    columns = [cell.strip() for cell in first] if named else [f"column {i + 1}" for i in range(len(first))]
    if len(set(columns)) != len(columns):
        twice = next(column for column in columns if columns.count(column) > 1)
        raise InputError(f"{path}: the header has the column {twice!r} twice: rename one")
    roles = find_roles(columns, str(path), label_column=label_column, id_column=id_column)
    body = _Body()
    if not named:
        _add_row(body, first, line, columns, roles, path)
    for line, row in numbered:
        _add_row(body, row, line, columns, roles, path)
    if body.rows == 0:
        raise InputError(f"{path}: a header but no rows: give at least one row of numbers")
    x = np.frombuffer(body.features, dtype=np.float32).reshape(body.rows, len(roles.features))
    y, classes = (
        class_labels(_numbers_or_text(body.labels), body.rows, str(path)) if body.labels else (None, None)
    )
    return Samples(
        name=path.stem,
        x=torch.from_numpy(x.copy()),
        y=y,
        classes=classes,
        ids=tuple(body.ids) or None,
        feature_names=tuple(columns[position] for position in roles.features) if named else None,
        provenance={"source": "file", "path": str(path)},
    )


def _add_row(body: _Body, row: list[str], line: int, columns: list[str], roles: Roles, path: Path) -> None:
    if len(row) != len(columns):
        raise InputError(
            f"{path}: line {line} has {len(row)} cells, the first line has {len(columns)}: mend the line"
        )
    try:
        values = [float(row[position]) for position in roles.features]
    except ValueError as error:
        raise _bad_cell(row, line, columns, roles, path) from error
    if not all(
        -3.4028235677973366e38 < value < 3.4028235677973366e38 for value in values
    ):  # also refuses NaN
        raise _bad_cell(row, line, columns, roles, path)
    body.features.extend(values)
    if roles.ids is not None:
        body.ids.append(row[roles.ids])
    if roles.labels is not None:
        body.labels.append(row[roles.labels])
    body.rows += 1


def _bad_cell(row: list[str], line: int, columns: list[str], roles: Roles, path: Path) -> InputError:
    """Says what is wrong with the first cell of a row that is not a finite number."""
    for position in roles.features:
        cell = row[position].strip()
        where = f"{path}: line {line}, column {columns[position]!r}"
        if cell.lower() in ("", "na", "n/a", "nan", "none", "null", "inf", "-inf"):
            return InputError(
                f"{where}: {cell or 'empty'!r} is missing or not finite: fill or drop it (no NaN, no Inf)"
            )
        if not _is_number(cell):
            return InputError(
                f"{where}: {cell!r} is not a number: encode text, or name the label or id column"
            )
    return InputError(f"{path}: line {line}: a value is too large for float32: rescale it")


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _numbers_or_text(cells: list[str]) -> npt.NDArray[np.generic]:
    """Labels as numbers where all known ones are numbers, else as text."""
    try:
        return np.array([float(cell) if cell.strip() else np.nan for cell in cells])
    except ValueError:
        return np.array(cells, dtype=object)


def frame_samples(
    names: Sequence[str],
    columns: Sequence[npt.NDArray[np.generic]],
    name: str,
    *,
    label_column: str | None = AUTO,
    id_column: str | None = AUTO,
    ids: Sequence[str] | None = None,
) -> Samples:
    """Builds samples from named columns: data frames and parquet files.

    Args:
        names: Column names.
        columns: One array (N,) per name.
        name: Of the table.
        label_column: See `find_roles`.
        id_column: See `find_roles`.
        ids: Names of the rows, used where no id column is found.

    Returns:
        The samples.

    Raises:
        InputError: For columns that are not numeric, NaN or Inf.
    """
    if not columns or len(columns[0]) == 0:
        raise InputError(f"{name}: empty: give at least one row and one column")
    roles = find_roles(names, name, label_column=label_column, id_column=id_column)
    x = np.empty((len(columns[0]), len(roles.features)), dtype=np.float32)
    for target, position in enumerate(roles.features):
        x[:, target] = _numeric(columns[position], names[position], name)
    features = torch.from_numpy(x)
    check_finite(features, name)
    y, classes = (None, None) if roles.labels is None else class_labels(columns[roles.labels], len(x), name)
    given = ids if roles.ids is None else [str(item) for item in columns[roles.ids].tolist()]
    return Samples(
        name=name,
        x=features,
        y=y,
        classes=classes,
        ids=None if given is None else tuple(given),
        feature_names=tuple(names[position] for position in roles.features),
        provenance={"source": "table"},
    )


def _numeric(values: npt.NDArray[np.generic], column: str, name: str) -> npt.NDArray[np.generic]:
    if values.dtype.kind == "O":  # nullable number columns arrive as objects with None
        try:
            return np.array([np.nan if item is None else item for item in values.tolist()], dtype=np.float64)
        except (TypeError, ValueError):
            pass
    if values.dtype.kind not in "biuf":
        raise InputError(
            f"{name}: column {column!r} holds {values.dtype}, not real numbers: encode or drop it"
        )
    return values
