"""Edge tables: frames, CSV, TSV and Parquet with a row per edge and any text or numbers as node ids."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np

from graphurl.errors import InputError
from graphurl.graphs.constructors import from_edge_index
from graphurl.graphs.graph import Graph

COLUMNS = ("source", "target", "weight", "length")
_PARQUET = (".parquet", ".pq")


def from_frame(frame: Any, *, nodes: Sequence[Any] | None = None, undirected: bool = False) -> Graph:
    """Graph from columns source, target and, where there are any, weight and length.

    Nodes are ordered as in `nodes`, else sorted: whole numbers by value, all else as text. Pass `nodes` to
    keep isolated ones, and to bring the nodes in the order of a feature matrix.

    Args:
        frame: A data frame, or a mapping from column names to sequences; it is not changed.
        nodes: Ids of all nodes, in order.
        undirected: Add the way back of every edge, with the larger weight and the smaller length.

    Raises:
        InputError: For a missing column, an empty id, or an edge to a node that is not in `nodes`.
    """
    names = [str(name) for name in (frame if isinstance(frame, Mapping) else frame.columns)]
    missing = [name for name in COLUMNS[:2] if name not in names]
    if missing:
        raise InputError(
            f"the table has no column {missing[0]!r}: it has {', '.join(names)}, needed are source and target"
        )
    columns = {name: list(frame[name]) for name in COLUMNS if name in names}
    places = [f"row {i}" for i in range(len(columns["source"]))] if nodes is not None else None
    return _from_columns(columns, nodes, undirected, {"kind": "table"}, places)


def read_edges(
    path: str | Path,
    *,
    nodes: Sequence[Any] | None = None,
    undirected: bool = False,
    columns: Sequence[str] | None = None,
) -> Graph:
    """Reads a graph from a table of edges.

    Parquet needs the columns source and target, and may have weight and length. Text has one edge per line,
    separated by tabs, commas or blanks (what the first line has, in this order); empty lines and lines that
    start with # are skipped. A header is recognised by the names source and target; without one, the columns
    are source, target and, if there are three, weight. An .npy holds whole numbers, 2 × E or E × 2: nodes count from
    0 in the order of `nodes`, and the graph has no ids.

    Args:
        path: CSV, TSV, Parquet, .npy, or any other text.
        nodes: Ids of all nodes, in order, as in `from_frame`.
        undirected: Add the way back of every edge.
        columns: Names of the columns of a text without header, among source, target, weight and length.

    Raises:
        InputError: Naming file and line.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}: give a table of edges (CSV, TSV, Parquet)")
    if path.suffix == ".npy":
        return _array(path, None if nodes is None else len(nodes), undirected)
    if path.suffix in _PARQUET:
        read = _parquet(path)
        places = None
    else:
        read, places = _text(path, columns)
    return _from_columns(read, nodes, undirected, {"kind": "table", "file": path.name}, places)


def write_edges(graph: Graph, path: str | Path) -> Path:
    """Writes the edges of a graph as a table with source, target and, where there are any, weight and length.

    Nodes without an edge are not in such a file: give them to `read_edges` as `nodes`.

    Args:
        graph: A graph.
        path: *.csv, *.tsv or *.parquet.

    Returns:
        The path.
    """
    path = Path(path)
    names = graph.ids or tuple(map(str, range(graph.num_nodes)))
    columns: dict[str, list[Any]] = {
        "source": [names[i] for i in graph.rows.tolist()],
        "target": [names[i] for i in graph.col.tolist()],
    }
    columns |= {kind: v.tolist() for kind in COLUMNS[2:] if (v := getattr(graph, kind)) is not None}
    if path.suffix in _PARQUET:
        arrow, parquet = _pyarrow()
        parquet.write_table(arrow.table(columns), path)
    elif path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, delimiter="\t" if path.suffix == ".tsv" else ",", lineterminator="\n")
            writer.writerow(columns)
            writer.writerows(zip(*columns.values(), strict=True))
    else:
        raise InputError(
            f"{path.name} ends in {path.suffix or 'nothing'!r}: name it *.csv, *.tsv or *.parquet"
        )
    return path


def _array(path: Path, num_nodes: int | None, undirected: bool) -> Graph:
    """Graph of an array of node numbers, which is mapped and not read whole."""
    try:
        pairs = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, SyntaxError, TokenError) as error:
        raise InputError(f"{path.name} is no array of node numbers: save one with numpy.save") from error
    if pairs.dtype.kind not in "iu" or pairs.ndim != 2 or 2 not in pairs.shape:
        raise InputError(
            f"{path.name} holds {pairs.dtype} of shape {pairs.shape}: edges are whole numbers, (2, E) or (E, 2)"
        )
    ends = pairs if pairs.shape[0] == 2 else pairs.T
    return from_edge_index(ends, num_nodes, undirected=undirected, provenance={"kind": "table", "file": path.name})


