"""Folders of pictures: which files are pictures, and what the folders that hold them say."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from graphurl.data.samples import Samples
from graphurl.errors import InputError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "test"}


@dataclass(frozen=True)
class Found:
    """Files below a folder.

    Attributes:
        names: Pictures, by their suffix: relative paths with forward slashes, sorted.
        stamps: Size in bytes and time of change in nanoseconds of each.
        skipped: Number of visible files that are no pictures, by their suffix.
        locked: Pictures and folders that may not be read.
    """

    names: tuple[str, ...]
    stamps: tuple[tuple[int, int], ...]
    skipped: int
    locked: tuple[str, ...]


def find_pictures(folder: Path) -> Found:
    """Looks for pictures in a folder and all folders below; hidden files and linked folders are left out.

    Args:
        folder: Where to look.
    """
    found: dict[str, tuple[int, int]] = {}
    locked: list[str] = []
    skipped = 0
    # Plain strings: a million files are listed in seconds, as Path objects in a minute.
    root = os.path.join(folder, "")
    walk = os.walk(root, onerror=lambda error: locked.append(os.path.relpath(error.filename, root)))
    for top, folders, names in walk:
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = os.path.join(top, name)
            if name.startswith("."):
                continue
            if not name.lower().endswith(SUFFIXES):
                skipped += 1
                continue
            relative = path[len(root) :].replace(os.sep, "/")
            try:
                facts = os.stat(path)
            except OSError:  # a link to nothing
                locked.append(relative)
                continue
            if not stat.S_ISREG(facts.st_mode):
                skipped += 1
            elif os.access(path, os.R_OK):
                found[relative] = facts.st_size, facts.st_mtime_ns
            else:
                locked.append(relative)
    order = sorted(found)
    return Found(tuple(order), tuple(found[name] for name in order), skipped, tuple(sorted(locked)))


class FolderLabels(NamedTuple):
    """What the folders of pictures say about them.

    Attributes:
        y: Class of each picture, or None.
        classes: Names of the classes, or None.
        splits: Masks by name where the folder is divided into train, val and test.
    """

    y: Tensor | None
    classes: tuple[str, ...] | None
    splits: dict[str, Tensor]


def folder_labels(names: Sequence[str]) -> FolderLabels:
    """Reads classes off the folders: a/1.png and b/2.png are of the classes a and b.

    Labels need a class folder for every picture, and two classes. Where the top folders are named train, val (or
    valid, validation) and test, they are the splits, and the folders below them the classes.

    Args:
        names: Relative paths with forward slashes.
    """
    parts = [tuple(name.split("/")) for name in names]
    splits: dict[str, Tensor] = {}
    if all(len(path) > 1 and path[0].lower() in _SPLITS for path in parts):
        which = [_SPLITS[path[0].lower()] for path in parts]
        splits = {key: torch.tensor([own == key for own in which]) for key in dict.fromkeys(which)}
        parts = [path[1:] for path in parts]
    classes = tuple(sorted({path[0] for path in parts}))
    if len(classes) < 2 or not all(len(path) > 1 for path in parts):
        return FolderLabels(None, None, splits)
    index = {name: number for number, name in enumerate(classes)}
    return FolderLabels(torch.tensor([index[path[0]] for path in parts]), classes, splits)


def folder_samples(folder: Path, names: Sequence[str], left_out: Sequence[str], **parts: Any) -> Samples:
    """Builds the samples of a folder: names, classes and splits come from the paths.

    Args:
        folder: The folder.
        names: Relative paths of the pictures that were read, in order.
        left_out: Those that could not be read.
        parts: The pictures themselves, as further fields of `Samples`.
    """
    labels = folder_labels(names)
    return Samples(
        name=folder.resolve().name or str(folder),
        y=labels.y,
        # A name that is no text in the system's encoding could not be written to a file of names.
        ids=tuple(os.fsencode(name).decode("utf-8", "replace") for name in names),
        classes=labels.classes,
        splits=labels.splits,
        provenance={"source": "folder", "path": str(folder), "left_out": len(left_out)},
        **parts,
    )


def none_found(folder: Path) -> InputError:
    """The error for a folder without pictures."""
    return InputError(f"{folder}: no pictures found: allowed are {', '.join(SUFFIXES)}")


def none_readable(folder: Path, count: int) -> InputError:
    """The error for a folder of which no picture can be read."""
    return InputError(f"{folder}: none of its {count} pictures can be read: check the files")


def some_unreadable(folder: Path, names: Sequence[str]) -> str:
    """The warning that counts what was left out."""
    return f"{folder}: left out {len(names)} unreadable picture(s): {', '.join(names[:3])}"
