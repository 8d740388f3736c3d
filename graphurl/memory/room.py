"""What every run takes, what there is, and the refusal of a run that does not fit."""

from __future__ import annotations

import os
import shutil

from graphurl.errors import InputError
from graphurl.functional.mapped import scratch_folder

#: Libraries, code and allocator: runs on 60 rows took .36 GB, on 1,000 rows .45.
BASE = 0.42e9
#: A pair that is compared: 14 numbers on the way there and back.
PAIR = 4 * 14


def available_memory() -> int | None:
    """Bytes that this process may still take, where the system tells."""
    try:
        with open("/proc/meminfo", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file)
        return int(lines["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (OSError, ValueError, AttributeError):
            return None


def require_free(need: int, smaller: str) -> int:
    """Refuses what is more than is free, names what to make smaller, and returns what is needed."""
    free = available_memory()
    if free is not None and need > free:
        raise InputError(f"the run needs about {need / 1e9:.1f} GB and {free / 1e9:.1f} GB are free: take {smaller}")
    return need


def require_scratch(need: int) -> None:
    """Refuses scratch files that the disk has no room for."""
    folder = scratch_folder()
    free = shutil.disk_usage(folder).free
    if need > free:
        raise InputError(
            f"the run writes {need / 1e9:.1f} GB of scratch files and {folder} has {free / 1e9:.1f} GB free: "
            "free some, set TMPDIR to a folder that has the space, or take features='none'"
        )
