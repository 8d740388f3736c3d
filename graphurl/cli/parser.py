"""The arguments: errors as one line, names checked against the registry, the nearest one offered."""

from __future__ import annotations

import argparse
import difflib
import importlib
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn

from graphurl import __version__, registry
from graphurl.errors import InputError, unknown


class Verb(NamedTuple):
    """A command: the file that holds it, and what it does in one line."""

    module: str
    about: str


VERBS = {
    "embed": Verb("embed", "train an embedding, judge it, write a run folder"),
    "distill": Verb("distill", "train a small student on a teacher's similarities"),
    "transform": Verb("transform", "embed new rows with a saved model"),
    "evaluate": Verb("evaluate", "every metric that the inputs allow"),
    "compare": Verb("compare", "runs side by side, tested over their seeds"),
    "plot": Verb("plot", "a picture of an embedding"),
    "report": Verb("report", "runs as one page to send on"),
    "export": Verb("export", "an embedding for other programs: Parquet, TensorBoard, AnnData"),
    "graph": Verb("graph", "build, describe, combine and compare similarity graphs"),
    "datasets": Verb("datasets", "list, describe, fetch and verify data sets"),
    "tune": Verb("tune", "choose settings for pictures without labels"),
    "bench": Verb("bench", "methods side by side on the same terms"),
    "list": Verb("listing", "what there is: losses, graphs, encoders, metrics, recipes, data sets"),
    "doctor": Verb("doctor", "what this machine has"),
}

_EPILOG = "With no arguments at all, 'graphurl embed' embeds a small data set that comes with the program."


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are exceptions, and that does not guess abbreviations."""

    def __init__(self, **settings: Any) -> None:
        """Switches abbreviations off: a script must not break when a flag is added."""
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        """Raises in place of printing the usage."""
        stray = re.match(r"unrecognized arguments: (.*)", message)
        raise InputError(self._stray(stray[1].split()) if stray else f"{message} (see {self.prog} --help)")

    def _stray(self, words: Sequence[str]) -> str:
        flags = [flag for part in self.family() for action in part._actions for flag in action.option_strings]
        given = next((word for word in words if word.startswith("-")), words[0])
        near = difflib.get_close_matches(given.partition("=")[0], flags, n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
        return f"unknown argument {given!r}: {hint}"

    def family(self) -> list[Parser]:
        """This parser and all below it."""
        below = [action for action in self._actions if isinstance(action, argparse._SubParsersAction)]
        return [
            self,
            *(part for action in below for child in action.choices.values() for part in child.family()),
        ]


def build_parser(arguments: Sequence[str]) -> Parser:
    """The parser for a call; only the verb that is called adds its arguments.

    Args:
        arguments: Arguments of the call.

    Returns:
        The parser.
    """
    parser = Parser(
        prog="graphurl", description="Embeddings of anything with a notion of similarity.", epilog=_EPILOG
    )
    parser.add_argument("--version", action="version", version=f"graphurl {__version__}")
    loudness(parser, quiet=False, verbose=False)
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", title="commands")
    called = next((word for word in arguments if not word.startswith("-")), None)
    if called is not None and called not in VERBS:
        raise unknown("command", called, VERBS)
    for name, verb in VERBS.items():
        child = verbs.add_parser(
            name, help=verb.about, description=f"{verb.about[0].upper()}{verb.about[1:]}."
        )
        if name == called:
            importlib.import_module(f"graphurl.cli.{verb.module}").add_arguments(child)
            for part in child.family():
                loudness(part, quiet=argparse.SUPPRESS, verbose=argparse.SUPPRESS)
    return parser


def loudness(parser: argparse.ArgumentParser, *, quiet: bool | str, verbose: bool | str) -> None:
    """Adds -q and -v. Below the top a default is suppressed, so that `graphurl -v embed` holds, too."""
    parser.add_argument("-q", "--quiet", action="store_true", default=quiet, help="print nothing but errors")
    parser.add_argument(
        "-v", "--verbose", action="store_true", default=verbose, help="print tracebacks and all warnings"
    )


def one_of(kind: str) -> Callable[[str], str]:
    """A check of a name against the registry."""

    def check(text: str) -> str:
        if text not in registry.names(kind):
            singular = {"losses": "loss"}.get(kind, kind.removesuffix("s"))
            raise argparse.ArgumentTypeError(str(unknown(singular, text, registry.names(kind))))
        return text

    return check


def pairs(items: Sequence[str]) -> dict[str, str]:
    """Settings from key=value."""
    found = {}
    for item in items:
        key, equals, value = item.partition("=")
        if not (key and equals and value):
            raise InputError(f"--set is {item!r}: give key=value, such as --set hidden=256")
        if key in found:
            raise InputError(f"--set names {key!r} twice: give it once")
        found[key.strip()] = value.strip()
    return found
