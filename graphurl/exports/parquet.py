"""Parquet: a row a sample, read by pandas, polars, DuckDB, Spark and R."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from graphurl.errors import InputError
from graphurl.exports.rows import scratch


def write_parquet(
    z: np.ndarray, path: str | Path, ids: Sequence[str] | None = None, labels: Sequence[str | None] | None = None
) -> Path:
    """Writes the columns id (text), label (text, null where unknown) and z0, z1, … (float32).

    Args:
        z: The embedding, (N, d).
        path: Where to.
        ids: Name of each row; without them there is no such column.
        labels: Label of each row; likewise.

    Returns:
        The path.

    Raises:
        InputError: Without pyarrow, or for names and labels that do not fit.
    """
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as error:
        raise InputError("writing parquet needs pyarrow: pip install pyarrow, or give .csv or .npy") from error
    path = Path(path)
    columns: dict[str, Any] = {}
    for name, texts in (("id", ids), ("label", labels)):
        if texts is not None:
            if len(texts) != len(z):
                raise InputError(f"{len(texts)} values of {name} for {len(z)} rows: give one per row")
            columns[name] = pyarrow.array(list(texts), pyarrow.string())
    for position in range(z.shape[1]):
        columns[f"z{position}"] = pyarrow.array(np.ascontiguousarray(z[:, position]))
    with scratch(path) as beside:
        pyarrow.parquet.write_table(pyarrow.table(columns), beside)
    return path
