from __future__ import annotations

import io
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from graphurl.data.pictures import decode, decode_square, header, quiet, read_folder, unreadable
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
    with pytest.raises(InputError, match="no pictures found" if content is None else "none of its 1 pictures"):
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


def encoded(array: np.ndarray | Image.Image, form: str = "PNG", **options: Any) -> bytes:
    buffer = io.BytesIO()
    (array if isinstance(array, Image.Image) else Image.fromarray(array)).save(buffer, form, **options)
    return buffer.getvalue()


def colours(side: int = 4) -> np.ndarray:
    return np.random.default_rng(side).integers(0, 256, (side, side, 3), dtype=np.uint8)


def test_a_square_of_the_size_asked_for_is_not_touched() -> None:
    pixels = colours()
    assert np.array_equal(decode_square(encoded(pixels), 4, 3), pixels.transpose(2, 0, 1))


def test_the_middle_is_scaled_over_all_its_pixels() -> None:
    wide = np.full((6, 10), 255, dtype=np.uint8)
    wide[:, 2:8] = np.indices((6, 6)).sum(0) % 2 * 100  # a checkerboard, which sampling without averaging would keep
    small = decode_square(encoded(wide), 2, 1)
    assert small.shape == (1, 2, 2)
    assert np.abs(small.astype(int) - 50).max() <= 6
    assert np.array_equal(decode_square(encoded(np.ascontiguousarray(wide.T)), 2, 1), small.transpose(0, 2, 1))
    assert decode_square(encoded(wide[:1]), 3, 1).tolist() == [[[wide[0, 4]] * 3] * 3]


def test_one_pixel_fills_any_side() -> None:
    assert decode_square(encoded(np.full((1, 1), 7, np.uint8)), 3, 1).tolist() == [[[7] * 3] * 3]


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_turned_upright(orientation: int) -> None:
    stored = np.array([[10, 20, 30], [40, 50, 60]], dtype=np.uint8)
    # The meaning of each number: which side of the scene the first row and the first column of the file show.
    upright = {
        1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1],
        5: stored.T, 6: np.rot90(stored, -1), 7: stored[::-1, ::-1].T, 8: np.rot90(stored),
    }[orientation]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = orientation
    middle = {(2, 3): upright[:, :2], (3, 2): upright[:2]}[upright.shape]
    for form in ("PNG", "TIFF"):
        assert decode_square(encoded(stored, form, exif=exif), 2, 1)[0].tolist() == middle.tolist()


def test_broken_notes_do_not_spoil_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: Image.Image) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Image.Image, "getexif", fail)
    assert decode_square(encoded(colours(), "BMP"), 4, 3).shape == (3, 4, 4)


@pytest.mark.parametrize(("side", "decoded"), [(32, 113), (64, 225), (200, 450), (225, 450), (226, 900), (1000, 900)])
def test_a_large_jpeg_is_decoded_small(side: int, decoded: int, monkeypatch: pytest.MonkeyPatch) -> None:
    smooth = np.indices((900, 1200)).sum(0) * 255 // 2098
    content = encoded(smooth.astype(np.uint8), "JPEG", quality=95)
    seen: list[tuple[int, int]] = []
    scale = Image.Image.resize
    monkeypatch.setattr(Image.Image, "resize", lambda self, *rest: (seen.append(self.size), scale(self, *rest))[1])
    small = decode_square(content, side, 1)[0].astype(int)
    assert seen == [(decoded, decoded)]
    nodes = ((np.arange(side) + 0.5) * 900 / side - 0.5).round().astype(int).clip(0, 899)
    assert np.abs(small - smooth[:, 150:1050][np.ix_(nodes, nodes)]).max() < 4


def test_sixteen_bits_keep_the_upper_byte() -> None:
    deep = np.array([[0, 255, 256], [51 * 256 + 7, 65535, 40000], [1, 2, 3]], dtype=np.uint16)
    for form in ("PNG", "TIFF"):
        assert decode_square(encoded(deep, form), 3, 1)[0].tolist() == (deep >> 8).tolist()
        assert decode_square(encoded(deep, form), 3, 3)[2].tolist() == (deep >> 8).tolist()


