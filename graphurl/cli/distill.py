"""graphurl distill: a small student learns a teacher's similarities, writes a run folder."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from graphurl.cli.embed import add_running, ended
from graphurl.cli.parser import Parser, pairs
from graphurl.errors import InputError, unknown

if TYPE_CHECKING:
    from graphurl.recipes import DistillRecipe
    from graphurl.source import Source

_EPILOG = """\
teachers:
  RUN              a run folder: its own rows where it was made of these samples, else its model is asked
  FILE             features: .npy .npz .csv .tsv .parquet .pt, a row a sample; matched by ids where both have them
  FILE             a saved similarity graph (.graph, .safetensors)
  MODULE:CALLABLE  a function or module of PyTorch: rows n x F, or pictures n x C x H x W in [0, 1], to vectors n x D
  the answers of a model are kept on disk, by a checksum of teacher and data; --cache names the file

losses:
  bce gkl mse kl infonce    the student's similarities against the teacher's (GenURL)
  anchored                  bce against the teacher's own vectors, through a head: for networks that start anew
  rkd pkt sp sskd seed crd  peers, each with the settings of its paper
exit status: 0 done, 1 the run failed, 2 the call was wrong, 130 interrupted"""

_SETTINGS = {
    "dim": "dimension of the embedding (pictures: of the projection that is compared)",
    "epochs": "passes over the samples",
    "batch-size": "samples in a batch",
    "memory": "past samples that are columns as well",
    "sigma": "scale of the teacher's similarity, or auto",
    "lr": "learning rate",
    "seed": "of all randomness",
    "views": "how views of pictures are made",
    "side": "height and width of a view of a picture",
}
_SOURCES = ("data", "features", "images", "labels", "variant")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.epilog = _EPILOG
    source = parser.add_argument_group("source")
    source.add_argument("--teacher", metavar="T", help="run folder, features, graph, or module:callable")
    source.add_argument("--cache", metavar="FILE", help="where the answers of a model are kept, an .npy")
    source.add_argument(
        "--features", metavar="FILE", help="rows of numbers that the student reads; default the teacher's own file"
    )
    source.add_argument("--images", metavar="DIR", help="folder of pictures that the student reads")
    source.add_argument("--data", metavar="NAME", help="data set of the catalogue, or a file")
    source.add_argument("--labels", metavar="FILE", help="a label a line, or a table of id and label; for the report")
    source.add_argument("--variant", metavar="V", help="of pictures: subset:500, long-tailed:50, …")
    source.add_argument("--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA")
    choices = parser.add_argument_group("settings")
    choices.add_argument(
        "--student",
        metavar="S",
        help="mlp, mobilenet_v2, shufflenet_v1, resnet18, convnet …; torchvision:NAME, timm:NAME",
    )
    choices.add_argument(
        "--loss", metavar="L", help="bce (default), gkl, mse, kl, infonce, rkd, pkt, sp, sskd, seed, crd"
    )
    choices.add_argument("--add", metavar="TERM", nargs="+", help="beside the teacher: simclr, moco, byol …, cld, de …")
    for name, about in _SETTINGS.items():
        choices.add_argument(f"--{name}", metavar=name.rpartition("-")[2].upper()[:1], help=about)
    choices.add_argument("--config", metavar="FILE", help="settings, source and teacher of a run's config.yaml")
    choices.add_argument("--set", metavar="KEY=VALUE", nargs="+", action="extend", default=[], help="any setting")
    add_running(parser)


def run(options: argparse.Namespace) -> int:
    """Distils."""
    from graphurl.runs import check_folder, execute, free_folder

    recipe, source, teacher = chosen(options)
    if options.resume and options.out is None:
        raise InputError("--resume needs --out: name the run folder to go on with")
    if options.out is not None:
        check_folder(Path(options.out), resume=options.resume, overwrite=options.overwrite)
    pictures = recipe.pictures
    loaded = source.load(options.data_root, pictures=pictures, side=recipe.side if pictures else None)
    folder = Path(options.out) if options.out is not None else free_folder(loaded.samples.name)
    report = execute(
        loaded, recipe, folder, device=options.device, resume=options.resume, overwrite=options.overwrite,
        progress=not (options.quiet or options.json), teacher=teacher, teacher_cache=options.cache,
    )  # fmt: skip
    return ended("distill", report, folder, options)


def chosen(options: argparse.Namespace) -> tuple[DistillRecipe, Source, str]:
    """Settings, what the student reads, and the teacher; arguments are stronger than a configuration file."""
    from graphurl.embedding import read_settings
    from graphurl.recipes import DistillRecipe
    from graphurl.recipes.students import seen_twice
    from graphurl.source import Source

    settings: dict[str, Any] = {}
    record: dict[str, Any] = {}
    if options.config is not None:
        settings, record = read_settings(Path(options.config))
    teacher = options.teacher or record.get("teacher")
    if teacher is None:
        raise InputError("no teacher: give --teacher RUN, FILE or MODULE:CALLABLE")
    named = {kind: getattr(options, kind) for kind in _SOURCES if getattr(options, kind) is not None}
    if set(named) - {"labels"} or record:
        source = Source(**named) if set(named) - {"labels"} else Source.from_record({**record, **named})
    else:  # a file alone: the teacher's vectors are made shorter
        source = Source(features=teacher, **named)
    given = {flag.replace("-", "_"): getattr(options, flag.replace("-", "_")) for flag in _SETTINGS}
    given = {key: value for key, value in given.items() if value is not None}
    if options.add:
        given["add"] = "+".join(options.add)
    base = DistillRecipe.from_dict(settings) if settings else recipe_for(options.loss, options.student, source)
    if settings and (options.loss or options.student):
        raise InputError("--config chooses loss and student: leave --loss and --student out, or change them by --set")
    recipe = base.but(**{**given, **pairs(options.set)})
    if recipe.add not in ("", "none"):
        decided = settings if settings.get("add", "none") not in ("", "none") else {}
        recipe = seen_twice(recipe, {*decided, *given, *pairs(options.set)})
    return recipe, source, str(teacher)


def recipe_for(loss: str | None, student: str | None, source: Source) -> DistillRecipe:
    """The recipe of a loss, for a student of what the source holds."""
    from graphurl import registry
    from graphurl.recipes.students import ALIASES, BY_LOSS, of_pictures, reads_pictures

    name = loss or "bce"
    if name not in BY_LOSS and name not in registry.names("losses"):
        raise unknown("loss", name, [*BY_LOSS, "mse", "kl", "infonce"])
    recipe: DistillRecipe = registry.resolve("recipes", BY_LOSS.get(name, "distill"))
    recipe = recipe if name in BY_LOSS else recipe.but(loss=name)
    encoder = ALIASES.get(student or "", student)
    if source.images is not None or reads_pictures(encoder):
        recipe = of_pictures(recipe)
    return recipe if encoder is None else recipe.but(encoder=encoder)
