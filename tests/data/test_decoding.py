from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from PIL import Image

from graphurl.data import caches, decoding
from graphurl.data.folders import read_pictures
from graphurl.data.stacks import digest
from tests.data.album import EXPECTED, cached, pixels, save, shown

pytestmark = pytest.mark.usefixtures("cache")


def test_many_pictures_are_decoded_in_groups(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_BLOCK", 4 * 3 * 64)
    assert decoding.group_of((3, 8, 8)) == 4
    assert torch.equal(shown(read_pictures(folder)), EXPECTED)
    assert torch.equal(shown(read_pictures(folder, cache=False)), EXPECTED)


def test_the_second_time_nothing_is_decoded(folder: Path, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = read_pictures(folder)
    assert len(os.listdir(cache)) == 1
    monkeypatch.setattr(decoding, "decode_square", lambda *_: pytest.fail("decoded"))
    monkeypatch.setattr(decoding, "header", lambda *_: pytest.fail("opened"))
    second = read_pictures(str(folder))
    assert torch.equal(shown(second), EXPECTED)
    assert digest(first.images) == digest(second.images)  # type: ignore[arg-type]


def test_any_change_of_the_folder_or_the_settings_is_another_cache(folder: Path, cache: Path) -> None:
    def count() -> int:
        return len(os.listdir(cache))

    read_pictures(folder)
    read_pictures(folder, side=8)
    assert count() == 2
    save(folder / "dog" / "04.png", pixels(99))
    os.utime(folder / "dog" / "04.png", (1, 1))
    assert torch.equal(shown(read_pictures(folder))[4], torch.from_numpy(pixels(99)).permute(2, 0, 1))
    assert count() == 3
    (folder / "dog" / "04.png").rename(folder / "dog" / "04b.png")
    assert read_pictures(folder).ids[4] == "dog/04b.png"  # type: ignore[index]
    assert count() == 4
    # Unpacked archives may agree in all names, sizes and times, but not in what they show.
    shutil.copytree(folder, folder.with_name("other"))
    read_pictures(folder.with_name("other"))
    assert count() == 5


def test_a_cache_may_lie_anywhere(folder: Path, cache: Path, tmp_path: Path) -> None:
    read_pictures(folder, cache=tmp_path / "mine")
    assert len(os.listdir(tmp_path / "mine")) == 1
    assert not cache.exists()


def test_a_damaged_cache_is_made_anew(folder: Path, cache: Path) -> None:
    read_pictures(folder)
    (path,) = cache.iterdir()
    good = path.read_bytes()
    for bad in (good[:-40], b"", good[:200] + bytes([good[200] ^ 255]) + good[201:]):
        path.write_bytes(bad)
        assert torch.equal(shown(read_pictures(folder)), EXPECTED)
        assert path.read_bytes() == good


@pytest.mark.parametrize("trouble", ["full", "shut", "breaks"])
def test_without_room_every_take_decodes(
    folder: Path, cache: Path, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[tuple[int, int]] = []
    if trouble == "full":
        monkeypatch.setattr(decoding, "room_for", lambda place, size: size < 11 * 3 * 64)
    elif trouble == "shut":
        cache.parent.write_text("a file where the folder should be")
    else:
        monkeypatch.setattr(caches.os, "fsync", lambda handle: _raise(OSError(28, "No space left on device")))
    with pytest.warns(UserWarning, match="cannot be kept .*GRAPHURL_CACHE") as caught:
        samples = read_pictures(folder, progress=lambda *step: steps.append(step))
    assert len(caught) == 1
    assert not cached(samples)
    assert torch.equal(shown(samples), EXPECTED)
    assert steps[-1] == (22, 22)
    assert not cache.exists() or os.listdir(cache) == []


def _raise(error: BaseException) -> None:
    raise error


def test_beyond_pillows_limit_is_left_out_even_though_cached_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder / "dog" / "big.png", pixels(0, 20))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 399)
    with pytest.warns(UserWarning, match="left out 1 unreadable picture.*big.png") as caught:
        assert len(read_pictures(folder)) == 11
    assert len(caught) == 1
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    assert len(read_pictures(folder)) == 12


def test_progress_ends_with_all_done(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "_GROUP", 4)
    (folder / "cat" / "01.png").write_bytes(b"")
    for keep, total in ((True, 22), (False, 11)):
        steps: list[tuple[int, int]] = []
        with pytest.warns(UserWarning, match="left out 1"):
            read_pictures(folder, cache=keep, progress=lambda *step: steps.append(step))  # noqa: B023
        assert steps == sorted(steps)
        assert steps[-1] == (total, total)
        assert len(steps) > 2 and {whole for _, whole in steps} == {total}


SLOW = """
import sys, time
from graphurl.data import decoding
from graphurl.data.folders import read_pictures
decode, decoding._GROUP = decoding.decode_square, 1
def slow(*rest):
    print("decoding", flush=True)
    time.sleep(0.05)
    return decode(*rest)
decoding.decode_square = slow
print(len(read_pictures(sys.argv[1])))
"""


def start(folder: Path) -> subprocess.Popen[str]:
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [sys.executable, "-c", SLOW, str(folder)],
        cwd=root,
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_half_way_nothing_broken_is_left(folder: Path, cache: Path) -> None:
    with start(folder) as process:
        assert process.stdout is not None
        for _ in range(4):
            process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    (scratch,) = cache.iterdir()
    assert scratch.suffix == ".part"
    os.utime(scratch, (time.time() - 7200,) * 2)
    assert torch.equal(shown(read_pictures(folder)), EXPECTED)
    assert [path.suffix for path in cache.iterdir()] == [".npy"]


@pytest.mark.slow
def test_two_processes_at_once_agree(folder: Path, cache: Path) -> None:
    with start(folder) as one, start(folder) as other:
        outputs = [process.communicate(timeout=60)[0].split() for process in (one, other)]
    assert [words[-1] for words in outputs] == ["11", "11"]
    assert len(os.listdir(cache)) == 1
    assert torch.equal(shown(read_pictures(folder)), EXPECTED)
