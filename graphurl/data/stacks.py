"""Stacks of pictures as bytes, and how arrays and files become one."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from tokenize import TokenError
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from graphurl.errors import InputError

Bytes = npt.NDArray[np.uint8]
Shape = tuple[int, int, int]

_BLOCK = 1 << 24
"""Bytes that are converted or hashed at a time."""
PLAIN, _WITH_ALPHA = (1, 3), (2, 4)


@runtime_checkable
class Images(Protocol):
    """Pictures of one size that can be taken by number, wherever they lie."""

    def __len__(self) -> int:
        """Number of pictures."""
        ...

    @property
    def shape(self) -> Shape:
        """Channels (1 or 3), height and width of one picture."""
        ...

    def take(self, indices: Tensor) -> Tensor:
        """Copies some pictures.

        Args:
            indices: Their numbers (n,) int64, in any order, repeats allowed.

        Returns:
            Bytes n × C × H × W.
        """
        ...


@runtime_checkable
class Fingerprinted(Protocol):
    """Images that have a checksum of their own, cheaper or steadier than one of the bytes that they become."""

    def fingerprint(self) -> str:
        """The checksum in hex."""
        ...


class Stack:
    """Pictures in one array, in memory or memory-mapped; taking some copies these alone.

    Args:
        pixels: Bytes n × C × H × W with 1 or 3 channels; shared, never written to.
        name: What to call them in errors.

    Raises:
        InputError: For another type or shape.
    """

    def __init__(self, pixels: Tensor | npt.NDArray[Any], name: str = "pictures") -> None:
        """Checks type and shape."""
        array = pixels.detach().cpu().numpy() if isinstance(pixels, Tensor) else np.asarray(pixels)
        if array.dtype != np.uint8 or array.ndim != 4 or array.shape[1] not in PLAIN or 0 in array.shape:
            raise InputError(
                f"{name}: {array.dtype} of shape {array.shape}: a stack is uint8 n × channels × height × width "
                "with 1 or 3 channels"
            )
        self._pixels: Bytes = array

    @classmethod
    def open(cls, path: str | Path) -> Stack:
        """Maps an .npy file into memory, read-only.

        Args:
            path: File of uint8 n × C × H × W.

        Raises:
            InputError: Where there is no such file, or it holds something else.
        """
        try:
            pixels = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError, SyntaxError, TokenError) as error:
            reason = " ".join(str(error).split())
            raise InputError(f"{path}: no .npy file of pictures ({reason}): save a uint8 array") from error
        return cls(pixels, str(path))

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._pixels)

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one picture."""
        _, channels, height, width = self._pixels.shape
        return channels, height, width

    def take(self, indices: Tensor) -> Tensor:
        """Copies some pictures, see `Images.take`."""
        return torch.from_numpy(np.ascontiguousarray(self._pixels[indices.numpy()]))


