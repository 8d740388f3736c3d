"""Decoding many pictures: what their headers promise, then all pixels into a cache on disk, by threads."""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np

from graphurl.data.caches import ENVIRONMENT, Cache, read_cache, room_for, write_cache
from graphurl.data.listing import Found, none_readable
from graphurl.data.pictures import DEFAULT_SIDE, Header, decode_square, header, quiet, unreadable
from graphurl.data.stacks import Bytes, Shape

Progress = Callable[[int, int], None]
"""Told how many steps are done, of how many."""

_LARGEST_COMMON = 96
"""Squares up to this side keep their size; larger pictures are scaled to the default side."""
_GROUP = 256
_BLOCK = 1 << 26

T = TypeVar("T")


@dataclass
class Job:
    """Who works on which folder, and who is told about it.

    Attributes:
        folder: The folder.
        workers: Number of threads.
        progress: Told about every group of pictures, or None.
        done: Steps taken.
        total: Steps in all.
    """

    folder: Path
    workers: int
    progress: Progress | None
    done: int = 0
    total: int = 0

    def advance(self, steps: int) -> None:
        """Counts steps and tells."""
        self.done += steps
        if self.progress is not None:
            self.progress(self.done, self.total)


class Plan(NamedTuple):
    """Which pictures there are and what they become.

    Attributes:
        names: Relative paths of those that can be read.
        broken: Of those that cannot.
        shape: Channels, height and width of each.
    """

    names: tuple[str, ...]
    broken: tuple[str, ...]
    shape: Shape


def prepare(job: Job, found: Found, side: int | None, path: Path | None) -> tuple[Plan, Cache | None]:
    """Finds the cache, or fills it; without a cache the headers alone decide what can be read.

    Args:
        job: Folder, threads and progress.
        found: The files.
        side: Height and width of the decoded pictures, or None for that of small squares or the default.
        path: The cache, or None to do without.

    Returns:
        What there is, and its cache, where one is wanted and there is room for it.

    Raises:
        InputError: Where no picture can be read.
    """
    cached = None if path is None else read_cache(path)
    if cached is None:
        job.total = len(found.names) * (1 if path is None else 2)
        with quiet():
            plan = _survey(job, found, side)
            cached = None if path is None else _fill(path, job, plan)
        if job.done < job.total:  # what could not be read was not decoded
            job.advance(job.total - job.done)
        if cached is None:
            return plan, None
    broken = tuple(cached.facts["broken"])
    gone = set(broken)
    return Plan(tuple(name for name in found.names if name not in gone), broken, cached.stack.shape), cached


def _survey(job: Job, found: Found, side: int | None) -> Plan:
    """Reads all headers: which can be read, how large the pictures become, and whether all are grey."""

    def look(name: str) -> Header | None:
        try:
            return header(job.folder / name)
        except unreadable():
            return None

    headers: list[Header | None] = []
    for group in spread(look, found.names, job.workers):
        headers += group
        job.advance(len(group))
    known = [head for head in headers if head is not None]
    if not known:
        raise none_readable(job.folder, len(found.names) + len(found.locked))
    sizes = {(head.width, head.height) for head in known}
    width, height = next(iter(sizes))
    common = len(sizes) == 1 and width == height <= _LARGEST_COMMON
    edge = side or (width if common else DEFAULT_SIDE)
    names = tuple(name for name, head in zip(found.names, headers, strict=True) if head is not None)
    broken = tuple(name for name, head in zip(found.names, headers, strict=True) if head is None)
    return Plan(names, broken, (1 if all(head.grey for head in known) else 3, edge, edge))


def _fill(path: Path, job: Job, plan: Plan) -> Cache | None:
    """Decodes all pictures into the cache; what fails now is left out, too. None where there is no room."""
    size = len(plan.names) * math.prod(plan.shape)
    broken, contents = list(plan.broken), contents_of(plan.shape)

    def decode(name: str) -> tuple[Bytes | None, bytes]:
        try:
            content = (job.folder / name).read_bytes()
            return decode_square(content, plan.shape[1], plan.shape[0]), hashlib.sha256(content).digest()
        except unreadable():
            return None, b""

    def blocks() -> Iterator[Bytes]:
        names = iter(plan.names)
        for group in spread(decode, plan.names, job.workers, group_of(plan.shape)):
            good = []
            for pixels, checksum in group:
                name = next(names)
                if pixels is None:
                    broken.append(name)
                else:
                    good.append(pixels)
                    contents.update(checksum)
            job.advance(len(group))
            if good:
                yield np.stack(good)
        if len(broken) == len(plan.names) + len(plan.broken):
            raise none_readable(job.folder, len(broken))

    reason = "the disk has no room"
    if room_for(path.parent, size):
        try:
            write_cache(path, plan.shape, blocks(), lambda: {"broken": broken, "sha256": contents.hexdigest()})
        except OSError as error:
            reason = " ".join(str(error).split())
    # Another process may have been faster, on systems where an open file cannot be replaced.
    cached = read_cache(path)
    if cached is None:
        warnings.warn(
            f"{path.parent}: {size >> 20} MiB of decoded pictures cannot be kept ({reason}), so they are decoded "
            f"anew whenever they are needed: point ${ENVIRONMENT} to a disk with room",
            stacklevel=4,
        )
    return cached


def contents_of(shape: Shape) -> hashlib._Hash:
    """Begins the checksum of a folder's files, to which that of each file is added.

    Args:
        shape: What the pictures are scaled to.
    """
    return hashlib.sha256(repr(shape).encode())


def group_of(shape: Shape) -> int:
    """How many pictures of a shape are decoded at a time."""
    return max(1, min(_GROUP, _BLOCK // math.prod(shape)))


def spread(work: Callable[[str], T], names: Sequence[str], workers: int, group: int | None = None) -> Iterator[list[T]]:
    """Works on names by threads, each of which takes several at once.

    Args:
        work: What to do with each.
        names: The names.
        workers: Number of threads.
        group: Names to work on before the results are handed over; None is some hundreds.

    Yields:
        The results of each group, in the order of the names.
    """

    def several(part: Sequence[str]) -> list[T]:
        return [work(name) for name in part]

    size = group or _GROUP
    with ThreadPoolExecutor(workers) as pool:
        for start in range(0, len(names), size):
            part = names[start : start + size]
            step = math.ceil(len(part) / (4 * workers))
            chunks = [part[at : at + step] for at in range(0, len(part), step)]
            yield [result for chunk in pool.map(several, chunks) for result in chunk]
