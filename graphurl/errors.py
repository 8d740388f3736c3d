"""Errors and warnings that speak to the user: what was given, what is allowed, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """The call was wrong: bad data, an unknown name, a setting out of range (exit status 2)."""


class RunError(RuntimeError):
    """The call was right but the run failed: a loss that became NaN, a full disk (exit status 1)."""


class GraphWarning(UserWarning):
    """The graph is unusual (isolated nodes, several components) but usable."""


class CollapseWarning(UserWarning):
    """The embedding lost its spread: all rows alike, or a rank far below the dimension."""


def unknown(kind: str, given: object, known: Iterable[str]) -> InputError:
    """Builds the error for a name that does not exist.

    Args:
        kind: What the name stands for, in the singular ("loss", "graph").
        given: The name the user wrote.
        known: Every name that exists.

    Returns:
        An error that lists the choices and offers the nearest one.
    """
    names = sorted(known)
    near = difflib.get_close_matches(str(given).lower(), [name.lower() for name in names], n=1, cutoff=0.5)
    match = next((name for name in names if near and name.lower() == near[0]), None)
    hint = f"did you mean {match!r}? " if match is not None else ""
    return InputError(f"unknown {kind} {given!r}: {hint}choose one of {', '.join(names)}")