def test_black_and_white_and_palettes() -> None:
    bits = Image.fromarray(np.eye(3, dtype=np.uint8) * 255).convert("1")
    assert decode_square(encoded(bits), 3, 1)[0].tolist() == (np.eye(3) * 255).tolist()
    pixels = np.zeros((3, 3, 3), np.uint8)
    pixels[0, 0], pixels[1, 1] = (255, 0, 0), (0, 0, 255)
    for form in ("PNG", "GIF"):
        palette = Image.fromarray(pixels).convert("P", palette=Image.Palette.ADAPTIVE)
        assert np.array_equal(decode_square(encoded(palette, form), 3, 3), pixels.transpose(2, 0, 1))


def test_cmyk_is_converted() -> None:
    picture = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    for form in ("JPEG", "TIFF"):
        red, green, blue = decode_square(encoded(picture, form), 8, 3)
        assert red.max() < 5 and green.min() > 250 and blue.min() > 250


def test_transparent_parts_become_white() -> None:
    clear = np.zeros((2, 2, 4), np.uint8)
    clear[0] = (200, 100, 0, 255)
    clear[1, 1] = (0, 0, 0, 51)  # a fifth of black
    assert decode_square(encoded(clear), 2, 3)[:, 0, 0].tolist() == [200, 100, 0]
    assert decode_square(encoded(clear), 2, 3)[0].tolist() == [[200, 200], [255, 204]]
    grey = Image.fromarray(clear[..., [0, 3]])
    assert grey.mode == "LA"
    assert decode_square(encoded(grey), 2, 1)[0].tolist() == [[200, 200], [255, 204]]
    keyed = encoded(Image.new("RGB", (2, 2), (9, 9, 9)), transparency=(9, 9, 9))
    assert decode_square(keyed, 2, 3).min() == 255


def test_of_an_animation_the_first_frame() -> None:
    frames = [Image.new("L", (4, 4), value) for value in (10, 200, 100)]
    content = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    with Image.open(io.BytesIO(content)) as picture:
        assert picture.n_frames == 3
    assert decode_square(content, 4, 1).tolist() == [[[10] * 4] * 4]


def test_floating_point_pictures_are_unreadable() -> None:
    with pytest.raises(unreadable(), match="no known range"):
        decode_square(encoded(Image.fromarray(np.ones((2, 2), np.float32)), "TIFF"), 2, 1)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_cut_files_are_unreadable(form: str) -> None:
    content = encoded(colours(64), form)
    for length in (0, 3, 30, len(content) // 2):
        with quiet(), pytest.raises(unreadable()):
            decode_square(content[:length], 8, 3)


def test_the_limit_of_pixels_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = picture(tmp_path / "a.png", size=(10, 10))
    for limit, fine in ((100, True), (99, False), (49, False), (None, True)):  # Pillow itself refuses above twice
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with quiet(), warnings.catch_warnings():
            if fine:
                assert decode_square(path.read_bytes(), 2, 3).shape == (3, 2, 2)
                assert header(path) == (10, 10, False)
                continue
            for read in (lambda: decode_square(path.read_bytes(), 2, 3), lambda: header(path)):
                with pytest.raises(Image.DecompressionBombError):
                    read()


def test_quiet_silences_pillow_alone() -> None:
    with pytest.warns(UserWarning, match="mine") as caught, quiet():
        warnings.warn("mine", stacklevel=1)
        warnings.warn_explicit("theirs", UserWarning, "PIL/Image.py", 1, module="PIL.Image")
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("mode", "grey"), [("1", True), ("L", True), ("LA", True), ("I;16", True), ("P", False), ("RGBA", False)]
)
def test_the_header_tells_grey_from_colour(tmp_path: Path, mode: str, grey: bool) -> None:
    Image.new(mode, (3, 2)).save(tmp_path / "a.png")
    assert header(tmp_path / "a.png") == (3, 2, grey)
