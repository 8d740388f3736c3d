from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graphurl.data.pictures import decode, read_folder
from graphurl.errors import InputError


def picture(path: Path, value: int = 100, size: tuple[int, int] = (4, 3), mode: str = "RGB") -> Path:
    """A picture of one value; size is (width, height)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, value if mode != "RGB" else (value, 0, 255)).save(path)
    return path


def test_class_folders_become_labels(tmp_path: Path) -> None:
    for name, value in (("dog/b.png", 1), ("cat/a.png", 2), ("dog/a.png", 3), ("dog/.hidden.png", 4)):
        picture(tmp_path / name, value)
    (tmp_path / "notes.txt").write_text("not a picture")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        samples = read_folder(tmp_path)
    assert samples.ids == ("cat/a.png", "dog/a.png", "dog/b.png")
    assert samples.classes == ("cat", "dog")
    assert samples.y is not None
    assert samples.y.tolist() == [0, 1, 1]
    assert samples.shape == (3, 3, 4)
    assert samples.x is not None
    image = samples.x.view(-1, 3, 3, 4)
    assert image[:, 0, 0, 0].mul(255).round().tolist() == [2.0, 3.0, 1.0]
    assert image[:, 1].eq(0).all()
    assert image[:, 2].eq(1).all()


def test_flat_folder_has_no_labels(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", 50)
    samples = read_folder(tmp_path)
    assert samples.y is None
    assert samples.classes is None


def test_a_picture_at_the_top_means_no_labels(tmp_path: Path) -> None:
    for name in ("a.png", "x/a.png", "y/a.png"):
        picture(tmp_path / name)
    assert read_folder(tmp_path).y is None


def test_grey_pictures_have_one_channel(tmp_path: Path) -> None:
    picture(tmp_path / "a.png", 255, mode="L")
    picture(tmp_path / "b.png", 51 * 256 + 7, mode="I;16")
    samples = read_folder(tmp_path)
    assert samples.shape == (1, 3, 4)
    assert samples.x is not None
    assert samples.x[:, 0].tolist() == pytest.approx([1.0, 0.2])
    picture(tmp_path / "c.png")
    assert read_folder(tmp_path).shape == (3, 3, 4)


def test_unreadable_pictures_are_counted(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png", 7)
    good = picture(tmp_path / "cut.png", size=(50, 50)).read_bytes()
    (tmp_path / "cut.png").write_bytes(good[: len(good) // 2])
    picture(tmp_path / "cut.png").with_name("foreign.jpg").write_bytes(b"<html>")
    (tmp_path / "cut.png").write_bytes(picture(tmp_path / "cut.png").read_bytes()[:-30])
    with pytest.warns(UserWarning, match=r"left out 2 unreadable picture\(s\): .*foreign.jpg"):
        samples = read_folder(tmp_path)
    assert samples.ids == ("a.png", "b.png")


def test_different_sizes_are_cropped_and_scaled(tmp_path: Path) -> None:
    wide = np.zeros((4, 8), dtype=np.uint8)
    wide[:, 2:6] = 200  # the middle square
    Image.fromarray(wide).save(tmp_path / "a.png")
    picture(tmp_path / "b.png", 10, size=(6, 6), mode="L")
    with pytest.warns(UserWarning, match="differ in size, scaled to 64 x 64"):
        assert read_folder(tmp_path).shape == (1, 64, 64)
    samples = read_folder(tmp_path, side=2)
    assert samples.x is not None
    assert samples.x[0].mul(255).round().tolist() == [200.0] * 4


@pytest.mark.parametrize("content", [None, b"broken"])
def test_folders_without_pictures(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(
        InputError, match="no pictures found" if content is None else "none of its 1 pictures"
    ):
        read_folder(tmp_path)
    with pytest.raises(InputError, match="image side 0"):
        read_folder(tmp_path, side=0)


def test_decode(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (2, 3), (10, 20, 30, 255)).save(buffer, "PNG")
    array = decode(buffer.getvalue(), "t", channels=3)
    assert array.shape == (3, 3, 2)
    assert array[:, 0, 0].tolist() == [10, 20, 30]
    assert decode(buffer.getvalue(), "t", channels=1).shape == (1, 3, 2)
    with pytest.raises(InputError, match="t: not a readable picture"):
        decode(b"nothing", "t", channels=1)
