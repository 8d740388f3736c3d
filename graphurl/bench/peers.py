"""Other methods, one Python file each in a folder of the user's: found, loaded, told apart by their code."""

from __future__ import annotations

import hashlib
import importlib
import sys
from pathlib import Path
from typing import Any

from graphurl.errors import InputError


def methods(folder: Path, form: str) -> list[tuple[str, Path]]:
    """Name and file of each method in a folder: a Python file with a function `embed` and, better, a `NAME`.

    Args:
        folder: Where they lie.
        form: How the function has to be called, for errors.

    Returns:
        In the order of the file names; nothing is imported.

    Raises:
        InputError: No such folder, or none in it.
    """
    if not folder.is_dir():
        raise InputError(f"--peers {folder}: no such folder, give one with a Python file for each method")
    found = []
    for path in filter(is_method, sorted(folder.glob("*.py"))):
        lines = path.read_text(encoding="utf-8").splitlines()
        name = next((line for line in lines if line.startswith("NAME = ")), f"NAME = {path.stem!r}")
        found.append((name.partition("=")[2].strip().strip("\"'"), path))
    if not found:
        raise InputError(f"--peers {folder}: no file there has a function {form}")
    return found


def is_method(path: Path) -> bool:
    """Whether a Python file is a method: the others of its folder are what methods share."""
    return "\ndef embed(" in path.read_text(encoding="utf-8")


def code(path: Path) -> list[str]:
    """File name, and checksums of a method's code and of what the methods of its folder share."""
    shared = [other for other in sorted(path.parent.glob("*.py")) if not is_method(other)]
    return [path.name, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in (path, *shared))]


def loaded(path: Path) -> Any:
    """A Python file as a module that may import its neighbours, by their names from where the command runs.

    So a method in benchmarks/peers says `from benchmarks.peers.views import …`, or `from . import views`.
    """
    folder, here = path.resolve().parent, Path.cwd()
    root = here if folder.is_relative_to(here) else folder.parent
    if str(root) not in sys.path:
        sys.path.append(str(root))
    module = importlib.import_module(".".join((*folder.relative_to(root).parts, path.stem)))
    if Path(module.__file__ or "").resolve() != path.resolve():
        raise InputError(f"{path}: its name stands for {module.__file__} already: rename the file or its folder")
    return module
