"""graphurl bench: measurements side by side, resumable."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.cli.parser import Parser
from graphurl.errors import InputError, unknown

if TYPE_CHECKING:
    from graphurl.bench.images import Row

_EPILOG = """\
Every method trains with the same encoder, views, pictures and steps, once for each seed; features (h) and
projection (z) are judged on the test pictures. Each measurement is a file in --out: a bench that was stopped goes
on where it was, and --seeds 5 after --seeds 3 adds two. --fast takes a quarter of the steps."""


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.epilog = _EPILOG
    parser.add_argument("what", choices=("images",), help="which table")
    parser.add_argument("--out", metavar="DIR", default="bench-images", help="where measurements are kept")
    parser.add_argument("--data", metavar="NAME", default="cifar-10", help="data set of labelled pictures")
    parser.add_argument("--seeds", metavar="N", type=int, default=3, help="seeds 0 to N - 1 (3)")
    parser.add_argument("--rows", metavar="ROW", nargs="+", help="only these rows, by their names")
    parser.add_argument("--fast", action="store_true", help="a quarter of the steps")
    parser.add_argument("--large", action="store_true", help="ResNet-18 on all pictures, for a GPU")
    parser.add_argument("--steps", metavar="N", type=int, help="steps of every run, instead of the protocol's")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the tables of what is there")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")


def run(options: argparse.Namespace) -> int:
    """Measures, and prints the tables."""
    if options.seeds < 1:
        raise InputError(f"--seeds is {options.seeds}: give 1 or more")
    if options.fast and options.large:
        raise InputError("--fast and --large exclude each other: give one")
    from dataclasses import replace

    from graphurl.bench import images
    from graphurl.bench.kept import read
    from graphurl.bench.runs import Bench
    from graphurl.bench.tables import directions, markdown
    from graphurl.embedding import write_json, write_text

    protocol = images.LARGE if options.large else images.FAST if options.fast else images.FULL
    protocol = replace(protocol, data=options.data)
    if options.steps is not None:
        if options.steps < 1:
            raise InputError(f"--steps is {options.steps}: give 1 or more")
        protocol = replace(protocol, steps=options.steps)
    rows = chosen(images.ROWS, options.rows)
    bench = Bench(protocol, Path(options.out), options.data_root, options.device)
    measured: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    if options.table:
        measured = {row.name: bench.known(row, range(options.seeds)) for row in rows}
    else:
        for row, seed, values, new in bench.measure(rows, range(options.seeds)):
            measured[row.name].append(values)
            if not options.quiet:
                state = f"{values['wall']:.0f} s" if new else "known"
                line = f"seed {seed}  {row.name:<28} kNN20 {values['knn20_h']:.1f}  linear {values['linear_h']:.1f}"
                print(f"{line}  {state}", file=sys.stderr, flush=True)
    kept = bench.folder / f"pixels-{protocol.data}-{protocol.subset}.json"
    pixels = read(kept)
    if pixels is None and not options.table:
        pixels = bench.raw_pixels()
        write_json(kept, pixels)
    text = f"{markdown(rows, measured, pixels)}\n\n{directions(rows, measured)}"
    if not options.table:
        write_text(bench.folder / "table.md", text + "\n")
    print(text if not options.quiet else json.dumps({"folder": str(bench.folder)}))
    return 0


def chosen(rows: Sequence[Row], names: list[str] | None) -> list[Row]:
    """The rows that were asked for, and those that they are compared with."""
    if not names:
        return list(rows)
    by_name = {row.name: row for row in rows}
    for name in names:
        if name not in by_name:
            raise unknown("row", name, by_name)
    wanted = {*names, *(by_name[name].against for name in names)}
    return [row for row in rows if row.name in wanted]
