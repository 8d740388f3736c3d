"""graphurl embed: train an embedding, judge it, write a run folder."""

from __future__ import annotations

import argparse
import json
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl import registry
from graphurl.cli import table
from graphurl.cli.parser import Parser, one_of, pairs
from graphurl.errors import InputError

if TYPE_CHECKING:
    from graphurl.recipes import Choices, PictureRecipe
    from graphurl.source import Loaded, Source

_EPILOG = """\
settings, from weakest to strongest:
  the recipe (--method, else the one that fits the data), --config, flags, --set
  `graphurl list recipes` names the recipes; a run's config.yaml holds every setting that --set takes

sources:
  none             the data set digits, which comes with the program
  --data NAME      a data set (graphurl datasets list), or a file
  --features FILE  rows of numbers: .npy .npz .csv .tsv .parquet .pt; with --edges FILE a graph with features;
                   an .npy of 1 GiB or more stays in its file
  --edges FILE     source, target and, where there are any, weight: text, .parquet; or .npy of node numbers;
                   weights above 1 are divided by the largest
  --graph          a data set, or a saved similarity graph to train on (alone, or with rows)
  --images DIR     a folder of pictures: with --method simclr (moco, byol …) learnt from their views,
                   without one a map of their pixels

a run folder holds embedding.npy, ids.txt, report.json, config.yaml, metrics.jsonl, graph.safetensors,
model.safetensors, model.json and plot.png. Ctrl-C saves the model so far; --resume goes on.
exit status: 0 done, 1 the run failed, 2 the call was wrong, 130 interrupted"""

#: Flag → what it says about itself; each is a setting of the same name.
_SETTINGS = {
    "dim": "dimension of the embedding",
    "epochs": "passes over the samples",
    "batch-size": "samples in a batch; 0 takes all pairs at once",
    "lr": "learning rate",
    "nu-x": "degrees of freedom of the prescribed similarity; inf is the Gaussian",
    "nu-z": "degrees of freedom of the embedded similarity",
    "sigma": "scale of the prescribed similarity, or auto",
    "negatives": "weight of all far pairs relative to the near ones",
    "n-neighbors": "neighbours in the kNN graph",
    "metric": "distance of feature rows: euclidean, cosine, correlation, manhattan, hamming, jaccard",
    "seed": "of all randomness",
    "views": f"how views of pictures are made: {', '.join(registry.names('views'))}",
    "side": "height and width of a view of a picture",
}
_SOURCES = ("data", "features", "images", "edges", "graph", "labels", "variant")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.epilog = _EPILOG
    source = parser.add_argument_group("source")
    source.add_argument("--graph", metavar="NAME_OR_FILE", help="data set, or saved similarity graph")
    source.add_argument("--features", metavar="FILE", help="rows of numbers")
    source.add_argument("--edges", metavar="FILE", help="table of edges, alone or with --features")
    source.add_argument("--directed", action="store_true", help="take the edges as they are, one way")
    source.add_argument("--images", metavar="DIR", help="folder of pictures")
    source.add_argument("--data", metavar="NAME", help="data set of the catalogue, or a file")
    source.add_argument(
        "--labels", metavar="FILE", help="a label a line, or a table of id and label; for the report"
    )
    source.add_argument(
        "--variant", metavar="V", help="of pictures: long-tailed:50, correlated:100x50, subset:500, joined by +"
    )
    source.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    choices = parser.add_argument_group("settings")
    choices.add_argument("--method", type=one_of("recipes"), metavar="M", help=f"one of {names('recipes')}")
    choices.add_argument("--loss", type=one_of("losses"), metavar="L", help=f"one of {names('losses')}")
    choices.add_argument(
        "--add", metavar="TERM", nargs="+", help="terms beside a method for pictures: cld, eir, intra, inter, de"
    )
    choices.add_argument(
        "--encoder", type=encoder_name, metavar="E", help=f"one of {names('encoders')}; torchvision:NAME, timm:NAME"
    )
    for name, about in _SETTINGS.items():
        choices.add_argument(f"--{name}", metavar=name.rpartition("-")[2].upper()[:1], help=about)
    dynamic = choices.add_mutually_exclusive_group()
    dynamic.add_argument(
        "--dynamic", action="store_true", default=None, help="similarity of a hidden layer takes over"
    )
    dynamic.add_argument(
        "--static", dest="dynamic", action="store_false", help="similarity stays as prescribed"
    )
    choices.add_argument(
        "--config", metavar="FILE", help="settings and source of a file such as a run's config.yaml"
    )
    choices.add_argument(
        "--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="any setting"
    )
    running = add_running(parser)
    running.add_argument("--fail-on-collapse", action="store_true", help="end with 1 when the spread is lost")


