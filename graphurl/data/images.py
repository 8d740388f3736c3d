"""Data sets of pictures, read as bytes."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from graphurl.data.archives import gunzip, members
from graphurl.data.catalogue import Card
from graphurl.data.fetch import read_verified
from graphurl.data.pickles import unpickle_arrays
from graphurl.data.pictures import decode
from graphurl.data.samples import Samples
from graphurl.data.stacks import Bytes, Shape, Stack
from graphurl.errors import InputError

_IDX_IMAGES, _IDX_LABELS = 0x00000803, 0x00000801
_COIL_NAME = re.compile(r"obj(\d+)__(\d+)\.png$")


def image_samples(
    card: Card,
    pixels: Bytes,
    y: npt.NDArray[np.int64],
    shape: Shape,
    parts: Mapping[str, tuple[int, int]],
) -> Samples:
    """Builds the result of an image reader.

    Args:
        card: Its card.
        pixels: Images (N, ...) in the order channels, height, width.
        y: Labels (N,), -1 where unknown.
        shape: Shape of one image.
        parts: First and last row (exclusive) of each split.

    Returns:
        The samples, with the pictures as bytes.

    Raises:
        InputError: Where a label has no name on the card.
    """
    if len(y) and card.classes and not -1 <= y.min() <= y.max() < len(card.classes):
        raise InputError(
            f"{card.name}: labels {y.min()} to {y.max()} for {len(card.classes)} classes: fetch it again"
        )
    splits = {}
    for name, (start, stop) in parts.items():
        splits[name] = torch.zeros(len(y), dtype=torch.bool)
        splits[name][start:stop] = True
    return Samples(
        name=card.name,
        images=Stack(np.ascontiguousarray(pixels).reshape(len(pixels), *shape), card.name),
        y=torch.from_numpy(y),
        classes=card.classes or None,
        splits=splits,
        provenance={"source": card.name, "licence": card.licence, "split": "official" if splits else "none"},
    )


def read_idx(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads MNIST and its relatives: four gzipped idx files."""
    pixels, labels, parts, start = [], [], {}, 0
    for split, prefix in (("train", "train"), ("test", "t10k")):
        images = idx_array(files[f"{prefix}-images-idx3-ubyte.gz"], _IDX_IMAGES)
        y = idx_array(files[f"{prefix}-labels-idx1-ubyte.gz"], _IDX_LABELS)
        if len(images) != len(y):
            raise InputError(
                f"{card.name}: {len(images)} images but {len(y)} labels in {split}: fetch it again"
            )
        pixels.append(images)
        labels.append(y.astype(np.int64))
        parts[split] = (start, start + len(y))
        start += len(y)
    if pixels[0].shape[1:] != pixels[1].shape[1:]:
        raise InputError(f"{card.name}: training and test images differ in size: fetch it again")
    height, width = pixels[0].shape[1:]
    return image_samples(card, np.concatenate(pixels), np.concatenate(labels), (1, height, width), parts)


def idx_array(path: Path, magic: int) -> Bytes:
    """Reads one gzipped idx file of bytes.

    Args:
        path: The file.
        magic: Number that it must begin with: type and number of dimensions.

    Returns:
        The array.

    Raises:
        InputError: For a damaged file, another kind of file, or the wrong length.
    """
    content = gunzip(path)
    dims = magic & 0xFF
    head = 4 + 4 * dims
    if len(content) < head or struct.unpack(">I", content[:4])[0] != magic:
        raise InputError(f"{path}: not an idx file of {dims} dimensions (wrong magic number): fetch it again")
    shape = struct.unpack(f">{dims}I", content[4:head])
    if len(content) - head != int(np.prod(shape)):
        raise InputError(f"{path}: {len(content) - head} bytes for shape {shape}: damaged, fetch it again")
    return np.frombuffer(content, dtype=np.uint8, offset=head).reshape(shape)


