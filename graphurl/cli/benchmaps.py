"""graphurl bench dr: maps beside those of other methods, on the same rows, in turn."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.errors import InputError, RunError, unknown

if TYPE_CHECKING:
    from graphurl.bench.maps import Row

Choose = Callable[[Sequence[Any], list[str] | None], list[Any]]


def dr(options: argparse.Namespace, chosen: Choose) -> int:
    """The tables of maps, one for each data set, dimension and number of threads."""
    from graphurl.bench import maps
    from graphurl.bench.kept import in_turn, missing
    from graphurl.bench.maptable import growth, held, made_by, markdown, ratios
    from graphurl.bench.placing import MapBench, Task
    from graphurl.embedding import write_text

    if options.group not in maps.GROUPS:
        raise unknown("group", options.group, maps.GROUPS)
    threads, dims = options.threads or [1], options.dim or [2]
    for name, numbers in (("threads", threads), ("dim", dims)):
        if min(numbers) < 1:
            raise InputError(f"--{name} is {min(numbers)}: give 1 or more")
    if options.held_out < 0:
        raise InputError(f"--held-out is {options.held_out}: give 0 or more")
    others = maps.peers(Path(options.peers)) if options.peers else []
    folder = Path(options.out or "bench-dr")
    scaling = options.group == "scaling"
    everything: dict[tuple[int, int], dict[str, list[dict[str, Any]]]] = {}
    lines: list[Row] = []
    for data in options.data or (maps.SIZES if scaling else ["digits", "coil-20", "mnist"]):
        lines = chosen([*maps.rows(options.group, data), *others], options.rows)
        fitted, _ = maps.parted(maps.samples_of(data, options.data_root), options.held_out)
        shape = {"data": data, "root": options.data_root, "held_out": options.held_out, "probes": not scaling}
        benches = {
            (dim, count): MapBench(folder, Task(lines[0], 0, dim=dim, threads=count, **shape), fitted)
            for dim in dims for count in threads
        }  # fmt: skip
        repeats = range(options.seeds or (1 if options.fast else 3))
        if options.table:
            found = {key: {row.name: bench.known(row, repeats) for row in lines} for key, bench in benches.items()}
        else:
            found = in_turn(benches, lines, repeats, teller(data, options.quiet))
        parts = []
        for (dim, count), measured in found.items():
            tables = [table(lines, measured) for table in (markdown, held, ratios)]
            apart = f", {options.held_out:,} held out and placed" if options.held_out else ""
            title = f"{data}, {len(fitted):,} rows{apart}, {dim} dimensions, threads: {count}"
            parts += [title, *tables, missing(benches[dim, count].left_out(lines, repeats)), made_by(measured)]
            for name, runs in measured.items():
                everything.setdefault((dim, count), {}).setdefault(name, []).extend(runs)
        text = "\n\n".join(part for part in parts if part)
        if not options.table:
            write_text(folder / Path(data).name / f"{options.group}.md", text + "\n")
        print(text if not options.quiet else json.dumps({"folder": str(folder / Path(data).name)}))
    if scaling:
        report_growth({key: growth(lines, runs) for key, runs in everything.items()}, folder, options)
    return 0


def teller(data: str, quiet: bool) -> Callable[[Any, Any, int, dict[str, Any] | RunError], None]:
    """Says on stderr what was measured and, quiet or not, what is left out."""

    def tell(key: Any, row: Any, seed: int, outcome: dict[str, Any] | RunError) -> None:
        if isinstance(outcome, RunError):
            print(f"{data}  {row.name} is left out: {outcome}", file=sys.stderr, flush=True)
        elif not quiet:
            print(progress(outcome), file=sys.stderr, flush=True)

    return tell


def progress(values: dict[str, Any]) -> str:
    """A finished measurement in a line."""
    where = f"{values['data']}  {values['dim']}-D  threads {values['threads']}  repeat {values['seed']}"
    return f"{where}  {values['row']:<16} Trust {values['trust']:.3f}  {values['cpu']:.1f} CPU s"


def report_growth(tables: dict[tuple[int, int], str], folder: Path, options: argparse.Namespace) -> None:
    """CPU seconds over the number of rows, of all data sets together."""
    from graphurl.embedding import write_text

    named = [f"{dim} dimensions, threads: {count}\n\n{table}" for (dim, count), table in tables.items() if table]
    if named and not options.table:
        write_text(folder / "scaling.md", "\n\n".join(named) + "\n")
    if named and not options.quiet:
        print("\n\n".join(named))
