"""Decoded pictures on disk: a memory-mapped .npy that appears in one atomic step and is checked before it is used."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import shutil
import tempfile
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from graphurl.data.catalogue import user_cache
from graphurl.data.stacks import Bytes, Shape, Stack

ENVIRONMENT = "GRAPHURL_CACHE"
VERSION = 1

_MARGIN = 1 << 30
"""Bytes that stay free on the disk."""
_DEAD_S = 3600.0
"""A scratch file that nobody wrote to for so long was left by a process that was killed."""
_UNUSED_S = 30 * 24 * 3600.0
"""A cache that nobody read for so long makes room for the next one."""
_BLOCK = 1 << 24


@dataclass(frozen=True)
class Cache:
    """A cache that was found sound.

    Attributes:
        stack: Its pictures.
        facts: What was written with them, as JSON values.
    """

    stack: Stack
    facts: Mapping[str, Any]


def cache_folder() -> Path:
    """Where decoded pictures are kept: `pictures` below `$GRAPHURL_CACHE`, else below the platform's cache."""
    chosen = os.environ.get(ENVIRONMENT)
    return (Path(chosen).expanduser() if chosen else user_cache() / "graphurl") / "pictures"


def cache_key(*parts: object) -> str:
    """Name of a cache: sha256 over the version of its format and all that its content depends on.

    Args:
        parts: Numbers, texts and paths, or sequences of them.
    """
    text = json.dumps([VERSION, *parts], default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def room_for(folder: Path, size: int) -> bool:
    """Whether a disk has room for a new file, and a margin.

    Args:
        folder: Where the file would be; need not exist.
        size: Bytes.
    """
    there = next((place for place in (folder, *folder.parents) if place.is_dir()), None)
    return there is not None and shutil.disk_usage(there).free >= size + _MARGIN


def write_cache(path: Path, shape: Shape, blocks: Iterable[Bytes], facts: Callable[[], Mapping[str, Any]]) -> None:
    """Writes pictures block by block to a scratch file, and gives it its name when all is there.

    Args:
        path: The cache, in a folder that is made if need be.
        shape: Channels, height and width of a picture.
        blocks: Pictures n × C × H × W, one after the other.
        facts: What to write with them, as JSON values; called when all blocks are written.

    Raises:
        OSError: Where it cannot be written.
    """
    checksum = 0

    def summed() -> Iterator[Bytes]:
        nonlocal checksum
        for block in blocks:
            checksum = zlib.crc32(block.data, checksum)
            yield block

    publish(path, "|u1", shape, summed(), lambda: {"crc32": checksum, "facts": facts()})


def publish(
    path: Path,
    kind: str,
    shape: tuple[int, ...] | None,
    blocks: Iterable[np.ndarray],
    note: Callable[[], Mapping[str, Any]],
) -> None:
    """Writes an .npy block by block, a JSON object behind the array, to a scratch file that then gets its name.

    One step publishes both, and NumPy does not look behind the array. What nobody needs any more goes before.

    Args:
        path: The file, in a folder that is made if need be.
        kind: NumPy's name of the type of an entry.
        shape: Of a row; None for that of the blocks.
        blocks: Rows, one after the other.
        note: What stands behind the array, as JSON values; called when all blocks are written.
    """
    _sweep(path.parent)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            rows, each = 0, shape or (0,)
            _write_header(file, kind, (rows, *each))
            for block in blocks:
                rows, each = rows + len(block), each if shape else block.shape[1:]
                file.write(np.ascontiguousarray(block).data)
            file.write(json.dumps(dict(note())).encode())
            file.seek(0)  # numpy leaves room for more digits, so the header keeps its length
            _write_header(file, kind, (rows, *each))
            file.flush()
            os.fsync(file.fileno())
        os.replace(scratch, path)
    finally:
        Path(scratch).unlink(missing_ok=True)


def read_cache(path: Path) -> Cache | None:
    """Opens a cache, if it is there and sound: its numbers and the checksum of its pixels agree.

    Args:
        path: The cache.

    Returns:
        Pictures and facts, or None.
    """
    try:
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, _ = np.lib.format.read_array_header_1_0(file)
            checksum = _crc32(file, math.prod(shape))
            tail = json.loads(file.read())
        if tail["crc32"] != checksum:
            return None
        found = Cache(Stack.open(path), tail["facts"])
        still_used(path)
        return found
    except Exception:  # numpy parses a damaged header as Python, which fails in many ways
        return None


def still_used(path: Path) -> None:
    """Notes that a file was read today, which keeps it for another while."""
    with contextlib.suppress(OSError):  # it may be read but not touched
        os.utime(path)


def _write_header(file: IO[bytes], kind: str, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(file, {"descr": kind, "fortran_order": False, "shape": shape})


def _crc32(file: IO[bytes], size: int) -> int:
    checksum = 0
    while size > 0 and (block := file.read(min(_BLOCK, size))):
        checksum, size = zlib.crc32(block, checksum), size - len(block)
    return checksum


def _sweep(folder: Path) -> None:
    """Removes what processes left that were killed while they wrote, and caches that nobody needs any more."""
    # The whole name of a cache: a folder that the user chose may hold files of theirs.
    for pattern, age in ((".*.part", _DEAD_S), ("[0-9a-f]" * 64 + ".npy", _UNUSED_S)):
        for file in folder.glob(pattern):
            # Another process may be faster, or have it open where that keeps a file in place.
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime > age:
                    file.unlink()
