"""graphurl list: every part that has a name, what it is, and what it can do."""

from __future__ import annotations

import argparse
import importlib
import inspect
from typing import Any

from graphurl import registry
from graphurl.cli import table
from graphurl.cli.parser import Parser
from graphurl.errors import unknown

KINDS = ("losses", "graphs", "encoders", "heads", "views", "terms", "metrics", "recipes", "datasets")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"one of {', '.join(KINDS)}; default all")


def run(options: argparse.Namespace) -> int:
    """Prints one table a kind."""
    if options.kind is not None and options.kind not in KINDS:
        raise unknown("kind", options.kind, KINDS)
    kinds = (options.kind,) if options.kind is not None else KINDS
    print(
        "\n\n".join(f"{kind}\n{section(kind)}" if options.kind is None else section(kind) for kind in kinds)
    )
    return 0


def section(kind: str) -> str:
    """The table of one kind."""
    if kind == "datasets":
        from graphurl.cli.datasets import listing

        return listing(None)
    if kind == "metrics":
        return table.columns(("name", "needs", "about"), metric_rows())
    about = registry.describe(kind)
    if kind == "encoders":
        able = [(name, *abilities(registry.resolve(kind, name)), text) for name, text in about.items()]
        return table.columns(("name", "places new rows", "reads", "about"), able)
    if kind == "recipes":
        about = {name: recipe_line(registry.resolve(kind, name)) for name in about}
    return table.columns(("name", "about"), about.items())


def metric_rows() -> list[tuple[str, str, str]]:
    """Name, needed inputs beside the embedding, and what it is."""
    from graphurl.evaluation.report import METRICS, ON_REQUEST

    words = {"x": "rows", "y": "labels"}
    rows = []
    for name, target in {**METRICS, **ON_REQUEST}.items():
        module, _, attribute = target.partition(":")
        function = getattr(importlib.import_module(module), attribute)
        parameters = inspect.signature(function).parameters.values()
        needed = [words[p.name] for p in parameters if p.name in words and p.default is p.empty]
        rows.append(
            (name, ", ".join(needed) or "nothing", (inspect.getdoc(function) or "").partition("\n")[0])
        )
    return rows


def abilities(encoder: Any) -> tuple[bool, str]:
    """Whether an encoder places new rows, and what it reads."""
    return encoder.inductive, encoder.needs


def recipe_line(recipe: Any) -> str:
    """A recipe in one line."""
    task = {"dr": "map of rows", "ge": "vectors of nodes", "ssl": "pictures"}[recipe.task]
    dynamic = ", dynamic" if recipe.dynamic else ""
    related = recipe.relation if recipe.task == "ssl" else f"{recipe.graph} graph"
    return (
        f"{task}: {related}, {recipe.encoder} encoder, {recipe.loss} loss{dynamic}, "
        f"{recipe.dim}-D, {recipe.epochs} epochs"
    )