def read_coil(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads COIL-20: a zip of views objN__M.png; label N - 1, rows ordered by object, then view."""
    (archive,) = files.values()
    views = {}
    for name, content in members(archive, lambda name: _COIL_NAME.search(name) is not None):
        found = _COIL_NAME.search(name)
        if found is not None:
            views[int(found[1]), int(found[2])] = decode(content, f"{archive}: {name}", channels=1)
    if not views:
        raise InputError(f"{archive}: holds no views named objN__M.png: fetch it again")
    order = sorted(views)
    if len({view.shape for view in views.values()}) != 1:
        raise InputError(f"{archive}: views of different sizes: fetch it again")
    y = np.array([thing - 1 for thing, _ in order], dtype=np.int64)
    return image_samples(card, np.stack([views[key] for key in order]), y, views[order[0]].shape, {})


def read_cifar(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads CIFAR-10 or CIFAR-100 from the binary version, the pickled version, or a tar of class folders."""
    ((name, path),) = files.items()
    if "binary" in name:
        train, test = _cifar_binary(card, path)
    elif "python" in name:
        train, test = _cifar_pickled(card, path)
    else:
        train, test = _cifar_folders(card, path)
    pixels, y = np.concatenate([train[0], test[0]]), np.concatenate([train[1], test[1]])
    parts = {"train": (0, len(train[1])), "test": (len(train[1]), len(y))}
    return image_samples(card, pixels, y, (3, 32, 32), parts)


Part = tuple[Bytes, npt.NDArray[np.int64]]

_CIFAR_BATCH = re.compile(r"(^|/)(data_batch_\d+|test_batch|train|test)(\.bin)?$")


def _cifar_binary(card: Card, path: Path) -> tuple[Part, Part]:
    """Records of one or two label bytes (the last is the fine label) and 3072 bytes of pixels."""
    skip = int(card.options["label_bytes"])
    parts: dict[str, list[Bytes]] = {"train": [], "test": []}
    for name, content in sorted(members(path, lambda name: _CIFAR_BATCH.search(name) is not None)):
        if len(content) % (skip + 3072):
            raise InputError(f"{path}: {name} is not made of whole images: damaged, fetch it again")
        block = np.frombuffer(content, dtype=np.uint8).reshape(-1, skip + 3072)
        parts["test" if "test" in name.rsplit("/", 1)[-1] else "train"].append(block)
    train, test = (
        np.concatenate(parts[key]) if parts[key] else _nothing(path, key) for key in ("train", "test")
    )
    return (train[:, skip:], train[:, skip - 1].astype(np.int64)), (
        test[:, skip:],
        test[:, skip - 1].astype(np.int64),
    )


def _cifar_pickled(card: Card, path: Path) -> tuple[Part, Part]:
    """The original batches are pickles, so the archive must match its checksum before it is opened."""
    entry = next(file for file in card.files if file.name == path.name)
    archive = read_verified(entry, path)
    parts: dict[str, list[Part]] = {"train": [], "test": []}
    key = str(card.options["label_key"])
    for name, content in sorted(members(path, lambda n: _CIFAR_BATCH.search(n) is not None, content=archive)):
        batch = unpickle_arrays(content, f"{path}: {name}", encoding="latin1")
        part = np.asarray(batch["data"], dtype=np.uint8), np.asarray(batch[key], dtype=np.int64)
        parts["test" if "test" in name.rsplit("/", 1)[-1] else "train"].append(part)
    for split, found in parts.items():
        if not found:
            _nothing(path, split)
    train, test = (
        (np.concatenate([a for a, _ in p]), np.concatenate([b for _, b in p])) for p in parts.values()
    )
    return train, test


def _cifar_folders(card: Card, path: Path) -> tuple[Part, Part]:
    """A tar of train/<class>/<number>.jpg; rows in stored order within a part."""
    parts: dict[str, tuple[list[Bytes], list[int]]] = {"train": ([], []), "test": ([], [])}
    index = {name: label for label, name in enumerate(card.classes)}
    for name, content in members(path, lambda name: name.lower().endswith((".jpg", ".png"))):
        split, label = name.split("/")[-3:-1] if name.count("/") >= 2 else ("", "")
        if split not in parts or label not in index:
            raise InputError(
                f"{path}: member {name!r} is not train/ or test/, a class, a picture: fetch it again"
            )
        parts[split][0].append(decode(content, f"{path}: {name}", channels=3))
        parts[split][1].append(index[label])
    for split, (pixels, _) in parts.items():
        if not pixels:
            _nothing(path, split)
    train, test = ((np.stack(pixels), np.array(y, dtype=np.int64)) for pixels, y in parts.values())
    return train, test


def _nothing(path: Path, split: str) -> Bytes:
    raise InputError(f"{path}: holds no {split} images: fetch it again")


def read_stl(card: Card, files: Mapping[str, Path]) -> Samples:
    """Reads STL-10 from its binary files; option `parts` names those to read."""
    (path,) = files.values()
    side = int(card.options.get("side", 96))
    wanted = {f"{part}_{letter}.bin" for part in card.options["parts"] for letter in "Xy"}
    found = {
        name.rsplit("/", 1)[-1]: np.frombuffer(content, dtype=np.uint8)
        for name, content in members(path, lambda name: name.rsplit("/", 1)[-1] in wanted)
    }
    pixels, labels, parts, start = [], [], {}, 0
    for part in card.options["parts"]:
        block = found.get(f"{part}_X.bin", _EMPTY)
        if len(block) == 0 or len(block) % (3 * side * side):
            raise InputError(f"{path}: {part}_X.bin is missing or not made of whole images: fetch it again")
        # Stored column by column: channels, width, height.
        images = block.reshape(-1, 3, side, side).transpose(0, 1, 3, 2)
        y = found.get(f"{part}_y.bin")
        if y is not None and len(y) != len(images):
            raise InputError(f"{path}: {len(y)} labels for {len(images)} images in {part}: fetch it again")
        pixels.append(images)
        labels.append(np.full(len(images), -1) if y is None else y.astype(np.int64) - 1)
        parts[part] = (start, start + len(images))
        start += len(images)
    return image_samples(card, np.concatenate(pixels), np.concatenate(labels), (3, side, side), parts)


_EMPTY: Bytes = np.zeros(0, dtype=np.uint8)
