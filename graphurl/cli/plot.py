"""graphurl plot: a picture of an embedding, coloured by labels where there are any."""

from __future__ import annotations

import argparse
from pathlib import Path

from graphurl.cli.parser import Parser, one_of
from graphurl.errors import InputError

SUFFIXES = (".png", ".pdf", ".svg")
#: Pictures on a contact sheet, and views of each.
SHOWN, COLUMNS = 8, 8


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("run_folder", metavar="RUN", help="folder written by embed, a file of embeddings, or pictures")
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


def sheet(options: argparse.Namespace) -> int:
    """Draws a contact sheet of views."""
    target = Path(options.views)
    check_target(target)
    import torch

    from graphurl import registry
    from graphurl.augment.views import make_views
    from graphurl.embedding import read_config
    from graphurl.plots import contact_sheet
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
    images, plan = samples.images, registry.resolve("views", options.plan or recipe.views)
    assert images is not None
    picked = torch.linspace(0, len(images) - 1, min(SHOWN, len(images))).long()
    pixels, channels = images.take(picked), images.shape[0]
    generator = torch.Generator().manual_seed(recipe.seed)
    plain = {"mean": [0.0] * channels, "std": [1.0] * channels}
    full, small = make_views(pixels, plan, COLUMNS, recipe.side_for(images.shape), generator, **plain)
    names = samples.ids or tuple(map(str, range(len(images))))
    rows = []
    for place, number in enumerate(picked.tolist()):
        views = [view[place] for view in (*full, *small)]
        rows.append((Path(names[number]).name, [pixels[place].float() / 255, *views]))
    contact_sheet(rows, target, title=f"{samples.name}, views of plan {options.plan or recipe.views}")
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
