"""Decoding single pictures, and small folders of them as rows."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import IO, TYPE_CHECKING, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.listing import find_pictures, folder_samples, none_found, none_readable, some_unreadable
from graphurl.data.samples import Samples
from graphurl.errors import InputError

if TYPE_CHECKING:
    from PIL import Image

Bytes = npt.NDArray[np.uint8]

DEFAULT_SIDE = 64
_GREY = ("1", "L", "LA", "La")
_ORIENTATION = 0x0112
# What undoes each EXIF orientation, by the names of Pillow's transpositions; 1 stands upright.
_UPRIGHT = {
    2: "FLIP_LEFT_RIGHT", 3: "ROTATE_180", 4: "FLIP_TOP_BOTTOM", 5: "TRANSPOSE",
    6: "ROTATE_270", 7: "TRANSVERSE", 8: "ROTATE_90",
}  # fmt: skip


def decode(content: bytes, name: str, *, channels: int) -> Bytes:
    """Decodes one picture as it is stored: neither turned nor scaled.

    Args:
        content: Its encoded bytes.
        name: For errors.
        channels: 1 for grey, 3 for colour.

    Returns:
        (channels, height, width) bytes.

    Raises:
        InputError: Where Pillow is missing or cannot read it.
    """
    try:
        with _open(io.BytesIO(content)) as picture:
            return _pixels(picture, channels)
    except unreadable() as error:
        raise InputError(f"{name}: not a readable picture ({error}): fetch it again") from error


def decode_square(content: bytes, side: int, channels: int) -> Bytes:
    """Decodes the middle square of a picture, scaled to one side.

    It is turned upright as its EXIF says. Of an animation it is the first frame. Transparent parts become white,
    16 bits keep the upper byte. Scaling is bilinear with antialiasing; a JPEG is decoded at 1/2, 1/4 or 1/8 of
    its size where twice the side remains.

    Args:
        content: Its encoded bytes.
        side: Height and width of the result.
        channels: 1 for grey, 3 for colour.

    Returns:
        (channels, side, side) bytes.

    Raises:
        Exception: One of `unreadable`.
    """
    with _open(io.BytesIO(content)) as picture:
        return _pixels(_square(picture, side), channels)


class Header(NamedTuple):
    """What a picture says of itself before its pixels.

    Attributes:
        width: Of the picture as it is stored.
        height: The same.
        grey: Whether it has no colour.
    """

    width: int
    height: int
    grey: bool


def header(path: Path) -> Header:
    """Reads the header of a picture; decodes no pixels.

    Args:
        path: The file.

    Raises:
        Exception: One of `unreadable`.
    """
    with _open(path) as picture:
        return Header(*picture.size, picture.mode in _GREY or picture.mode.startswith("I"))


def unreadable() -> tuple[type[Exception], ...]:
    """What Pillow raises for a file that is no sound picture, or one beyond its limit of pixels."""
    return (OSError, ValueError, SyntaxError, EOFError, _pillow().DecompressionBombError)


def pixel_limit() -> int | None:
    """Pillow's limit: a picture of more pixels is taken for an attack on the memory, and not decoded."""
    limit: int | None = _pillow().MAX_IMAGE_PIXELS
    return limit


