from __future__ import annotations

import gzip
import io
import pickle
import struct
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image

from graphurl.data import load_card
from graphurl.errors import InputError
from tests.data.conftest import WriteCard

Bytes = npt.NDArray[np.uint8]


def noise(*shape: int, seed: int = 0) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def idx(array: Bytes, magic: int | None = None) -> bytes:
    head = struct.pack(f">{1 + array.ndim}I", (0x800 + array.ndim) if magic is None else magic, *array.shape)
    return gzip.compress(head + array.tobytes())


def tar(files: dict[str, bytes], mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as bundle:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def encoded(array: Bytes, kind: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind)
    return buffer.getvalue()


# idx ---------------------------------------------------------------------------------------

TRAIN, TEST = noise(3, 4, 5), noise(2, 4, 5, seed=1)


def idx_files(**changes: bytes) -> dict[str, bytes]:
    files = {
        "train-images-idx3-ubyte.gz": idx(TRAIN),
        "train-labels-idx1-ubyte.gz": idx(np.array([2, 0, 1], dtype=np.uint8)),
        "t10k-images-idx3-ubyte.gz": idx(TEST),
        "t10k-labels-idx1-ubyte.gz": idx(np.array([1, 2], dtype=np.uint8)),
    }
    for key, content in changes.items():
        files[next(name for name in files if name.startswith(key.replace("_", "-")))] = content
    return {f"tiny/{name}": content for name, content in files.items()}


def read_idx(write_card: WriteCard, root: Path, files: dict[str, bytes]) -> Any:
    return load_card(write_card("graphurl.data.images:read_idx", 5, files, classes=3), root)


def test_idx(write_card: WriteCard, root: Path) -> None:
    samples = read_idx(write_card, root, idx_files())
    expected = np.concatenate([TRAIN, TEST]).reshape(5, 20).astype(np.float32) / 255
    assert torch.equal(samples.x, torch.from_numpy(expected))
    assert samples.y.tolist() == [2, 0, 1, 1, 2]
    assert samples.shape == (1, 4, 5)
    assert samples.splits["train"].tolist() == [True] * 3 + [False] * 2
    assert samples.splits["test"].tolist() == [False] * 3 + [True] * 2


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"train_images": idx(TRAIN)[:-9]}, "damaged"),
        ({"train_images": b"<html>"}, "damaged or not gzip"),
        ({"train_images": idx(TRAIN, 0x803 + 1)}, "wrong magic number"),
        ({"train_images": idx(TRAIN, 0x803 << 1)}, "wrong magic number"),
        ({"train_images": gzip.compress(b"ab")}, "wrong magic number"),
        ({"train_images": idx(TRAIN[:2])}, "2 images but 3 labels in train"),
        ({"train_images": gzip.compress(gzip.decompress(idx(TRAIN)) + b"x")}, "61 bytes for shape"),
        ({"t10k_images": idx(noise(2, 5, 5))}, "differ in size"),
        ({"t10k_labels": idx(np.array([1, 3], dtype=np.uint8))}, "labels 0 to 3 for 3 classes"),
    ],
)
def test_damaged_idx(write_card: WriteCard, root: Path, changes: dict[str, bytes], text: str) -> None:
    with pytest.raises(InputError, match=text):
        read_idx(write_card, root, idx_files(**changes))


def test_fewer_samples_than_the_card_says(write_card: WriteCard, root: Path) -> None:
    card = write_card("graphurl.data.images:read_idx", 6, idx_files(), classes=3)
    with pytest.raises(InputError, match="read 5 samples, the card says 6"):
        load_card(card, root)


# COIL --------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", [32, 128])
def test_coil_orders_by_thing_and_view(write_card: WriteCard, root: Path, side: int) -> None:
    views = {(thing, view): noise(side, side, seed=10 * thing + view) for thing in (1, 2, 10) for view in (0, 2, 11)}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        bundle.writestr("coil-20-proc/readme.txt", "hello")
        for (thing, view), array in views.items():
            bundle.writestr(f"coil-20-proc/obj{thing}__{view}.png", encoded(array))
    card = write_card("graphurl.data.images:read_coil", 9, {"c/coil.zip": buffer.getvalue()}, classes=20)
    samples = load_card(card, root)
    assert samples.x is not None
    assert samples.y is not None
    assert samples.y.tolist() == [0, 0, 0, 1, 1, 1, 9, 9, 9]
    assert samples.shape == (1, side, side)
    for row, key in enumerate(sorted(views)):
        assert samples.x[row].mul(255).round().byte().numpy().tobytes() == views[key].tobytes()


