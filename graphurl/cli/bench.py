"""graphurl bench: measurements side by side, resumable."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

from graphurl.cli.benchmaps import dr
from graphurl.cli.parser import Parser
from graphurl.errors import InputError, RunError, unknown

_EPILOG = """\
images: every method trains with the same encoder, views, pictures and steps, once for each seed; features (h) and
projection (z) are judged on the test pictures. --fast takes a quarter of the steps.

distill: a teacher trained by SimCLR, three small networks taught by it with each loss, alone and beside SimCLR, and the
same networks by SimCLR alone; judged as images. The teacher is trained once and its answers are kept.

nodes: raw features, smoothing, graphurl's recipes and the methods of --peers, each in a process of its own, judged by
logistic regression on the given split (C chosen on validation rows) and on random splits 10/10/80.

dr: principal coordinates, graphurl's recipes and the methods of --peers place the same rows, each in a process of its
own with --threads threads, in turn: every line once, then every line again. A fit of 5,000 rows comes before the
clock, so that compilers have done their work. Trust and Cont: k = 5, a fixed subset of 5,000 rows above that; linear
and kNN (k = 10): 6/7 against 1/7; NMI: k-means with as many clusters as classes, HDBSCAN with clusters of a hundredth
of the rows, at most 10,000 of them; new rows: seconds for 10,000, where a method places them. --held-out N keeps N rows
from the fit and judges where they are placed. Data: names of the catalogue; NAME-10k takes a fixed subset of 10,000
rows, or generates so many (swiss-roll, spheres, nested-clusters, tree).

