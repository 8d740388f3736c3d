"""Folders of pictures of any size: decoded once into a cache on disk, or again whenever they are taken."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from graphurl.data.caches import Cache, cache_folder, cache_key
from graphurl.data.decoding import Job, Progress, contents_of, group_of, prepare, spread
from graphurl.data.listing import SUFFIXES, Found, find_pictures, folder_samples, none_found, some_unreadable
from graphurl.data.pictures import decode_square, pixel_limit, unreadable
from graphurl.data.samples import Samples
from graphurl.data.stacks import Bytes, Shape
from graphurl.errors import InputError, RunError

_MOST_WORKERS = 4


class PictureFolder:
    """Pictures of a folder as `Images`: the middle square of each, scaled to one side.

    Threads decode them: Pillow lets go of the interpreter while it works, so photographs scale with the cores, and
    scripts need no guard as processes would. Thumbnails of 32 x 32 gain nothing, but are cheap.

    Args:
        folder: The folder.
        names: Relative paths of the pictures.
        shape: Channels, height and width of a picture; height and width are equal.
        workers: Threads that decode.
        cache: The decoded pictures, where there is room for them.
    """

    def __init__(
        self, folder: Path, names: Sequence[str], shape: Shape, *, workers: int = 1, cache: Cache | None = None
    ) -> None:
        """Decodes nothing yet."""
        self.folder, self.names, self.cached = folder, tuple(names), cache is not None
        self._shape, self._workers, self._cache = shape, workers, cache

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.names)

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one picture."""
        return self._shape

    def take(self, indices: Tensor) -> Tensor:
        """Copies some pictures from the cache, or decodes them; see `Images.take`.

        Raises:
            RunError: Where a picture cannot be decoded any more.
        """
        if self._cache is not None:
            return self._cache.stack.take(indices)
        wanted, place = torch.unique(indices, return_inverse=True)
        names = [self.names[row] for row in wanted.tolist()]
        decoded = np.empty((len(names), *self._shape), dtype=np.uint8)
        done = 0
        for group in spread(self._decode, names, self._workers, group_of(self._shape)):
            for pixels in group:
                decoded[done] = pixels
                done += 1
        return torch.from_numpy(decoded)[place]

    def _decode(self, name: str) -> Bytes:
        path = self.folder / name
        try:
            return decode_square(path.read_bytes(), self._shape[1], self._shape[0])
        except unreadable() as error:
            raise RunError(f"{path}: cannot be decoded ({error}): mend or remove the file, and start again") from error

    def fingerprint(self) -> str:
        """Sha256 of the content of the files, in order, and of what they are scaled to; cached or not."""
        if self._cache is not None:
            return str(self._cache.facts["sha256"])
        contents = contents_of(self._shape)
        for group in spread(self._checksum, self.names, self._workers):
            for one in group:
                contents.update(one)
        return contents.hexdigest()

    def _checksum(self, name: str) -> bytes:
        try:
            return hashlib.sha256((self.folder / name).read_bytes()).digest()
        except OSError as error:
            raise RunError(f"{self.folder / name}: cannot be read ({error}): restore the file") from error


def read_pictures(
    folder: str | Path,
    *,
    side: int | None = None,
    cache: str | Path | bool | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Samples:
    """Reads a folder of pictures of any number and size as bytes.

    Every picture becomes its middle square, scaled to `side` (see `pictures.decode_square`). All are decoded once and
    kept in a memory-mapped file, which is found again as long as no file of the folder changes its name, size or time.
    Where the disk has no room for that, every `take` decodes anew.

    Args:
        folder: Searched with all folders below; hidden files and linked folders are left out. Class folders become
            labels, see `listing.folder_labels`.
        side: Height and width of the pictures. None keeps the size where all are squares of the same side of at most
            96, and takes 64 otherwise.
        cache: Folder of the cache; None is `pictures` in `$GRAPHURL_CACHE` or in the platform's cache, False is none.
        workers: Threads that decode; None is one for each core, at most 4.
        progress: Called with the number of steps done and of all steps.

    Returns:
        Samples with `images`, and the sorted relative paths as ids. Files that are no pictures, and pictures that
        cannot be read, are left out with a warning that counts them.

    Raises:
        InputError: Where there is no such folder or no readable picture in it, or the settings are out of range.
    """
    place = Path(folder)
    _check(place, side, workers)
    found = find_pictures(place)
    if not found.names and not found.locked:
        raise none_found(place)
    if found.skipped:
        warnings.warn(
            f"{place}: skipped {found.skipped} file(s) that are no pictures: read are {', '.join(SUFFIXES)}",
            stacklevel=2,
        )
    threads = workers or min(_MOST_WORKERS, os.cpu_count() or 1)
    path = None if cache is False else _cache_path(cache, place, side, found)
    plan, cached = prepare(Job(place, threads, progress), found, side, path)
    left_out = [*found.locked, *plan.broken]
    if left_out:
        warnings.warn(some_unreadable(place, left_out), stacklevel=2)
    images = PictureFolder(place, plan.names, plan.shape, workers=threads, cache=cached)
    return folder_samples(place, plan.names, left_out, images=images)


def _check(folder: Path, side: int | None, workers: int | None) -> None:
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give a folder of pictures")
    if side is not None and side < 1:
        raise InputError(f"image side {side}: give at least 1")
    if workers is not None and workers < 1:
        raise InputError(f"{workers} workers: give at least 1")


def _cache_path(cache: str | Path | bool | None, folder: Path, side: int | None, found: Found) -> Path:
    """Where the decoded pictures of these very files are kept."""
    store = cache_folder() if cache is None or cache is True else Path(str(cache)).expanduser()
    # The folder counts as well: unpacked archives may hold other pictures of the same names, sizes and times.
    return store / f"{cache_key(folder.resolve(), side, pixel_limit(), found.names, found.stamps)}.npy"
