"""Lets torchvision be imported beside a torch that it was not built for, as far as its transforms need it.

A torchvision whose compiled part does not load (another torch, or one without CUDA) stops at its own import: it
describes operators that nobody declared. Declared by name, they let the rest in; called, they still fail.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path

import torch

PACKAGE = "torchvision"
DESCRIBED = re.compile(rf'register_fake\("{PACKAGE}::(\w+)"\)')
# An operator is forgotten with the library that declared it.
_declared: list[torch.library.Library] = []


def import_torchvision() -> bool:
    """Imports torchvision, after declaring the operators that it misses.

    Returns:
        Whether it is installed.
    """
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        return False
    try:
        importlib.import_module(PACKAGE)
    except RuntimeError as error:
        if f"operator {PACKAGE}::" not in str(error):
            raise
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]
        declare(Path(spec.submodule_search_locations[0]))
        importlib.import_module(PACKAGE)
    return True


def declare(folder: Path) -> None:
    """Declares, without any code behind them, the operators that a torchvision describes.

    Args:
        folder: Where the package lies.
    """
    library = torch.library.Library(PACKAGE, "FRAGMENT")
    for name in sorted(set(DESCRIBED.findall((folder / "_meta_registrations.py").read_text(encoding="utf-8")))):
        library.define(f"{name}(Tensor x) -> Tensor")
    _declared.append(library)
