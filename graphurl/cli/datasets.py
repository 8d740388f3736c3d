"""graphurl datasets: list, describe, fetch and verify the data sets of the catalogue."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from graphurl.cli import table
from graphurl.cli.parser import Parser

if TYPE_CHECKING:
    from graphurl.data.catalogue import Card


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    about = {
        "list": "all data sets, and which are there",
        "info": "what the catalogue knows about one",
        "fetch": "download what is missing and check all of it",
        "verify": "compare files with their checksums; downloads nothing",
    }
    for name, text in about.items():
        action = actions.add_parser(name, help=text, description=f"{text[0].upper()}{text[1:]}.")
        if name != "list":
            action.add_argument(
                "names", metavar="NAME", nargs="*" if name == "verify" else "+", help="data set"
            )
        action.add_argument(
            "--data-root", metavar="DIR", help="folder with data sets; default $GRAPHURL_DATA"
        )


def run(options: argparse.Namespace) -> int:
    """Runs the action."""
    from graphurl.data import catalogue

    if options.action == "list":
        print(listing(options.data_root))
        return 0
    cards = [catalogue.info(name) for name in options.names or catalogue.names()]
    if options.action == "info":
        print("\n\n".join(describe(card, options.data_root) for card in cards))
        return 0
    if options.action == "fetch":
        from graphurl.data.fetch import fetch

        for card in cards:
            found = fetch(card.name, options.data_root)
            if not options.quiet:
                print(f"{card.name}: {'built in' if not found else ', '.join(map(str, found))}")
        return 0
    return verify([card.name for card in cards], options)


def listing(root: str | None) -> str:
    """A line a data set."""
    from graphurl.data import catalogue

    cards = [catalogue.info(name) for name in catalogue.names()]
    rows = [
        (card.name, card.task, card.samples, "x".join(map(str, card.shape)), len(card.classes) or None,
         state_of(card, root), card.title)
        for card in cards
    ]  # fmt: skip
    shown = table.columns(("name", "task", "samples", "shape", "classes", "files", "title"), rows)
    return f"{shown}\n\ndata root: {catalogue.data_root(root)}"


def state_of(card: Card, root: str | None) -> str:
    """Says whether it is built in, there, or missing; checksums are left to verify."""
    from graphurl.data.fetch import present

    if not card.files:
        return "built in"
    return "there" if present(card, root) else "missing"


def describe(card: Card, root: str | None) -> str:
    """Everything that the catalogue knows about a data set."""
    lines = {
        "name": card.name,
        "title": card.title,
        "samples": card.samples,
        "shape": " x ".join(map(str, card.shape)),
        "classes": ", ".join(card.classes[:20]) + (" …" if len(card.classes) > 20 else "") or None,
        "splits": ", ".join(f"{name} {number:,}" for name, number in card.splits.items()) or None,
        "licence": card.licence,
        "homepage": card.homepage or None,
        "note": card.note or None,
        "files": state_of(card, root),
    }
    files = [f"  {file.path}  {file.urls[0] if file.urls else 'no source known'}" for file in card.files]
    return "\n".join([table.facts(lines), *files, *card.citation.strip().splitlines()])


def verify(names: list[str], options: argparse.Namespace) -> int:
    """Compares files with their checksums; 1 where one is wrong, or where a named data set is missing."""
    from graphurl.data.fetch import verify as states_of

    rows = [(name, state.state, state.path) for name in names for state in states_of(name, options.data_root)]
    if rows and not options.quiet:
        print(table.columns(("name", "state", "file"), rows))
    bad = {"wrong", "missing"} if options.names else {"wrong"}
    return int(any(state in bad for _, state, _ in rows))
