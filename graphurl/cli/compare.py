"""graphurl compare: runs side by side, tested over their seeds."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.cli.evaluate import names
from graphurl.cli.parser import Parser
from graphurl.errors import InputError, unknown

if TYPE_CHECKING:
    from graphurl.evaluation.comparison import Cell

_EPILOG = """\
RUN is a run folder, or a file that 'graphurl evaluate ... --json > FILE' wrote. Run folders whose settings differ in
the seed alone are one method; files are one method where their names differ in the number at the end alone. Methods
are tested against the best one by a paired t-test over the seeds that both have, adjusted for their number (Holm).

Bold (or *): the best mean. ~: cannot be told from the best at the level of 5 %. Without a mark: worse, or too few seeds
in common to test (see --json)."""
# What a name ends with that tells runs of one method apart.
_NUMBER = re.compile(r"[-_.]?(?:seed|s)?[-_.]?(\d+)$")
_SHOWN = 6


@dataclass(frozen=True)
class Judged:
    """A run and what was measured.

    Attributes:
        name: Folder or file, without its suffix.
        seed: Seed of the run.
        values: Value by metric.
        protocols: Protocol by metric.
        settings: All settings but the seed; None for a file.
        data: Checksums of what it was made of and judged by, where they are known.
    """

    name: str
    seed: int
    values: dict[str, float]
    protocols: dict[str, str]
    settings: str | None
    data: dict[str, str]


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.epilog = _EPILOG
    parser.add_argument("runs", metavar="RUN", nargs="+", help="run folder, or a file written by evaluate --json")
    parser.add_argument("--metrics", metavar="A,B", help=f"these; sorted by the first (default: the first {_SHOWN})")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(options: argparse.Namespace) -> int:
    """Prints the comparison."""
    from graphurl.evaluation.comparison import compare
    from graphurl.runs import plain

    judged = [read(Path(path)) for path in options.runs]
    grouped = methods(judged)
    shared = [name for name in judged[0].values if all(name in of.values for of in judged)]
    asked = names(options.metrics)
    for name in asked or ():
        if name not in judged[0].values:
            raise unknown("metric of the first run", name, judged[0].values)
    runs = {name: {of.seed: of.values for of in group} for name, group in grouped.items()}
    found = compare(runs, asked or (shared if options.json else shared[:_SHOWN]))
    notes = doubts(judged, asked or shared)
    if options.json:
        cells = {name: {metric: asdict(cell) for metric, cell in row.items()} for name, row in found.items()}
        print(json.dumps(plain({"methods": cells, "notes": notes}), indent=1))
        return 0
    print(text(found, bold=sys.stdout.isatty()))
    for note in notes:
        print(f"note: {note}")
    return 0


def read(path: Path) -> Judged:
    """A run folder or a file of evaluate."""
    file = path / "report.json" if path.is_dir() else path
    try:
        report = json.loads(file.read_text(encoding="utf-8"))
        values = {name: float(entry["value"]) for name, entry in report["metrics"].items()}
        protocols = {name: str(entry["protocol"]) for name, entry in report["metrics"].items()}
        seed = int(report["seed"])
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist: give a run folder, or a file of evaluate --json") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{file} holds no metrics: give a finished run, or a file of evaluate --json") from error
    settings = report.get("settings")
    known = None
    if isinstance(settings, Mapping):
        known = json.dumps({key: value for key, value in settings.items() if key != "seed"}, sort_keys=True)
    sums = {**report.get("hashes", {}), **(report.get("source") or {})}
    data = {name: sums[name] for name in ("sha256", "x", "y") if name in sums}
    name = path.resolve().name if path.is_dir() else path.stem
    return Judged(name, seed, values, protocols, known, data)


def methods(judged: Sequence[Judged]) -> dict[str, list[Judged]]:
    """Runs that differ in the seed alone, by a name for them."""
    groups: dict[tuple[str | None, str | None], list[Judged]] = {}
    for one in judged:
        stem = one.name if one.settings is not None else _NUMBER.sub("", one.name) or one.name
        groups.setdefault((one.settings, None if one.settings is not None else stem), []).append(one)
    found: dict[str, list[Judged]] = {}
    for group in groups.values():
        group = numbered(group)
        seeds = [one.seed for one in group]
        if len(set(seeds)) < len(seeds):
            twice = next(seed for seed in seeds if seeds.count(seed) > 1)
            both = " and ".join(one.name for one in group if one.seed == twice)
            raise InputError(f"{both} are one method with one seed, {twice}: give each run once, or other seeds")
        name = group[0].name if len(group) == 1 else _NUMBER.sub("", group[0].name) or group[0].name
        found[name if name not in found else f"{name} ({len(found) + 1})"] = group
    return found


def numbered(group: list[Judged]) -> list[Judged]:
    """Files of one seed of evaluation whose names have a number: that number is what tells them apart."""
    ends = [_NUMBER.search(one.name) for one in group]
    if group[0].settings is not None or len({one.seed for one in group}) == len(group) or not all(ends):
        return group
    return [
        Judged(one.name, int(end[1]), one.values, one.protocols, one.settings, one.data)
        for one, end in zip(group, ends, strict=True) if end is not None
    ]  # fmt: skip


def doubts(judged: Sequence[Judged], metrics: Sequence[str]) -> list[str]:
    """Why the numbers may not compare."""
    found = []
    if any(len({one.data[name] for one in judged if name in one.data}) > 1 for name in ("sha256", "x", "y")):
        found.append("the runs are of different data, by their checksums")
    unlike = []
    for metric in metrics:
        # The seed is part of a protocol, and may differ; what was chosen on validation rows may as well.
        protocols = {re.sub(r"seed \d+|C=\S+|penalty \S+", "", one.protocols.get(metric, "")) for one in judged}
        if len(protocols - {""}) > 1:
            unlike.append(metric)
    if unlike:
        were = "was" if len(unlike) == 1 else "were"
        found.append(f"{', '.join(unlike)} {were} measured by different protocols")
    return found


def text(found: Mapping[str, Mapping[str, Cell]], *, bold: bool) -> str:
    """The table for a terminal."""
    header = list(dict.fromkeys(metric for row in found.values() for metric in row))
    rows = [["method", "seeds", *header]]
    best: set[tuple[int, int]] = set()
    for line, (name, row) in enumerate(found.items(), 1):
        seeds = max((len(cell.values) for cell in row.values()), default=0)
        rows.append([name, str(seeds)])
        for column, metric in enumerate(header, 2):
            rows[-1].append(shown(row.get(metric), bold=bold))
            if metric in row and row[metric].best:
                best.add((line, column))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for number, line_of in enumerate(rows):
        cells = [f"{cell:<{width}}" for cell, width in zip(line_of, widths, strict=True)]
        strong = [f"\033[1m{cell}\033[0m" if bold and (number, i) in best else cell for i, cell in enumerate(cells)]
        lines.append("  ".join(strong).rstrip())
    return "\n".join(lines)


def shown(cell: Cell | None, *, bold: bool) -> str:
    """Mean ± deviation and a mark."""
    if cell is None:
        return "-"
    number: Any = f"{cell.mean:.4f}" if cell.std is None else f"{cell.mean:.4f} ± {cell.std:.4f}"
    mark = "" if bold and cell.best else " *" if cell.best else " ~" if cell.level else ""
    return f"{number}{mark}"