def add_running(parser: Parser) -> argparse._ArgumentGroup:
    """Adds the arguments that every verb has that trains: where the run is written, and how."""
    running = parser.add_argument_group("run")
    running.add_argument("--out", metavar="DIR", help="run folder; default runs/NAME-N")
    running.add_argument("--resume", action="store_true", help="go on with the run in --out")
    running.add_argument("--overwrite", action="store_true", help="replace the run in --out")
    running.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or mps")
    running.add_argument("--json", action="store_true", help="print report.json instead of the table")
    return running


def encoder_name(text: str) -> str:
    """A registered encoder, or a model of another library, checked when it is built."""
    return text if ":" in text else one_of("encoders")(text)


def names(kind: str) -> str:
    """The names of a kind of part, for the help."""
    return ", ".join(registry.names(kind))


def run(options: argparse.Namespace) -> int:
    """Embeds; under torchrun all processes do it together."""
    from graphurl.training.distributed import distributed

    with distributed(options.device) as ranks:
        if not ranks.first:  # one of them speaks for all
            options.quiet, options.json = True, False
            warnings.simplefilter("ignore")
        return embed(options)


def embed(options: argparse.Namespace) -> int:
    """Embeds in this process, or this process's part."""
    settings, source = choices_of(options)
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: name the run folder to go on with")
    from graphurl.functional.ranks import current
    from graphurl.runs import check_folder, execute, finished_report, free_folder

    if options.out is not None and current().first:
        check_folder(Path(options.out), resume=options.resume, overwrite=options.overwrite)
    asked = picture_recipe(options, settings)
    loaded = source.load(options.data_root, pictures=asked is not None, side=None if asked is None else asked.side)
    recipe = recipe_of(options, settings, loaded)
    folder = Path(options.out) if options.out is not None else free_folder(loaded.samples.name)
    before = finished_report(folder) if options.resume else None
    report = execute(
        loaded, recipe, folder, device=options.device, resume=options.resume, overwrite=options.overwrite,
        progress=not (options.quiet or options.json), fail_on_collapse=options.fail_on_collapse,
    )  # fmt: skip
    if before is not None and not options.quiet:
        print(f"graphurl: the run in {folder} is complete: nothing to resume", file=sys.stderr)
    return ended("embed", report, folder, options)


def ended(verb: str, report: dict[str, Any], folder: Path, options: argparse.Namespace) -> int:
    """Prints what came of a run, and how to go on with one that was interrupted; returns the exit status."""
    from graphurl.functional.ranks import current

    if options.json:
        print(json.dumps(report, indent=1))
    elif not options.quiet:
        print(summary(report, folder))
    if report["status"] != "interrupted":
        return 0
    if not current().first:
        return 130
    resumed = f"graphurl {verb} --config {folder / 'config.yaml'} --resume --out {folder}"
    print(f"graphurl: interrupted after {report['epochs']} epochs, go on with: {resumed}", file=sys.stderr)
    return 130