def _from_columns(
    columns: Mapping[str, list[Any]],
    nodes: Sequence[Any] | None,
    undirected: bool,
    made: dict[str, Any],
    places: list[str] | None,
) -> Graph:
    sources, targets = ([_text_id(value) for value in columns[name]] for name in COLUMNS[:2])
    ids = _sorted_ids({*sources, *targets}) if nodes is None else [_text_id(node) for node in nodes]
    place = {name: i for i, name in enumerate(ids)}
    for i, ends in enumerate(zip(sources, targets, strict=True)):
        for end in ends:
            if end not in place:
                where = places[i] if places else f"row {i}"
                raise InputError(
                    f"{where}: node {end!r} is not among the {len(ids)} nodes given: add it to them, or drop the edge"
                )
    values = {kind: columns[kind] for kind in COLUMNS[2:] if kind in columns}
    rows, cols = [place[name] for name in sources], [place[name] for name in targets]
    graph = Graph.from_edges(rows, cols, len(ids), **values, ids=ids, provenance=made)
    return graph.symmetrise("max") if undirected else graph


def _text_id(value: Any) -> str:
    """The id as text; a whole float (integers beside a gap in a frame) loses its .0."""
    if value is None or value != value or value == "":
        raise InputError("a source or target is empty: name both ends of every edge")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _sorted_ids(names: set[str]) -> list[str]:
    try:
        return sorted(names, key=lambda name: (int(name), name))
    except ValueError:
        return sorted(names)


def _text(path: Path, columns: Sequence[str] | None) -> tuple[dict[str, list[Any]], list[str]]:
    """Columns of a text file, and the place of every edge for error messages."""
    lines = _records(path)
    start, first = next(lines, (0, []))
    if not first:
        raise InputError(f"{path.name} holds no edges: give one line per edge, source and target")
    lowered = [field.strip().lower() for field in first]
    has_header = {"source", "target"} <= set(lowered)
    names = _names(path, lowered if has_header else first, has_header, columns)
    read: dict[str, list[Any]] = {name: [] for name in names}
    places = []
    for number, fields in lines if has_header else _chain((start, first), lines):
        where = f"{path.name}, line {number}"
        if len(fields) != len(names):
            raise InputError(
                f"{where}: {len(fields)} fields where {len(names)} were expected ({', '.join(names)})"
            )
        for name, field in zip(names, fields, strict=True):
            read[name].append(_value(field.strip(), name, where))
        places.append(where)
    return {name: values for name, values in read.items() if name in COLUMNS}, places


def _names(path: Path, first: list[str], has_header: bool, columns: Sequence[str] | None) -> list[str]:
    if columns is not None:
        wrong = [name for name in columns if name not in COLUMNS]
        if wrong or len(set(columns)) < len(columns) or not {"source", "target"} <= set(columns):
            raise InputError(
                f"columns are {list(columns)}: name source and target, and weight or length where there are"
            )
        return list(columns)
    if has_header:
        return first
    if len(first) not in (2, 3):
        raise InputError(
            f"{path.name} has {len(first)} columns and no header: "
            "begin it with a line that names source and target"
        )
    return list(COLUMNS[: len(first)])


def _value(field: str, name: str, where: str) -> Any:
    if name in COLUMNS[:2]:
        if not field:
            raise InputError(f"{where}: the {name} is empty: name both ends of every edge")
        return field
    if name not in COLUMNS:
        return field
    try:
        return float(field)
    except ValueError:
        hint = ", or a header that does not name source and target" if where.endswith("line 1") else ""
        raise InputError(f"{where}: {name} {field!r} is no number{hint}: give one like 0.5") from None


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Line numbers and fields; blank lines and comments are left out."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            first = next((line for line in file if line.strip() and not line.startswith("#")), "")
            file.seek(0)
            delimiter = "\t" if "\t" in first else "," if "," in first else " "
            reader = csv.reader(file, delimiter=delimiter, skipinitialspace=True, strict=True)
            for fields in reader:
                # Blanks may stand in rows, and at the end of a line.
                kept = [field for field in fields if field] if delimiter == " " else fields
                if any(field.strip() for field in kept) and not kept[0].startswith("#"):
                    yield reader.line_num, kept
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path.name} is no table of text ({error}): give CSV or TSV in UTF-8, or Parquet"
        ) from error


def _chain(
    first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]
) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _parquet(path: Path) -> dict[str, list[Any]]:
    arrow, parquet = _pyarrow()
    try:
        table = parquet.read_table(path)
    except (arrow.ArrowInvalid, OSError) as error:
        raise InputError(f"{path.name} is no Parquet file, or it is damaged: write it again") from error
    missing = [name for name in COLUMNS[:2] if name not in table.column_names]
    if missing:
        raise InputError(f"{path.name} has no column {missing[0]!r}: it has {', '.join(table.column_names)}")
    return {name: table[name].to_pylist() for name in COLUMNS if name in table.column_names}


def _pyarrow() -> tuple[Any, Any]:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError(
            "Parquet needs pyarrow, which is not installed: pip install pyarrow, or use CSV"
        ) from error
    return pyarrow, pyarrow.parquet
