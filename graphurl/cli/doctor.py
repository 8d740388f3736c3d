"""graphurl doctor: what this machine has, and which paths are taken because of it."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform
import sys

from graphurl import __version__
from graphurl.cli import table
from graphurl.cli.parser import Parser

#: Distribution → what it is for.
LIBRARIES = {
    "faiss-cpu": "approximate nearest neighbours of many rows; without it exact search",
    "scipy": "components and shortest paths on the CPU",
    "scikit-learn": "probes, clusterings, the data set digits",
    "networkx": "converters, the data set karate",
    "torch-geometric": "graph encoders gcn, sage, gat",
    "torch-scatter": "faster message passing in torch-geometric",
    "torch-sparse": "faster sparse products in torch-geometric",
    "matplotlib": "pictures",
    "pillow": "image folders",
    "pandas": "data frames",
    "pyarrow": "parquet files",
    "kornia": "image augmentations",
    "ogb": "the original loader of OGB; the data sets are read without it",
    "tqdm": "the progress bar",
}


def add_arguments(parser: Parser) -> None:
    """Adds nothing: the verb has no arguments of its own."""


def run(options: argparse.Namespace) -> int:
    """Prints what there is."""
    import torch

    from graphurl.data import data_root
    from graphurl.machine import choose_device
    from graphurl.memory import available_memory

    root, free = data_root(), available_memory()
    lines = {
        "graphurl": f"{__version__} ({os.path.dirname(os.path.dirname(os.path.abspath(__file__)))})",
        "python": f"{platform.python_version()} ({sys.executable})",
        "system": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "torch": f"{torch.__version__}, {torch.get_num_threads()} threads",
        "devices": ", ".join(devices()),
        "device auto": str(choose_device("auto")),
        "free memory": None if free is None else table.size(free),
        "data root": f"{root} ({'there' if root.is_dir() else 'missing'})",
    }
    print(table.facts(lines))
    print()
    rows = [(name, version_of(name) or "missing", purpose) for name, purpose in LIBRARIES.items()]
    print(table.columns(("library", "version", "for"), rows))
    return 0


def devices() -> list[str]:
    """Every device that torch can use, with its memory."""
    import torch

    found = ["cpu"]
    for index in range(torch.cuda.device_count()):
        memory = torch.cuda.get_device_properties(index).total_memory
        found.append(f"cuda:{index} {torch.cuda.get_device_name(index)} {table.size(memory)}")
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def version_of(distribution: str) -> str | None:
    """The installed version, or None."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None
