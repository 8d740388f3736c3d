"""graphurl list: every part that has a name, what it is, and what it can do."""

from __future__ import annotations

import argparse
import importlib
import inspect
from typing import Any

from graphurl import registry
from graphurl.cli import table
from graphurl.cli.parser import Parser
from graphurl.errors import InputError, unknown

KINDS = ("losses", "graphs", "encoders", "heads", "views", "terms", "metrics", "recipes", "figures", "datasets")


def add_arguments(parser: Parser) -> None:
    """Adds the arguments of the verb."""
    parser.add_argument("kind", nargs="?", metavar="KIND", help=f"one of {', '.join(KINDS)}; default all")
    parser.add_argument("--markdown", action="store_true", help="metrics as a page, with what each can and cannot tell")


def run(options: argparse.Namespace) -> int:
    """Prints one table a kind."""
    if options.kind is not None and options.kind not in KINDS:
        raise unknown("kind", options.kind, KINDS)
    if options.markdown:
        if options.kind != "metrics":
            raise InputError(f"--markdown with {options.kind or 'all kinds'}: it goes with metrics alone")
        from graphurl.cli.metricpage import page

        print(page(), end="")
        return 0
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
    if kind == "views":
        about = {name: plan_line(registry.resolve(kind, name)) for name in about}
    if kind == "recipes":
        about = {name: recipe_line(registry.resolve(kind, name)) for name in about}
    return table.columns(("name", "about"), about.items())


def metric_rows() -> list[tuple[str, str, str]]:
    """Name, needed inputs beside the embedding, and what it is."""
    from graphurl.cli.metricpage import needs
    from graphurl.evaluation.metrics import targets

    rows = []
    for name, target in targets().items():
        module, _, attribute = target.partition(":")
        about = inspect.getdoc(getattr(importlib.import_module(module), attribute)) or ""
        rows.append((name, needs(target), about.partition("\n")[0]))
    return rows


def abilities(encoder: Any) -> tuple[bool, str]:
    """Whether an encoder places new rows, and what it reads."""
    return encoder.inductive, encoder.needs


def recipe_line(recipe: Any) -> str:
    """A recipe in one line."""
    tasks = {"dr": "map of rows", "ge": "vectors of nodes", "ssl": "pictures", "kd": "student of a teacher"}
    task = tasks[recipe.task]
    dynamic = ", dynamic" if recipe.dynamic else ""
    related = recipe.relation if hasattr(recipe, "relation") else f"{recipe.graph} graph"
    return (
        f"{task}: {related}, {recipe.encoder} encoder, {recipe.loss} loss{dynamic}, "
        f"{recipe.dim}-D, {recipe.epochs} epochs"
    )


def plan_line(plan: Any) -> str:
    """A plan of views in one line: what its policies change, in the order of the views."""
    policies = [*plan.policies, *([plan.small] if plan.small_views else [])]
    words = [policy_words(policy) for policy in policies]
    words = words[:1] if len(set(words)) == 1 else words
    small = f"; {plan.small_views} small ones" if plan.small_views else ""
    return " | ".join(words) + small


def policy_words(policy: Any) -> str:
    """What a policy may change."""
    said = [f"crop {policy.scale[0]:g} to {policy.scale[1]:g}"] if policy.scale is not None else []
    if policy.jitter_probability > 0:
        said.append(f"colour {' '.join(f'{strength:g}' for strength in policy.jitter)}")
    for name in ("shift", "flip", "gray", "blur", "solarise", "noise"):
        if getattr(policy, name) > 0:
            said.append(f"{name} {getattr(policy, name):g}")
    return ", ".join([*said, *policy.extra]) or "the picture as it is"
