"""graphurl plot: a picture of an embedding, coloured by labels where there are any."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.cli.parser import Parser, one_of
from graphurl.errors import InputError

if TYPE_CHECKING:
    from graphurl.cli.reload import Saved

SUFFIXES = (".png", ".pdf", ".svg")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("run_folder", metavar="RUN", help="folder written by embed, a file of embeddings, or pictures")
    parser.add_argument("others", metavar="RUN", nargs="*", help="further runs of the same samples, for --figure maps")
    parser.add_argument(
        "--figure", type=one_of("figures"), metavar="NAME", default="map", help="default map; see list figures"
    )
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="paper of the picture")
    parser.add_argument(
        "--png", metavar="FILE", help="where to (also .pdf, .svg); default plot.png in the run"
    )
    parser.add_argument(
        "--labels", metavar="FILE", help="a label a line, or a table of id and label; for the colours"
    )
    parser.add_argument("--html", metavar="FILE", help="write an interactive page instead: one file, no network")
    parser.add_argument(
        "--columns", metavar="FILE", help="with --html: a table of what else is known, by id or in the rows' order"
    )
    parser.add_argument("--curves", metavar="FILE", help="also draw loss, rate and spread over the epochs")
    parser.add_argument(
        "--views", metavar="FILE",
        help="draw a contact sheet: what training sees of pictures; RUN may also be a folder of them or a data set",
    )  # fmt: skip
    parser.add_argument(
        "--plan", type=one_of("views"), metavar="P", help="plan of the views; default that of the run, or cifar"
    )
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")


def run(options: argparse.Namespace) -> int:
    """Draws."""
    if options.views is not None:
        return sheet(options)
    if options.html is not None:
        from graphurl.cli.page import html

        return html(options)
    if options.columns is not None:
        raise InputError("--columns belongs to --html: it tells what points of a page can be coloured by")
    folder, figure = Path(options.run_folder), options.figure
    if options.png is None and (not folder.is_dir() or figure == "maps"):
        why = "maps are of several runs" if folder.is_dir() else f"{folder} is no run folder"
        raise InputError(f"{why}: say where the picture goes with --png FILE")
    if options.others and figure != "maps":
        raise InputError(f"the figure {figure} is of one run, {1 + len(options.others)} are given: take --figure maps")
    name = "plot.png" if figure == "map" else f"{figure}.png"
    target = folder / name if options.png is None else Path(options.png)
    curves_target = None if options.curves is None else Path(options.curves)
    for path in filter(None, (target, curves_target)):
        check_target(path)
    from graphurl.cli.reload import saved
    from graphurl.plots import curves, draw

    runs = {str(path): saved(path, options.labels, options.data_root) for path in (options.run_folder, *options.others)}
    given = {**known_of(runs[options.run_folder], folder), "plan": options.plan}
    if figure == "maps":
        given |= {"embeddings": headed(runs)}
    draw(figure, given, target, options.theme)
    if curves_target is not None:
        curves(history_of(folder), path=curves_target, theme=options.theme)
    if not options.quiet:
        print("\n".join(str(path) for path in (target, curves_target) if path is not None))
    return 0


def known_of(found: Saved, folder: Path) -> dict[str, Any]:
    """What the figures of a run may be drawn of."""
    from graphurl.plots.figures import known

    history = history_of(folder) if (folder / "metrics.jsonl").is_file() else []
    return known(found.z, found.samples, found.recipe, history, found.name)


def headed(runs: Mapping[str, Saved]) -> dict[str, Any]:
    """The embeddings of several runs, each by what is to stand above it."""
    from graphurl.plots.figures import differing

    recipes = {path: found.recipe for path, found in runs.items() if found.recipe is not None}
    headings = differing(recipes) if len(recipes) == len(runs) else {path: path for path in runs}
    return {heading: runs[path].z for path, heading in headings.items()}


def sheet(options: argparse.Namespace) -> int:
    """Draws a contact sheet of views."""
    target = Path(options.views)
    check_target(target)
    from graphurl.embedding import read_config
    from graphurl.plots import views
    from graphurl.recipes import PictureRecipe
    from graphurl.source import Source, load

    recipe, source = PictureRecipe(), options.run_folder
    config = Path(options.run_folder) / "config.yaml"
    if config.is_file():
        found, record = read_config(config)
        if not isinstance(found, PictureRecipe):
            raise InputError(f"{options.run_folder} is no run on pictures: views are drawn of pictures only")
        recipe, source = found, Source.from_record(record)
    samples = load(source, options.data_root, pictures=True, side=recipe.side, trainable=False).samples
    assert samples.images is not None
    style = {"plan": options.plan, "title": samples.name, "theme": options.theme}
    views(samples.images, recipe, samples.ids, path=target, **style)
    if not options.quiet:
        print(target)
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
