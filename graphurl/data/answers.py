"""A teacher's answers on disk: a memory-mapped .npy with a note of who made it of what, written in one atomic step."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from graphurl.data.caches import cache_folder, publish, still_used
from graphurl.errors import InputError


def answers_folder() -> Path:
    """Where answers are kept unless a file is named: `teachers` beside the pictures' cache."""
    return cache_folder().parent / "teachers"


def write_answers(path: Path, blocks: Iterable[npt.NDArray[np.float32]], about: Mapping[str, Any]) -> None:
    """Writes rows block by block to a scratch file, and gives it its name when all are there.

    Args:
        path: The file, in a folder that is made if need be.
        blocks: Rows n × D, one block after the other.
        about: Who made them of what, as JSON values; stands behind the array, where NumPy does not look.
    """
    publish(path, "<f4", None, (np.asarray(block, dtype=np.float32) for block in blocks), lambda: about)


def read_answers(path: Path, about: Mapping[str, Any]) -> npt.NDArray[np.float32]:
    """Opens answers, without reading them into memory.

    Args:
        path: The file.
        about: Who has to have made them of what.

    Raises:
        InputError: Where it was made by another teacher or of other data, or is damaged.
    """
    try:
        found: npt.NDArray[np.float32] = np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            np.lib.format.read_magic(file)
            shape, _, dtype = np.lib.format.read_array_header_1_0(file)
            file.seek(math.prod(shape) * dtype.itemsize, os.SEEK_CUR)
            note = json.loads(file.read())
    except (OSError, ValueError, EOFError, SyntaxError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} holds no answers of a teacher ({reason}): delete it, or name another file") from error
    differing = [key for key in about if note.get(key) != about[key]]
    if differing:
        what = " and ".join({"teacher": "another teacher", "data": "other data"}.get(key, key) for key in differing)
        raise InputError(f"{path} was made with {what}: delete it, or name another file")
    still_used(path)
    return found
