"""graphurl plot: a picture of an embedding, coloured by labels where there are any."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphurl.cli.parser import Parser
from graphurl.errors import InputError

SUFFIXES = (".png", ".pdf", ".svg")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("run_folder", metavar="RUN", help="folder written by embed, or a file of embeddings")
    parser.add_argument(
        "--png", metavar="FILE", help="where to (also .pdf, .svg); default plot.png in the run"
    )
    parser.add_argument(
        "--labels", metavar="FILE", help="a label a line, or a table of id and label; for the colours"
    )
    parser.add_argument("--curves", metavar="FILE", help="also draw loss, rate and spread over the epochs")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")


def run(options: argparse.Namespace) -> int:
    """Draws."""
    folder = Path(options.run_folder)
    if options.png is None and not folder.is_dir():
        raise InputError(f"{folder} is no run folder: say where the picture goes with --png FILE")
    target = folder / "plot.png" if options.png is None else Path(options.png)
    curves_target = None if options.curves is None else Path(options.curves)
    for path in filter(None, (target, curves_target)):
        check_target(path)
    from graphurl.cli.reload import saved
    from graphurl.plots import curves, scatter

    found = saved(options.run_folder, options.labels, options.data_root)
    y = None if found.samples is None or found.samples.y is None else found.samples.y.numpy()
    classes = None if found.samples is None else found.samples.classes
    scatter(found.z, y=y, classes=classes, title=found.name, path=target)
    if curves_target is not None:
        curves(history_of(folder), path=curves_target)
    if not options.quiet:
        print("\n".join(str(path) for path in (target, curves_target) if path is not None))
    return 0


def history_of(folder: Path) -> list[dict[str, float]]:
    """The records of a run, one an epoch."""
    import json

    try:
        lines = (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
        return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(
            f"{folder / 'metrics.jsonl'} cannot be read ({error}): give a folder written by embed"
        ) from error


def check_target(path: Path) -> None:
    """Refuses a picture that cannot be written."""
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"the picture is {path}: give a file ending in {', '.join(SUFFIXES)}")
    if not path.absolute().parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist: create it first")
