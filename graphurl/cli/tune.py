"""graphurl tune: choose settings for pictures without labels."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from graphurl import registry
from graphurl.cli import table
from graphurl.cli.parser import Parser, one_of, pairs
from graphurl.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphurl.tuning import Trial

_EPILOG = """\
Every combination of the values is trained; two random views of the same pictures are embedded by each model, and
settings are ranked by NMI(f, f') x R(f, f'): do groups survive the augmentation, and is each picture found again?
Labels, where there are any, are only used to show how well the ranking agrees with them.
example: graphurl tune --images photos --method simclr --over temperature=0.1,0.2,0.5 --over dim=64,128"""


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.epilog = _EPILOG
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--images", metavar="DIR", help="folder of pictures")
    source.add_argument("--data", metavar="NAME", help="data set of pictures")
    parser.add_argument("--method", type=one_of("recipes"), default="simclr", metavar="M", help="recipe to vary")
    parser.add_argument(
        "--over", metavar="KEY=V,V", nargs="+", action="extend", required=True, help="setting and its values"
    )
    parser.add_argument("--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="any setting")
    parser.add_argument("--variant", metavar="V", help="of the pictures, as in embed")
    parser.add_argument("--clusters", metavar="K", type=int, default=10, help="clusters of the score (10)")
    parser.add_argument("--out", metavar="DIR", default="tuning", help="folder for the runs")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")
    parser.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    parser.add_argument("--json", action="store_true", help="print the trials as JSON")


def run(options: argparse.Namespace) -> int:
    """Tunes."""
    from graphurl.recipes import PictureRecipe
    from graphurl.source import Source
    from graphurl.tuning import grid, ranking, tune

    recipe = registry.resolve("recipes", options.method)
    if not isinstance(recipe, PictureRecipe):
        raise InputError(f"--method is {options.method!r}, no method for pictures: give simclr, moco, byol …")
    recipe = recipe.but(**pairs(options.set))
    changes = grid(options.over)
    for change in changes:
        recipe.but(**change)
    loaded = Source(images=options.images, data=options.data, variant=options.variant).load(
        options.data_root, pictures=True, side=recipe.side
    )
    trials = tune(
        loaded, recipe, changes, Path(options.out), clusters=options.clusters, device=options.device,
        progress=not (options.quiet or options.json),
    )  # fmt: skip
    if options.json:
        print(json.dumps({"trials": [vars(trial) for trial in trials], "ranking": ranking(trials)}, indent=1))
    elif not options.quiet:
        print(lines(trials))
        found = ranking(trials)
        if found is not None:
            print(f"\nagreement with linear accuracy: Spearman {found['spearman']:.2f}, Kendall {found['kendall']:.2f}")
    return 0


def lines(trials: Sequence[Trial]) -> str:
    """A row a setting, best first."""
    labelled = all(trial.accuracy for trial in trials)
    header = ["setting", "score", "nmi", "retrieval", *(["knn", "linear"] if labelled else []), "run"]
    rows = []
    for trial in trials:
        setting = " ".join(f"{key}={value}" for key, value in trial.changes.items())
        numbers = [trial.scores[key] for key in ("score", "nmi", "retrieval")]
        numbers += [trial.accuracy[key] for key in ("knn", "linear")] if labelled else []
        rows.append([setting, *(f"{number:.3f}" for number in numbers), trial.folder])
    return table.columns(header, rows)
