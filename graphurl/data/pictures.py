"""Decoding single pictures, and folders of them."""

from __future__ import annotations

import io
import os
import warnings
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.samples import Samples
from graphurl.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

Bytes = npt.NDArray[np.uint8]

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
_DEFAULT_SIDE = 64


def decode(content: bytes, name: str, *, channels: int) -> Bytes:
    """Decodes one picture.

    Args:
        content: Its encoded bytes.
        name: For errors.
        channels: 1 for grey, 3 for colour.

    Returns:
        (channels, height, width) bytes.

    Raises:
        InputError: Where Pillow is missing or cannot read it.
    """
    pillow = _pillow()
    try:
        with pillow.open(io.BytesIO(content)) as picture:
            return _pixels(picture, channels)
    except _unreadable() as error:
        raise InputError(f"{name}: not a readable picture ({error}): fetch it again") from error


def read_folder(folder: Path, *, side: int | None = None) -> Samples:
    """Reads a folder of pictures; with one folder per class, the folder names become the labels.

    Args:
        folder: Searched with all folders below; hidden ones and links are left out.
        side: Crops every picture to its middle square and scales that to side x side. None keeps the size
            where all are equal and takes 64 otherwise.

    Returns:
        Rows in the order of the sorted relative paths, which are the ids. Unreadable pictures are left out
        with a warning that counts them.

    Raises:
        InputError: Where the folder holds no readable picture.
    """
    if side is not None and side < 1:
        raise InputError(f"image side {side}: give at least 1")
    paths = _picture_paths(folder)
    if not paths:
        raise InputError(f"{folder}: no pictures found: allowed are {', '.join(SUFFIXES)}")
    sizes, grey, bad = _survey(paths)
    if not sizes:
        raise InputError(f"{folder}: none of its {len(paths)} pictures can be read: check the files")
    if side is None and len(set(sizes.values())) > 1:
        side = _DEFAULT_SIDE
        warnings.warn(
            f"{folder}: pictures differ in size, scaled to {side} x {side}: set the side", stacklevel=2
        )
    pixels, kept = [], []
    for path in sizes:
        try:
            with _pillow().open(path) as picture:
                pixels.append(_pixels(picture if side is None else _square(picture, side), 1 if grey else 3))
            kept.append(path)
        except _unreadable():  # the header was fine, the pixels are not
            bad.append(path)
    if bad:
        names = ", ".join(str(path.relative_to(folder)) for path in bad[:3])
        warnings.warn(f"{folder}: left out {len(bad)} unreadable picture(s): {names}", stacklevel=2)
    if not kept:
        raise InputError(f"{folder}: none of its {len(paths)} pictures can be read: check the files")
    return _folder_samples(folder, kept, np.stack(pixels))


def _folder_samples(folder: Path, paths: list[Path], pixels: Bytes) -> Samples:
    relative = [path.relative_to(folder) for path in paths]
    # Labels need a class folder for every picture; a picture at the top makes the folder unlabelled.
    labelled = all(len(path.parts) > 1 for path in relative) and len({path.parts[0] for path in relative}) > 1
    classes = tuple(sorted({path.parts[0] for path in relative})) if labelled else None
    y = None if classes is None else torch.tensor([classes.index(path.parts[0]) for path in relative])
    return Samples(
        name=folder.name or str(folder),
        x=torch.from_numpy(pixels.reshape(len(pixels), -1)).float().div_(255.0),
        y=y,
        ids=tuple(path.as_posix() for path in relative),
        classes=classes,
        shape=tuple(pixels.shape[1:]),
        provenance={"source": "folder", "path": str(folder)},
    )


def _picture_paths(folder: Path) -> list[Path]:
    found = []
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(top, name) for name in names if _is_picture(name)]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES) and not name.startswith(".")


def _survey(paths: list[Path]) -> tuple[dict[Path, tuple[int, int]], bool, list[Path]]:
    """Sizes of the readable pictures, whether all are grey, and the unreadable ones; decodes no pixels."""
    sizes, grey, bad = {}, True, []
    for path in paths:
        try:
            with _pillow().open(path) as picture:
                sizes[path] = picture.size
                grey = grey and picture.mode in ("1", "L", "I", "I;16", "I;16B")
        except _unreadable():
            bad.append(path)
    return sizes, grey, bad


def _square(picture: Image.Image, side: int) -> Image.Image:
    edge = min(picture.size)
    left, top = (picture.width - edge) // 2, (picture.height - edge) // 2
    middle = _eight_bit(picture).crop((left, top, left + edge, top + edge))
    return middle.resize((side, side), _pillow().Resampling.BILINEAR)


def _pixels(picture: Image.Image, channels: int) -> Bytes:
    array = np.asarray(_eight_bit(picture).convert("L" if channels == 1 else "RGB"), dtype=np.uint8)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Grey or colour with 8 bits per channel; 16 bit grey keeps its upper byte."""
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode.startswith("I"):
        deep = np.asarray(picture).astype(np.int64).clip(0, 65535)
        return cast("Image.Image", _pillow().fromarray((deep >> 8).astype(np.uint8)))
    if picture.mode == "F":
        raise ValueError("floating point pixels have no known range")
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError("reading pictures needs Pillow: pip install pillow") from error
    return Image


def _unreadable() -> tuple[type[Exception], ...]:
    """What Pillow raises for a file that is not a sound picture."""
    return (OSError, ValueError, SyntaxError, EOFError, _pillow().DecompressionBombError)
