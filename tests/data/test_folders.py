from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch

from graphurl.data.folders import read_pictures
from graphurl.data.samples import check_trainable
from graphurl.data.stacks import digest
from graphurl.errors import InputError, RunError
from tests.data.album import EXPECTED, cached, pixels, save, shown

pytestmark = pytest.mark.usefixtures("cache")


@pytest.mark.parametrize("keep", [None, True, False])
@pytest.mark.parametrize("workers", [1, 3])
def test_pictures_are_read_with_names_and_classes(folder: Path, keep: bool | None, workers: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples = read_pictures(folder, cache=keep, workers=workers)
    assert samples.x is None
    assert samples.ids is not None
    assert samples.ids[3:5] == ("cat/03.png", "dog/04.png")
    assert samples.classes == ("cat", "dog")
    assert samples.y is not None
    assert samples.y.tolist() == [0] * 4 + [1] * 7
    assert samples.shape == (3, 8, 8)
    assert torch.equal(shown(samples), EXPECTED)
    rows = torch.tensor([10, 0, 0, 7])
    assert samples.images is not None
    assert torch.equal(samples.images.take(rows), EXPECTED[rows])
    assert cached(samples) is (keep is not False)


def test_the_fingerprint_is_that_of_the_files(folder: Path) -> None:
    kept, loose = read_pictures(folder), read_pictures(folder, cache=False)
    first = digest(kept.images)  # type: ignore[arg-type]
    assert digest(loose.images) == first  # type: ignore[arg-type]
    assert digest(read_pictures(folder, side=4).images) != first  # type: ignore[arg-type]
    path = folder / "dog" / "04.png"
    before = path.stat()
    path.write_bytes(path.read_bytes()[:-1] + b"\\0")  # the same size and time: only the content tells
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert digest(loose.images) != first  # type: ignore[arg-type]
    path.unlink()
    with pytest.raises(RunError, match="04.png: cannot be read"):
        digest(loose.images)  # type: ignore[arg-type]


@pytest.mark.parametrize("keep", [True, False])
def test_unreadable_pictures_are_left_out_and_counted(folder: Path, keep: bool) -> None:
    (folder / "cat" / "01.png").write_bytes(b"<html>")
    (folder / "dog" / "05.png").write_bytes(b"")
    for _ in range(2):  # from the cache as well
        with pytest.warns(UserWarning, match=r"left out 2 unreadable picture\(s\): cat/01.png, dog/05.png"):
            samples = read_pictures(folder, cache=keep)
        rest = [0, 2, 3, 4, 6, 7, 8, 9, 10]
        assert torch.equal(shown(samples), EXPECTED[rest])
        assert samples.y is not None
        assert samples.y.tolist() == [0] * 3 + [1] * 6
        assert samples.provenance["left_out"] == 2


@pytest.mark.parametrize("group", [1, 256])
def test_broken_pixels_behind_a_sound_header_do_not_shift_rows(
    folder: Path, group: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphurl.data.decoding._GROUP", group)
    path = folder / "cat" / "02.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.warns(UserWarning, match="left out 1 unreadable"):
        kept = read_pictures(folder)
    assert torch.equal(shown(kept), EXPECTED[[0, 1, *range(3, 11)]])
    assert kept.ids is not None
    assert "cat/02.png" not in kept.ids
    loose = read_pictures(folder, cache=False)  # the header promises a picture
    assert len(loose) == 11
    assert loose.images is not None
    assert torch.equal(loose.images.take(torch.tensor([3])), EXPECTED[[3]])
    with pytest.raises(RunError, match="02.png: cannot be decoded"):
        loose.images.take(torch.tensor([3, 2]))


def test_nothing_readable(folder: Path, cache: Path) -> None:
    for path in folder.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(InputError, match="none of its 11 pictures can be read"):
        read_pictures(folder)
    assert os.listdir(cache) == []
    for path in folder.rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(InputError, match="none of its 11 pictures can be read"):
        read_pictures(folder, cache=False)


def test_wrong_calls(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="empty: no pictures found: allowed are .png"):
        read_pictures(tmp_path / "empty")
    with pytest.raises(InputError, match="nowhere is no folder"):
        read_pictures(tmp_path / "nowhere")
    with pytest.raises(InputError, match="image side 0"):
        read_pictures(folder, side=0)
    with pytest.raises(InputError, match="0 workers"):
        read_pictures(folder, workers=0)


def test_other_files_are_counted_once(folder: Path) -> None:
    for name in ("a.txt", "cat/b.csv", ".hidden"):
        (folder / name).write_text("")
    with pytest.warns(UserWarning, match=r"skipped 2 file\(s\) that are no pictures") as caught:
        read_pictures(folder)
    assert len(caught) == 1


def test_one_picture_is_read_but_not_trained_on(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", pixels(0))
    samples = read_pictures(tmp_path / "in")
    assert (len(samples), samples.y) == (1, None)
    with pytest.raises(InputError, match="one sample"):
        check_trainable(samples)


@pytest.mark.parametrize(
    ("sizes", "side"),
    [
        ([(96, 96), (96, 96)], 96), ([(97, 97), (97, 97)], 64), ([(8, 8), (9, 9)], 64), ([(8, 6), (8, 6)], 64),
        ([(1, 1)], 1), ([(1, 1), (500, 3)], 64),
    ],
)  # fmt: skip
def test_the_side_is_that_of_small_equal_squares_or_64(tmp_path: Path, sizes: list[tuple[int, int]], side: int) -> None:
    for number, (width, height) in enumerate(sizes):
        save(tmp_path / "in" / f"{number}.png", np.full((height, width), 10 * number, np.uint8))
    samples = read_pictures(tmp_path / "in")
    assert samples.shape == (1, side, side)
    assert shown(samples)[:, 0].amax((1, 2)).tolist() == [10 * number for number in range(len(sizes))]
    assert read_pictures(tmp_path / "in", side=5).shape == (1, 5, 5)


def test_one_picture_in_colour_makes_all_colour(tmp_path: Path) -> None:
    save(tmp_path / "in" / "a.png", pixels(0))
    save(tmp_path / "in" / "b.png", pixels(1)[..., 0])
    samples = read_pictures(tmp_path / "in")
    assert samples.shape == (3, 8, 8)
    assert torch.equal(shown(samples)[1], torch.from_numpy(pixels(1)[..., 0]).expand(3, 8, 8))