Each measurement is a file in --out: a bench that was stopped goes on where it was, and --seeds 5 after --seeds 3
adds two."""

Line = TypeVar("Line")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.epilog = _EPILOG
    parser.add_argument("what", choices=("images", "distill", "nodes", "dr"), help="which table")
    parser.add_argument(
        "--out", metavar="DIR", help="where measurements are kept (bench-images, bench-nodes ...)"
    )
    parser.add_argument(
        "--data", metavar="NAME", nargs="+", help="data (cifar-10; cora citeseer; digits coil-20 mnist)"
    )
    parser.add_argument("--seeds", metavar="N", type=int, help="seeds 0 to N - 1, or repeats of dr (3; nodes 10)")
    parser.add_argument("--rows", metavar="ROW", nargs="+", help="only these rows, by their names")
    parser.add_argument("--fast", action="store_true", help="a first look: fewer steps, or fewer seeds and splits")
    parser.add_argument("--table", action="store_true", help="measure nothing, print the tables of what is there")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    pictures = parser.add_argument_group("images and distill")
    pictures.add_argument("--large", action="store_true", help="ResNet-18 on all pictures, for a GPU")
    pictures.add_argument("--steps", metavar="N", type=int, help="steps of every run, instead of the protocol's")
    pictures.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")
    both = parser.add_argument_group("nodes and dr")
    both.add_argument(
        "--peers", metavar="DIR",
        help="folder of other methods: files with embed(x, edge_index, *, seed, data), or for dr embed(x, *, seed, "
        "threads, dim), which gives the map and what places new rows, or None",
    )  # fmt: skip
    both.add_argument(
        "--group", default="main", metavar="G",
        help="main; of nodes losses (loss × graph × dynamic) or nu (ν_Z); of dr ablation (ν_Z, σ, batch of GenURL's "
        "settings) or scaling (CPU seconds at 10,000, 70,000 and 700,000 rows)",
    )  # fmt: skip
    nodes = parser.add_argument_group("nodes")
    nodes.add_argument("--splits", metavar="N", type=int, help="random splits beside the given one (20)")
    maps = parser.add_argument_group("dr")
    maps.add_argument("--threads", metavar="N", type=int, nargs="+", help="CPU threads of every method (1)")
    maps.add_argument("--dim", metavar="D", type=int, nargs="+", help="dimensions of the map (2)")
    maps.add_argument("--held-out", metavar="N", type=int, default=0, help="rows that are placed and not fitted (0)")


def run(options: argparse.Namespace) -> int:
    """Measures, and prints the tables."""
    if options.seeds is not None and options.seeds < 1:
        raise InputError(f"--seeds is {options.seeds}: give 1 or more")
    if options.what == "nodes":
        return nodes(options)
    if options.what == "dr":
        return dr(options, chosen)
    return images(options)


def images(options: argparse.Namespace) -> int:
    """The table of methods on pictures, or of students of a teacher."""
    if options.fast and options.large:
        raise InputError("--fast and --large exclude each other: give one")
    from dataclasses import replace

    from graphurl.bench import images, students
    from graphurl.bench.kept import read
    from graphurl.bench.runs import Bench
    from graphurl.bench.tables import directions, markdown
    from graphurl.embedding import write_json, write_text

    distilled = options.what == "distill"
    sizes = students if distilled else images
    protocol = sizes.LARGE if options.large else sizes.FAST if options.fast else sizes.FULL
    named = options.data or ["cifar-10"]
    if len(named) > 1:
        raise InputError(f"--data {' '.join(named)}: the table on pictures is of one data set")
    protocol = replace(protocol, data=named[0])
    seeds = range(options.seeds or 3)
    if options.steps is not None:
        if options.steps < 1:
            raise InputError(f"--steps is {options.steps}: give 1 or more")
        protocol = replace(protocol, steps=options.steps)
    rows = chosen(students.rows(protocol) if distilled else images.ROWS, options.rows)
    bench = Bench(protocol, Path(options.out or f"bench-{options.what}"), options.data_root, options.device)
    measured: dict[str, list[dict[str, Any]]] = {row.name: [] for row in rows}
    if options.table:
        measured = {row.name: bench.known(row, seeds) for row in rows}
    else:
        for row, seed, values, new in bench.measure(rows, seeds):
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


def nodes(options: argparse.Namespace) -> int:
    """The tables of node embeddings, one for each data set."""
    from graphurl.bench import nodes as lines
    from graphurl.bench.kept import in_turn, missing
    from graphurl.bench.nodetable import gains, markdown, seeds
    from graphurl.bench.vectors import NodeBench
    from graphurl.embedding import write_text

    if options.group not in lines.GROUPS:
        raise unknown("group", options.group, lines.GROUPS)
    if options.splits is not None and options.splits < 0:
        raise InputError(f"--splits is {options.splits}: give 0 or more")
    known = [row for row in lines.ROWS if row.group == options.group]
    if options.peers:
        known += lines.peers(Path(options.peers))
    rows = chosen(known, options.rows)
    count = options.seeds or (2 if options.fast else 10)
    splits = options.splits if options.splits is not None else 3 if options.fast else 20
    folder = Path(options.out or "bench-nodes")

    def tell(data: str, row: Any, seed: int, outcome: dict[str, Any] | RunError) -> None:
        if isinstance(outcome, RunError):
            print(f"{data}  {row.name} is left out: {outcome}", file=sys.stderr, flush=True)
        elif not options.quiet:
            score = outcome.get("test", outcome.get("split_mean", float("nan")))
            line = f"{data}  seed {seed}  {row.name:<28} {score:.1f}  {outcome['cpu']:.1f} CPU s"
            print(line, file=sys.stderr, flush=True)

    for data in options.data or ["cora", "citeseer"]:
        bench = NodeBench(folder, data, options.data_root, splits)
        if options.table:
            measured = {row.name: bench.known(row, range(count)) for row in rows}
        else:
            measured = in_turn({data: bench}, rows, range(count), tell)[data]
        absent = missing(bench.left_out(rows, range(count)))
        parts = [f"{data}\n", markdown(rows, measured), absent, seeds(rows, measured), gains(rows, measured)]
        text = "\n\n".join(part for part in parts if part)
        if not options.table:
            write_text(bench.folder / f"{options.group}.md", text + "\n")
        if options.group == "nu":
            draw_nu(rows, measured, data, bench.folder / "nu.png")
        print(text if not options.quiet else json.dumps({"folder": str(bench.folder)}))
    return 0


def draw_nu(rows: Sequence[Any], measured: dict[str, list[dict[str, Any]]], data: str, path: Path) -> None:
    """The accuracy over ν_Z, where a split is given, as GenURL's Fig. 9 has it."""
    from graphurl.plots import sweep

    found = {row.changes["nu_z"]: [run["test"] for run in measured[row.name] if "test" in run] for row in rows
             if "nu_z" in row.changes}  # fmt: skip
    if any(found.values()):
        sweep(found, "ν_Z", "test accuracy, %", title=data, path=path)


def chosen(rows: Sequence[Line], names: list[str] | None) -> list[Line]:
    """The rows that were asked for, and those that they are compared with."""
    if not names:
        return list(rows)
    by_name: dict[str, Any] = {row.name: row for row in rows}  # type: ignore[attr-defined]
    for name in names:
        if name not in by_name:
            raise unknown("row", name, by_name)
    wanted = {*names, *(getattr(by_name[name], "against", name) for name in names)}
    return [row for name, row in by_name.items() if name in wanted]
