"""graphurl transform: embed new rows with a saved model."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from graphurl.cli.parser import Parser
from graphurl.errors import InputError

if TYPE_CHECKING:
    import numpy as np

SUFFIXES = (".npy", ".csv", ".parquet")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("run_folder", metavar="RUN", help="folder written by embed")
    parser.add_argument("input", metavar="INPUT", help="rows of the same columns: a file or a data set; or pictures")
    parser.add_argument(
        "--edges", metavar="FILE", help="table of edges among the new rows, for graph encoders"
    )
    parser.add_argument("--directed", action="store_true", help="take the edges as they are, one way")
    parser.add_argument("--out", metavar="FILE", required=True, help="where to: .npy, .csv or .parquet")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    parser.add_argument("--overwrite", action="store_true", help="replace an existing file")


def run(options: argparse.Namespace) -> int:
    """Embeds new rows."""
    target = Path(options.out)
    check_target(target, overwrite=options.overwrite)
    from graphurl.embedding import Embedding
    from graphurl.source import Source, load

    model = Embedding.load(options.run_folder)
    pictures = model.recipe.pictures
    if options.edges is not None:
        source = Source(features=options.input, edges=options.edges, directed=options.directed)
        samples = source.load(options.data_root).samples
    else:
        samples = load(options.input, options.data_root, pictures=pictures, trainable=False).samples
    z = model.transform(samples)
    write_rows(target, z, samples.ids)
    if not options.quiet:
        print(f"{len(z):,} rows of {z.shape[1]} numbers in {target}")
    return 0


def check_target(target: Path, *, overwrite: bool) -> None:
    """Refuses a file that cannot or shall not be written, before anything is computed."""
    if target.suffix.lower() not in SUFFIXES:
        raise InputError(f"--out is {target}: give a file ending in {', '.join(SUFFIXES)}")
    if target.exists() and not overwrite:
        raise InputError(f"{target} exists: replace it with --overwrite, or give another file")
    if not target.absolute().parent.is_dir():
        raise InputError(f"the folder {target.parent} does not exist: create it first")


def write_rows(target: Path, z: np.ndarray, ids: tuple[str, ...] | None) -> None:
    """Writes embeddings with the names of their rows: a column id, or a text file beside an array."""
    from graphurl.embedding import write_array, write_ids, write_text

    if target.suffix.lower() == ".npy":
        write_array(target, z)
        if ids is not None:
            write_ids(target.with_suffix(".ids.txt"), ids)
        return
    if target.suffix.lower() == ".parquet":
        from graphurl.exports import write_parquet

        write_parquet(z, target, ids)
        return
    names = [f"z{position}" for position in range(z.shape[1])]
    import csv
    import io

    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*(["id"] if ids is not None else []), *names])
    for position, row in enumerate(z):
        # str of a float32 is the shortest text that reads back as the same number.
        writer.writerow([*([ids[position]] if ids is not None else []), *(str(value) for value in row)])
    write_text(target, text.getvalue())