class Picked:
    """Some pictures of others, in another order or repeated; nothing is copied before it is taken.

    Args:
        images: The others.
        rows: Which of them (n,) int64.
    """

    def __init__(self, images: Images, rows: Tensor) -> None:
        """Keeps the numbers."""
        self._images, self._rows = images, rows

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self._rows)

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one picture."""
        return self._images.shape

    def take(self, indices: Tensor) -> Tensor:
        """Copies some pictures, see `Images.take`."""
        return self._images.take(self._rows[indices])


class Joined:
    """Pictures one after the other; nothing is copied before it is taken.

    Args:
        parts: Images of one shape.
    """

    def __init__(self, parts: Sequence[Images]) -> None:
        """Keeps where each part ends."""
        self._parts = tuple(parts)
        self._ends = torch.tensor([len(part) for part in parts]).cumsum(0)

    def __len__(self) -> int:
        """Number of pictures."""
        return int(self._ends[-1])

    @property
    def shape(self) -> Shape:
        """Channels, height and width of one picture."""
        return self._parts[0].shape

    def take(self, indices: Tensor) -> Tensor:
        """Copies some pictures, see `Images.take`."""
        rows = torch.where(indices < 0, indices + len(self), indices)
        out = torch.empty((len(rows), *self.shape), dtype=torch.uint8)
        owner = torch.searchsorted(self._ends, rows, right=True)
        for number, part in enumerate(self._parts):
            mine = owner == number
            if bool(mine.any()):
                out[mine] = part.take(rows[mine] - (self._ends[number] - len(part)))
        return out


def pictures_of(array: object, name: str = "pictures") -> Stack:
    """Turns an array of pictures as users hold it into a stack.

    Args:
        array: Array, tensor or list n × H × W (grey), n × H × W × C or n × C × H × W, bytes or floats in [0, 1]; the
            axis of 1 or 3 entries is that of the channels. Alpha (2 or 4 channels) is dropped with a warning.
            Memory is shared where these are bytes.
        name: What to call it in errors.

    Returns:
        The stack.

    Raises:
        InputError: For other shapes or types, and where two axes may be that of the channels.
    """
    try:
        values = array.detach().cpu().numpy() if isinstance(array, Tensor) else np.asarray(array)
    except ValueError as error:  # a list of pictures of different size
        raise InputError(f"{name}: {' '.join(str(error).split())}: give pictures of one size") from error
    if 0 in values.shape:
        raise InputError(f"{name}: empty, shape {values.shape}: give at least one picture of one pixel")
    first = _channels_first(values, name)
    if first.shape[1] in _WITH_ALPHA:
        warnings.warn(f"{name}: the alpha channel is dropped", stacklevel=2)
        first = first[:, :-1]
    return Stack(to_bytes(first, name), name)


def _channels_first(values: npt.NDArray[Any], name: str) -> npt.NDArray[Any]:
    """A view n × C × H × W of pictures with the channels first, last or left out."""
    shape = values.shape
    if values.ndim == 3 and shape[2] not in (*PLAIN[1:], 4):
        return values[:, None]
    if values.ndim == 3:
        raise InputError(f"{name}: shape {shape} looks like one picture in colour: give array[None]")
    if values.ndim != 4:
        raise InputError(f"{name}: shape {shape}: give n × height × width, with the channels last or first")
    for allowed in (PLAIN, _WITH_ALPHA):
        first, last = shape[1] in allowed, shape[3] in allowed
        if first and last and shape[1:] != (1, 1, 1):
            raise InputError(
                f"{name}: shape {shape} may have its channels first or last: put them first and wrap it as "
                "graphurl.data.stacks.Stack(array)"
            )
        if first or last:
            return values if first else values.transpose(0, 3, 1, 2)
    raise InputError(f"{name}: shape {shape} has no axis of 1 or 3 channels: give grey or colour pictures")


def to_bytes(values: npt.NDArray[Any], name: str) -> Bytes:
    """Floats in [0, 1] as bytes, a block at a time; bytes as they are."""
    if values.dtype == np.uint8:
        return values
    if values.dtype.kind not in "fb":
        raise InputError(f"{name}: pictures of type {values.dtype}: give uint8, or floats in [0, 1]")
    out = np.empty(values.shape, dtype=np.uint8)
    for part in blocks(len(values), 4 * values[0].size):
        block = values[part].astype(np.float32)
        low, high = float(block.min()), float(block.max())
        if not (low >= 0 and high <= 1):  # said this way round, NaN is refused as well
            raise InputError(f"{name}: values from {low:g} to {high:g}: give uint8, or floats in [0, 1]")
        out[part] = np.rint(block * 255.0)
    return out


def digest(images: Images) -> str:
    """Checksum of what pictures show, for the fingerprint of a run.

    Args:
        images: The pictures. Those of a folder give the sha256 of its files, all others that of their bytes.

    Returns:
        Sha256 in hex.
    """
    if isinstance(images, Fingerprinted):
        return images.fingerprint()
    found = hashlib.sha256(str(tuple(images.shape)).encode())
    for part in blocks(len(images), int(np.prod(images.shape))):
        found.update(images.take(torch.arange(part.start, part.stop)).numpy().data)
    return found.hexdigest()


def blocks(rows: int, row_bytes: int) -> Iterator[slice]:
    """Slices of rows that take about as many bytes as are converted or hashed at a time."""
    step = max(1, _BLOCK // row_bytes)
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))