@contextmanager
def quiet() -> Iterator[None]:
    """Silences Pillow's own warnings of odd files; what is left out is counted instead."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        yield


def read_folder(folder: Path, *, side: int | None = None) -> Samples:
    """Reads a folder of pictures as rows; with one folder per class, the folder names become the labels.

    Args:
        folder: Searched with all folders below; hidden files and linked folders are left out.
        side: Crops every picture to its middle square and scales that to side x side. None keeps the size
            where all are equal and takes 64 otherwise.

    Returns:
        Rows in the order of the sorted relative paths, which are the ids. Unreadable pictures are left out
        with a warning that counts them. For many pictures, `folders.read_pictures` keeps bytes on disk.

    Raises:
        InputError: Where the folder holds no readable picture.
    """
    if side is not None and side < 1:
        raise InputError(f"image side {side}: give at least 1")
    found = find_pictures(folder)
    if not found.names and not found.locked:
        raise none_found(folder)
    bad = list(found.locked)
    with quiet():
        headers = _headers(folder, found.names, bad)
    if side is None and len({(head.width, head.height) for head in headers.values()}) > 1:
        side = DEFAULT_SIDE
        warnings.warn(f"{folder}: pictures differ in size, scaled to {side} x {side}: set the side", stacklevel=2)
    channels = 1 if all(head.grey for head in headers.values()) else 3
    pixels, kept = [], []
    with quiet():
        for name in headers:
            try:
                with _open(folder / name) as picture:
                    pixels.append(_pixels(picture if side is None else _square(picture, side), channels))
                kept.append(name)
            except unreadable():  # the header was fine, the pixels are not
                bad.append(name)
    if not kept:
        raise none_readable(folder, len(bad))
    if bad:
        warnings.warn(some_unreadable(folder, bad), stacklevel=2)
    rows = torch.from_numpy(np.stack(pixels).reshape(len(kept), -1)).float().div_(255.0)
    return folder_samples(folder, kept, bad, x=rows, shape=tuple(pixels[0].shape))


def _headers(folder: Path, names: tuple[str, ...], bad: list[str]) -> dict[str, Header]:
    """Headers of the readable pictures; the others join the bad ones."""
    headers = {}
    for name in names:
        try:
            headers[name] = header(folder / name)
        except unreadable():
            bad.append(name)
    return headers


def _open(source: Path | IO[bytes]) -> Image.Image:
    """Opens a picture. Pillow only warns between once and twice its limit; here the limit is one."""
    picture: Image.Image = _pillow().open(source)
    pixels, limit = picture.width * picture.height, pixel_limit()
    if limit is not None and pixels > limit:
        picture.close()
        raise _pillow().DecompressionBombError(f"{pixels} pixels exceed Pillow's limit of {limit}")
    return picture


def _square(picture: Image.Image, side: int) -> Image.Image:
    picture.draft(None, (2 * side, 2 * side))
    whole = _eight_bit(_upright(picture))
    if whole.size == (side, side):
        return whole
    edge = min(whole.size)
    left, top = (whole.width - edge) // 2, (whole.height - edge) // 2
    # Cropped first: scaling with a box would let the pixels around it shine in.
    middle = whole.crop((left, top, left + edge, top + edge))
    return middle.resize((side, side), _pillow().Resampling.BILINEAR)


def _upright(picture: Image.Image) -> Image.Image:
    picture.load()
    try:
        turn = _UPRIGHT.get(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # broken notes do not spoil the pixels, and their parser raises all kinds
        return picture
    return picture if turn is None else picture.transpose(_pillow().Transpose[turn])


def _pixels(picture: Image.Image, channels: int) -> Bytes:
    flat, mode = _eight_bit(picture), "L" if channels == 1 else "RGB"
    array = np.asarray(flat if flat.mode == mode else flat.convert(mode), dtype=np.uint8)
    return array[None] if channels == 1 else np.ascontiguousarray(array.transpose(2, 0, 1))


def _eight_bit(picture: Image.Image) -> Image.Image:
    """Grey or colour with 8 bits per channel: 16 bit grey keeps its upper byte, transparent becomes white."""
    if picture.mode.startswith("I"):
        deep = np.asarray(picture).astype(np.int64).clip(0, 65535)
        return cast("Image.Image", _pillow().fromarray((deep >> 8).astype(np.uint8)))
    if picture.mode == "F":
        raise ValueError("floating point pixels have no known range")
    if picture.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in picture.info:
        clear = picture.convert("RGBA")
        white: Image.Image = _pillow().new("RGBA", clear.size, "white")
        white.alpha_composite(clear)
        return white.convert("RGB")
    if picture.mode in ("L", "RGB"):
        return picture
    return picture.convert("L" if picture.mode == "1" else "RGB")


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise InputError("reading pictures needs Pillow: pip install pillow") from error
    return Image
