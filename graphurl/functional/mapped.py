"""Tables larger than memory: rows that lie in a file, are read a block at a time, and prepared in scratch files."""

from __future__ import annotations

import mmap
import os
import shutil
import tempfile
import warnings
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphurl.errors import InputError

#: Files of so many bytes are mapped, smaller ones are read.
MAPPED_FROM = 2**30
#: Numbers of a table that are worked on at a time, 64 MiB in float32.
BLOCK_NUMBERS = 2**24
#: The maps that tensors were made of, by the address at which they begin.
_MAPS: weakref.WeakValueDictionary[int, mmap.mmap] = weakref.WeakValueDictionary()


def wants_map(path: Path) -> bool:
    """Whether a file is large enough to stay where it is."""
    return path.stat().st_size >= MAPPED_FROM


def map_of(array: npt.NDArray[Any]) -> mmap.mmap | None:
    """The map that the numbers of an array lie in, also through views; None where they lie in memory."""
    base: Any = array
    while isinstance(base, np.ndarray):
        found = base._mmap if isinstance(base, np.memmap) else None  # type: ignore[attr-defined]
        if found is not None:
            assert isinstance(found, mmap.mmap)
            return found
        base = base.base
    return None


def shared(array: npt.NDArray[Any]) -> Tensor:
    """A tensor on the memory of a mapped array, remembered as one that lies in a file.

    The map may be read-only, which torch warns of: nothing here writes to what a user hands over. A private map
    that may be written to would be the safer choice, but a system that does not overcommit refuses one that is
    larger than its memory.
    """
    found = map_of(array)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")
        made = torch.from_numpy(array)
        if found is not None:
            _MAPS[np.frombuffer(found, dtype=np.uint8).__array_interface__["data"][0]] = found
    return made


def is_mapped(x: Tensor) -> bool:
    """Whether the numbers of a dense tensor lie in a file; views of such a tensor do, copies do not."""
    if x.layout != torch.strided or x.device.type != "cpu":
        return False
    here = x.data_ptr()
    return any(start <= here < start + len(found) for start, found in list(_MAPS.items()))


def scratch_folder() -> Path:
    """Where scratch files lie: $TMPDIR, else the place for temporary files that are large, which is on a disk."""
    chosen = os.environ.get("TMPDIR")
    large = Path("/var") / "tmp"
    return Path(chosen) if chosen else large if os.access(large, os.W_OK) else Path(tempfile.gettempdir())


def scratch(rows: int, columns: int) -> Tensor:
    """A float32 table in a scratch file, zeros at first; it has no name and goes with the tensor.

    Args:
        rows: Number of rows.
        columns: Number of columns.

    Raises:
        InputError: Where the disk has no room for it.
    """
    size = 4 * rows * columns
    folder = scratch_folder()
    try:
        with tempfile.TemporaryFile(dir=folder, prefix="graphurl.") as file:
            # Reserved now: a disk that is full when a page is written ends the process without a word.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            elif shutil.disk_usage(folder).free < size:
                raise OSError(f"{shutil.disk_usage(folder).free / 1e9:.1f} GB are free")
            return shared(np.memmap(file, dtype=np.float32, mode="w+", shape=(rows, columns)))
    except OSError as error:
        raise InputError(
            f"no scratch file of {size / 1e9:.1f} GB in {folder} ({error.strerror or error}): "
            "free some space, or set TMPDIR to a folder that has it"
        ) from error


def row_blocks(x: Any, numbers: int | None = None) -> Iterator[slice]:
    """Slices of rows, as many at a time as `numbers` (`BLOCK_NUMBERS`) allow, that cover a matrix or a vector.

    The same for tables in memory and in files, so that both are summed in the same order.
    """
    rows = int(x.shape[0])
    width = int(x.shape[1]) if len(x.shape) > 1 else 1
    size = max(1, (numbers or BLOCK_NUMBERS) // max(1, width))
    for start in range(0, max(rows, 1), size):
        yield slice(start, min(start + size, rows))


def all_finite(x: Tensor) -> bool:
    """Whether every number is: the smallest and the largest tell, read in one pass without a mask.

    A sum in float64 takes 20 times as long, `isfinite` 10 times.
    """
    return all(bool(bound.isfinite()) for b in row_blocks(x) if x[b].numel() for bound in torch.aminmax(x[b]))


def by_rows(x: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
    """make(x) of a table whose rows do not depend on each other; of a mapped one block by block, in a scratch file.

    Args:
        x: The table.
        make: Turns rows into as many rows of the same width.
    """
    if not is_mapped(x):
        return make(x)
    made = scratch(*x.shape)
    for rows in row_blocks(x):
        made[rows] = make(x[rows])
    return made


def by_columns(x: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
    """make(x) of a table whose columns do not depend on each other, as `by_rows`.

    Blocks of columns are brought together in a scratch file first, and apart again behind: taken out of the rows one
    by one, each would read and write the pages of the whole table.

    Args:
        x: The table.
        make: Turns columns into as many columns of the same length.
    """
    if not is_mapped(x):
        return make(x)
    rows, columns = x.shape
    size = max(1, BLOCK_NUMBERS // rows)
    # A sparse product takes whole vector registers of columns at a time.
    size = size // 32 * 32 or size
    blocks = [slice(start, min(start + size, columns)) for start in range(0, columns, size)]
    numbers = scratch(1, rows * columns)[0]
    parts = [numbers[rows * b.start : rows * b.stop].view(rows, b.stop - b.start) for b in blocks]
    for here in row_blocks(x):
        for part, block in zip(parts, blocks, strict=True):
            part[here] = x[here, block]
    for part in parts:
        part.copy_(make(part))
    made = scratch(rows, columns)
    for here in row_blocks(x):
        for part, block in zip(parts, blocks, strict=True):
            made[here, block] = part[here]
    return made