@pytest.mark.parametrize(
    ("files", "text"),
    [
        ({"other.png": encoded(noise(4, 4))}, "no views named"),
        ({"obj1__0.png": b"broken"}, "not a readable picture"),
        ({"obj1__0.png": encoded(noise(4, 4)), "obj1__1.png": encoded(noise(5, 5))}, "different sizes"),
        ({"../obj1__0.png": encoded(noise(4, 4))}, "points outside"),
    ],
)
def test_damaged_coil(write_card: WriteCard, root: Path, files: dict[str, bytes], text: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    with pytest.raises(InputError, match=text):
        load_card(write_card("graphurl.data.images:read_coil", 1, {"coil.zip": buffer.getvalue()}), root)


# CIFAR -------------------------------------------------------------------------------------

PIXELS = noise(5, 3, 32, 32)
LABELS = np.array([1, 0, 1, 0, 1], dtype=np.uint8)
CIFAR = "graphurl.data.images:read_cifar"
OPTIONS = {"label_bytes": 1, "label_key": "labels"}


def records(rows: slice, coarse: bool = False) -> bytes:
    label = LABELS[rows, None]
    head = np.concatenate([label + 7, label], axis=1) if coarse else label
    return np.concatenate([head, PIXELS[rows].reshape(len(label), -1)], axis=1).astype(np.uint8).tobytes()


def check_cifar(samples: Any, exact: bool = True) -> None:
    assert samples.y.tolist() == LABELS.tolist()
    assert samples.shape == (3, 32, 32)
    assert {name: int(mask.sum()) for name, mask in samples.splits.items()} == {"train": 3, "test": 2}
    assert samples.splits["test"][-2:].all()
    if exact:
        assert torch.equal(samples.x.mul(255).round().byte(), torch.from_numpy(PIXELS.reshape(5, -1)))


def test_cifar_binary(write_card: WriteCard, root: Path) -> None:
    files = {
        "c/test_batch.bin": records(slice(3, 5)),
        "c/data_batch_2.bin": records(slice(2, 3)),
        "c/data_batch_1.bin": records(slice(0, 2)),
        "c/batches.meta.txt": b"airplane",
    }
    card = write_card(CIFAR, 5, {"tiny-binary.tar.gz": tar(files)}, **OPTIONS)
    check_cifar(load_card(card, root))


def test_cifar_100_binary_takes_the_fine_label(write_card: WriteCard, root: Path) -> None:
    files = {"c/train.bin": records(slice(0, 3), True), "c/test.bin": records(slice(3, 5), True)}
    card = write_card(CIFAR, 5, {"tiny-binary.tar.gz": tar(files)}, label_bytes=2)
    check_cifar(load_card(card, root))


def batches() -> dict[str, bytes]:
    rows = {"data_batch_1": slice(0, 2), "data_batch_2": slice(2, 3), "test_batch": slice(3, 5)}
    return {
        f"c/{name}": pickle.dumps({"data": PIXELS[part].reshape(-1, 3072), "labels": LABELS[part].tolist()}, 2)
        for name, part in rows.items()
    }


def test_cifar_pickled_needs_its_checksum(write_card: WriteCard, root: Path) -> None:
    name = "tiny-python.tar.gz"
    card = write_card(CIFAR, 5, {name: tar(batches())}, pickled=(name,), **OPTIONS)
    check_cifar(load_card(card, root))
    for settings in ({"pickled": (name,)}, {}):
        card = write_card(CIFAR, 5, {name: tar(batches())}, checksums=False, **settings, **OPTIONS)
        with pytest.raises(InputError, match="unknown checksum: refused"):
            load_card(card, root)


def test_cifar_folders(write_card: WriteCard, root: Path) -> None:
    flat = np.full((32, 32, 3), 60, dtype=np.uint8)
    files = {
        "test/0/0.jpg": encoded(flat, "JPEG"),
        "test/1/0.jpg": encoded(flat, "JPEG"),
        "train/1/0.jpg": encoded(flat * 2, "JPEG"),
        "train/0/0.png": encoded(flat * 3),
        "train/1/1.jpg": encoded(flat * 4, "JPEG"),
    }
    samples = load_card(write_card(CIFAR, 5, {"t.tar.xz": tar(files, "w:xz")}, **OPTIONS), root)
    assert samples.y is not None
    assert samples.x is not None
    assert samples.y.tolist() == [1, 0, 1, 0, 1]
    assert samples.x[:, 0].mul(255).round().tolist() == pytest.approx([120, 180, 240, 60, 60], abs=3)
    assert samples.splits["train"].tolist() == [True] * 3 + [False] * 2


@pytest.mark.parametrize(
    ("name", "files", "text"),
    [
        ("x-binary.tar.gz", {"data_batch_1.bin": records(slice(0, 3))}, "no test images"),
        ("x-binary.tar.gz", {"test_batch.bin": records(slice(0, 3))[:-1]}, "whole images"),
        ("x-python.tar.gz", {"test_batch": batches()["c/test_batch"]}, "no train images"),
        ("x-python.tar.gz", {"test_batch": b"x"}, "damaged or not the expected format"),
        ("x.tar.xz", {"valid/0/a.jpg": b""}, "is not train/ or test/"),
        ("x.tar.xz", {"train/9/a.jpg": b""}, "is not train/ or test/"),
        ("x.tar.xz", {"a.jpg": b""}, "is not train/ or test/"),
        ("x.tar.xz", {"train/0/a.jpg": b"x"}, "not a readable picture"),
        ("x.tar.xz", {"notes.txt": b"x"}, "no train images"),
        ("x.tar.xz", {"../train/0/a.jpg": b"x"}, "points outside"),
    ],
)
def test_damaged_cifar(write_card: WriteCard, root: Path, name: str, files: dict[str, bytes], text: str) -> None:
    with pytest.raises(InputError, match=text):
        load_card(write_card(CIFAR, 5, {name: tar(files)}, **OPTIONS), root)


# STL ---------------------------------------------------------------------------------------


def stl(**changes: bytes) -> bytes:
    # The file holds every channel column by column.
    stored = noise(4, 3, 8, 8).transpose(0, 1, 3, 2).tobytes()
    files = {
        "train_X.bin": stored[: 3 * 192],
        "train_y.bin": bytes([1, 2, 1]),
        "test_X.bin": stored[3 * 192 :],
        "test_y.bin": bytes([2]),
        "unlabeled_X.bin": stored[: 2 * 192],
    }
    files.update({name.replace("_bin", ".bin"): content for name, content in changes.items()})
    return tar({f"stl10_binary/{name}": content for name, content in files.items()})


def read_stl(
    write_card: WriteCard, root: Path, n: int, parts: list[str], *, pictures: bool = False, **changes: bytes
) -> Any:
    card = write_card("graphurl.data.images:read_stl", n, {"stl.tar.gz": stl(**changes)}, parts=parts, side=8)
    return load_card(card, root, pictures=pictures)


def test_stl(write_card: WriteCard, root: Path) -> None:
    samples = read_stl(write_card, root, 4, ["train", "test"])
    assert samples.y.tolist() == [0, 1, 0, 1]
    assert torch.equal(samples.x.mul(255).round().byte(), torch.from_numpy(noise(4, 3, 8, 8).reshape(4, -1)))
    assert samples.splits["test"].tolist() == [False, False, False, True]
    unlabelled = read_stl(write_card, root, 2, ["unlabeled"])
    assert unlabelled.y.tolist() == [-1, -1]
    assert unlabelled.num_classes == 2


def test_pictures_stay_bytes_where_pictures_are_asked_for(write_card: WriteCard, root: Path) -> None:
    samples = read_stl(write_card, root, 2, ["unlabeled"], pictures=True)
    assert samples.x is None
    assert samples.shape == (3, 8, 8)
    assert torch.equal(samples.images.take(torch.arange(2)), torch.from_numpy(noise(4, 3, 8, 8)[:2]))


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"train_X_bin": b"abc"}, "whole images"), ({"test_y_bin": b"ab"}, "2 labels for 1 images in test")],
)
def test_damaged_stl(write_card: WriteCard, root: Path, changes: dict[str, bytes], text: str) -> None:
    with pytest.raises(InputError, match=text):
        read_stl(write_card, root, 4, ["train", "test"], **changes)
