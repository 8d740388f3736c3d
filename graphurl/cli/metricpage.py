"""The metrics as a page of the documentation: what each needs, and what it can and cannot tell."""

from __future__ import annotations

import importlib
import inspect


def page() -> str:
    """Markdown of all metrics, made of the registry and of the docstrings of its functions."""
    from graphurl.evaluation.metrics import FURTHER, LOWER, METRICS, targets

    functions: dict[str, list[str]] = {}
    for name, target in targets().items():
        functions.setdefault(target, []).append(name)
    parts = []
    for target, found in functions.items():
        module, _, attribute = target.partition(":")
        text = inspect.getdoc(getattr(importlib.import_module(module), attribute)) or ""
        told = text.partition("\n\nArgs:")[0].strip()
        when = "always" if found[0] in METRICS else "by `evaluate`" if found[0] in FURTHER else "when asked for by name"
        less = [f"`{name}`" for name in found if name in LOWER]
        lower = f" Less is better: {', '.join(less)}." if less else ""
        named = ", ".join(f"`{name}`" for name in found)
        parts.append(f"### {', '.join(found)}\n\n{named}: needs {needs(target)}, measured {when}.{lower}\n\n{told}")
    return "\n\n".join(parts) + "\n"


def needs(target: str) -> str:
    """What a metric's function asks for beside the embedding, in words."""
    module, _, attribute = target.partition(":")
    words = {"x": "rows", "y": "labels", "view": "view", "graph": "graph", "links": "links"}
    parameters = inspect.signature(getattr(importlib.import_module(module), attribute)).parameters.values()
    found = [words[p.name] for p in parameters if p.name in words and p.default is p.empty]
    return ", ".join(found) or "nothing"