def choices_of(options: argparse.Namespace) -> tuple[dict[str, Any], Source]:
    """What the configuration file and the arguments say, the stronger over the weaker."""
    from graphurl.embedding import read_settings
    from graphurl.source import Source

    settings: dict[str, Any] = {}
    record: dict[str, Any] = {}
    if options.config is not None:
        if options.method is not None:
            raise InputError(
                "--config and --method both choose the settings: give one, and change it by flags or --set"
            )
        settings, record = read_settings(Path(options.config))
        options.method = settings.pop("method", None)
    flags = (*_SETTINGS, "loss", "encoder", "dynamic")
    given = {flag.replace("-", "_"): getattr(options, flag.replace("-", "_")) for flag in flags}
    settings |= {key: value for key, value in given.items() if value is not None}
    if options.add:
        settings["add"] = "+".join(options.add)
    settings |= pairs(options.set)
    named = {kind: getattr(options, kind) for kind in _SOURCES if getattr(options, kind) is not None}
    if set(named) - {"labels"} or not record:
        return settings, Source(**named, directed=options.directed)
    return settings, Source.from_record({**record, **named})


def picture_recipe(options: argparse.Namespace, settings: dict[str, Any]) -> PictureRecipe | None:
    """The recipe, if the call asks for one for pictures: by its method, its configuration, or a term to add."""
    from graphurl.recipes import PictureRecipe
    from graphurl.recipes.images import DEFAULT_METHOD

    method = options.method
    if method is None and (settings.get("task") == "ssl" or "add" in settings):
        method = DEFAULT_METHOD
    found = None if method is None else registry.resolve("recipes", method)
    if not isinstance(found, PictureRecipe):
        return None
    options.method = method
    return found.but(**settings)


def recipe_of(options: argparse.Namespace, settings: dict[str, Any], loaded: Loaded) -> Choices:
    """The recipe that fits the data or was named, changed by the settings."""
    from graphurl.pipeline import default_recipe

    return default_recipe(loaded.samples, options.method, settings).but(**settings)


def summary(report: dict[str, Any], folder: Path) -> str:
    """The table at the end of a run."""
    data, graph, settings, timing = report["data"], report["graph"], report["settings"], report["timing"]
    parts = [table.count(data["samples"], "sample")]
    if data["features"]:
        parts += [table.count(data["features"], "feature")]
    else:
        parts += ["x".join(map(str, data["shape"])) if data["shape"] else "no features"]
    parts += [table.count(data["classes"], "class", "classes")] if data["classes"] else []
    spent = f"{table.seconds(timing['total'])} (graph {table.seconds(timing['graph'])}, "
    spent += f"training {table.seconds(timing['train'])}), {table.size(report['peak_memory'])}"
    similarity = "dynamic" if settings["dynamic"] else "static"
    lines = {
        "data": f"{data['name']}: {', '.join(parts)}",
        "graph": None if graph is None else f"{settings['graph']}: {edges_line(graph)}",
        "terms": None if graph is not None else terms_line(settings),
        "model": f"{settings['encoder']} encoder, {settings['loss']} loss, {similarity} similarity, "
        f"{table.count(settings['dim'], 'dimension')}, {table.count(report['epochs'], 'epoch')}",
        "time": spent,
        "folder": str(folder),
    }
    return f"{table.facts(lines)}\n\n{table.metrics(report)}".rstrip()


def edges_line(graph: dict[str, Any]) -> str:
    """A similarity graph in a few words."""
    edges = [table.count(graph["nodes"], "node"), table.count(graph["edges"], "edge")]
    edges += [table.count(graph["components"], "component")]
    edges += [f"{graph['isolated_nodes']:,} isolated"] if graph["isolated_nodes"] else []
    return ", ".join(edges)


def terms_line(settings: dict[str, Any]) -> str:
    """What is compared in a run on pictures, in a few words."""
    added = "" if settings["add"] == "none" else f" + {settings['add'].replace('+', ' + ')}"
    views = table.count(settings["num_views"], "view")
    return f"{settings['relation']}{added}, {views} of plan {settings['views']}"
