"""Graphs as files: safetensors with a JSON header; no pickle, atomic, checked when read."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors import torch as safetensors_torch
from torch import Tensor

from graphurl.errors import InputError
from graphurl.functional.mapped import shared, wants_map
from graphurl.graphs.graph import Graph

FORMAT = "graphurl.graph"
FORMAT_VERSION = 1
_TYPES: dict[str, np.dtype[Any]] = {"I64": np.dtype("<i8"), "F32": np.dtype("<f4"), "U8": np.dtype("u1")}
SUFFIXES = (".graph", ".safetensors")


def save(graph: Graph, path: str | os.PathLike[str]) -> Path:
    """Writes a graph to one file; it appears complete or not at all.

    Args:
        graph: A graph.
        path: File name ending in .graph or .safetensors; an existing file is replaced.

    Returns:
        The path.

    Raises:
        InputError: For another ending, a folder that is missing, or a provenance that is not JSON.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise InputError(
            f"{path.name} ends in {path.suffix or 'nothing'!r}: name a graph file *.graph or *.safetensors"
        )
    if not path.parent.is_dir():
        raise InputError(f"the folder {path.parent} does not exist: create it first")
    try:
        provenance = json.dumps(dict(graph.provenance))
    except TypeError as error:
        raise InputError(f"the provenance cannot be saved ({error}): it holds JSON values only") from error
    header = {
        "format": FORMAT,
        "format_version": str(FORMAT_VERSION),
        "hash": graph.hash,
        "provenance": provenance,
    }
    _write(path, safetensors_torch.save(_tensors(graph), header))
    return path


def load(path: str | os.PathLike[str]) -> Graph:
    """Reads a graph that `save` wrote, and checks that its content is what was written.

    The edges of a large file (1 GiB) stay there and are mapped read-only: they are read through once for the check.

    Args:
        path: The file.

    Returns:
        The graph, on the CPU.

    Raises:
        InputError: For a file that is missing, damaged, of another kind, or of a newer format.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"there is no file {path}: give a graph that was saved with graphs.save")
    try:
        header, tensors = (_mapped if wants_map(path) else _read)(path)
        _check_header(path, header)
        graph = Graph(
            crow=tensors["crow"],
            col=tensors["col"],
            length=tensors.get("length"),
            weight=tensors.get("weight"),
            ids=_ids(tensors.get("ids")),
            provenance=json.loads(header["provenance"]),
        )
    except InputError:
        raise
    except (SafetensorError, KeyError, ValueError, TypeError, AttributeError, OSError) as error:
        raise InputError(
            f"{path} is no graph file, or it is damaged ({_one_line(error)}): build and save it again"
        ) from error
    if graph.hash != header.get("hash"):
        raise InputError(f"{path} is damaged: its content is not what was saved, build and save it again")
    return graph


def _read(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """Header and tensors of a file."""
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118


def _mapped(path: Path) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The same of a large file: 8 bytes with the size of a JSON header, that header, then one tensor after another."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        layout = json.loads(file.read(min(size, path.stat().st_size)))
    header = layout.pop("__metadata__", {})
    tensors = {}
    for name, entry in layout.items():
        start, shape = 8 + size + int(entry["data_offsets"][0]), tuple(entry["shape"])
        kind = _TYPES[entry["dtype"]]
        none = 0 in shape  # of which there is no map
        there = np.zeros(shape, kind) if none else np.memmap(path, kind, mode="r", offset=start, shape=shape)
        tensors[name] = shared(there)
    return header, tensors


def _check_header(path: Path, header: dict[str, str]) -> None:
    if header.get("format") != FORMAT:
        raise InputError(f"{path} is a safetensors file but no graph: give a file that graphs.save wrote")
    version = header.get("format_version", "")
    if not version.isdigit() or int(version) > FORMAT_VERSION:
        raise InputError(
            f"{path} has format version {version or 'none'}, this release reads up to {FORMAT_VERSION}: "
            "update graphurl"
        )


def _tensors(graph: Graph) -> dict[str, Tensor]:
    tensors = {"crow": graph.crow, "col": graph.col}
    tensors |= {kind: v for kind, v in (("length", graph.length), ("weight", graph.weight)) if v is not None}
    if graph.ids is not None:
        tensors["ids"] = torch.from_numpy(
            np.frombuffer(json.dumps(graph.ids).encode(), dtype=np.uint8).copy()
        )
    # Cloned, since the format refuses tensors that share memory.
    return {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}


def _ids(packed: Tensor | None) -> tuple[str, ...] | None:
    return None if packed is None else tuple(json.loads(packed.numpy().tobytes().decode()))


def _write(path: Path, content: bytes) -> None:
    """Writes next to the target and renames, so that no reader ever sees half a file."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o666 & ~_umask())
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _umask() -> int:
    """The permissions that new files do not get; a temporary file is stricter than that."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
