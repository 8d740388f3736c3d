from __future__ import annotations

import os
import time
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from graphurl.data import caches
from graphurl.data.caches import cache_folder, cache_key, read_cache, room_for, write_cache
from graphurl.data.stacks import Bytes

PIXELS: Bytes = np.random.default_rng(0).integers(0, 256, (12, 3, 4, 4), dtype=np.uint8)


def write(path: Path, pixels: Bytes = PIXELS) -> None:
    write_cache(path, (3, 4, 4), np.split(pixels, [5, 6]), lambda: {"broken": ["x"]})


def test_what_is_written_is_read_and_is_an_npy(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.npy"
    write(path)
    cache = read_cache(path)
    assert cache is not None
    assert torch.equal(cache.stack.take(torch.arange(12)), torch.from_numpy(PIXELS))
    assert cache.facts == {"broken": ["x"]}
    assert np.array_equal(np.load(path), PIXELS)
    assert np.array_equal(np.load(path, mmap_mode="r"), PIXELS)
    assert os.listdir(path.parent) == ["a.npy"]


@pytest.mark.parametrize("rows", [1, 9, 10, 99, 100, 1001])
def test_the_header_fits_any_number_of_rows(tmp_path: Path, rows: int) -> None:
    pixels = np.arange(rows, dtype=np.uint8)[:, None, None, None]
    write_cache(tmp_path / "a.npy", (1, 1, 1), [pixels], dict)
    cache = read_cache(tmp_path / "a.npy")
    assert cache is not None
    assert np.array_equal(cache.stack.take(torch.arange(rows)).numpy(), pixels)


def test_any_damage_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    assert read_cache(path) is None
    write(path)
    good = path.read_bytes()
    for length in (0, 5, 100, 200, len(good) - 30, len(good) - 1):
        path.write_bytes(good[:length])
        assert read_cache(path) is None, length
    for place in (0, 20, 75, 128, 128 + 575, len(good) - 1):
        path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
        assert read_cache(path) is None, place
    np.save(path, PIXELS)
    assert read_cache(path) is None
    path.unlink()
    path.mkdir()
    assert read_cache(path) is None


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_broken_off_write_leaves_what_was_there(tmp_path: Path, error: type[BaseException]) -> None:
    def breaking() -> Iterator[Bytes]:
        yield PIXELS[:5]
        raise error

    path = tmp_path / "a.npy"
    for there in ([], ["a.npy"]):
        with pytest.raises(error):
            write_cache(path, (3, 4, 4), breaking(), dict)
        assert os.listdir(tmp_path) == there
        write(path)
    assert read_cache(path) is not None


def test_nothing_has_the_name_before_all_is_written(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"

    def watching() -> Iterator[Bytes]:
        yield PIXELS[:5]
        assert not path.exists()
        yield PIXELS[5:]

    write_cache(path, (3, 4, 4), watching(), dict)
    assert path.exists()


def test_a_cache_in_use_may_be_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    write(path)
    first = read_cache(path)
    write(path, 255 - PIXELS)
    assert first is not None
    assert torch.equal(first.stack.take(torch.arange(12)), torch.from_numpy(PIXELS))


def test_only_dead_scratch_files_are_removed(tmp_path: Path) -> None:
    for name, age in ((".old.part", 7200), (".new.part", 60), ("kept.part", 7200)):
        (tmp_path / name).write_bytes(b"")
        os.utime(tmp_path / name, (time.time() - age,) * 2)
    write(tmp_path / "a.npy")
    assert sorted(os.listdir(tmp_path)) == [".new.part", "a.npy", "kept.part"]


def test_only_caches_that_nobody_read_for_a_month_make_room(tmp_path: Path) -> None:
    month = 31 * 24 * 3600
    names = [f"{cache_key(number)}.npy" for number in range(4)]
    before = [*names[:3], "mine.npy"]
    for name in before:
        write(tmp_path / name)
    for name in before:
        os.utime(tmp_path / name, (time.time() - month,) * 2)
    os.utime(tmp_path / names[2])
    assert read_cache(tmp_path / names[1]) is not None
    write(tmp_path / names[3])
    assert sorted(os.listdir(tmp_path)) == sorted([*names[1:], "mine.npy"])


def test_room_is_measured_where_the_cache_will_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "free")
    asked: list[Path] = []

    def disk(path: Path) -> object:
        asked.append(path)
        return usage((1 << 30) + 100)

    monkeypatch.setattr(caches.shutil, "disk_usage", disk)
    assert room_for(tmp_path / "a" / "b", 100)
    assert not room_for(tmp_path, 101)
    assert asked == [tmp_path, tmp_path]


def test_the_folder_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRAPHURL_CACHE", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "graphurl" / "pictures"
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "own"))
    assert cache_folder() == tmp_path / "own" / "pictures"


def test_the_key_depends_on_all_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {
        cache_key(*parts)
        for parts in ((Path("a"), 64), (Path("b"), 64), (Path("a"), None), (Path("a"), 64, ("\udcff",)))
    }
    assert len(keys) == 4
    assert cache_key(Path("a"), 64) in keys
    monkeypatch.setattr(caches, "VERSION", 2)
    assert cache_key(Path("a"), 64) not in keys
