from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from graphurl.errors import InputError
from graphurl.plots.contact import contact_sheet


def stack(n: int, *, channels: int = 3, side: int = 16, seed: int = 0) -> Tensor:
    return torch.rand(n, channels, side, side, generator=torch.Generator().manual_seed(seed))


def sheet(figure: Figure) -> np.ndarray:
    return np.asarray(figure.axes[0].images[0].get_array())


def test_pictures_stand_in_rows_with_the_originals_aside(tmp_path: Path, rng_untouched: None) -> None:
    rows = [("a frog", stack(3)), ("a ship", stack(3, seed=1))]
    path = tmp_path / "new" / "views.png"
    figure = contact_sheet(rows, path, title="views")
    with Image.open(path) as picture:
        assert picture.size[0] > picture.size[1] > 200
    made = sheet(figure)
    assert made.shape == (2 * 16 + 1, 16 + 4 + 16 + 1 + 16, 3)
    for row, (_, pictures) in enumerate(rows):
        for left, picture in zip((0, 20, 37), pictures, strict=True):
            found = made[17 * row : 17 * row + 16, left : left + 16]
            assert np.array_equal(found, picture.permute(1, 2, 0).numpy())
    assert (made[16] == 1).all() and (made[:, 16:20] == 1).all() and (made[:, 36] == 1).all()


def test_words_stand_at_their_rows_and_columns() -> None:
    axes = contact_sheet([("a frog", stack(3)), ("a ship", stack(3))], title="views").axes[0]
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["a frog", "a ship"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["original", "1", "2"]
    assert list(axes.get_yticks()) == [7.5, 24.5]
    assert list(axes.get_xticks()) == [7.5, 27.5, 44.5]
    assert axes.get_title(loc="left") == "views"
    axes = contact_sheet([("x", stack(2))], columns=["whole", "crop"]).axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["whole", "crop"]


def test_small_views_stand_in_the_middle_at_the_same_scale() -> None:
    large, small = stack(1)[0], stack(1, side=6)[0]
    made = sheet(contact_sheet([("x", [large, small]), ("y", [large])]))
    assert made.shape == (33, 16 + 4 + 6, 3)
    assert np.array_equal(made[5:11, 20:26], small.permute(1, 2, 0).numpy())
    assert (made[:5, 20:] == 1).all() and (made[11:, 20:] == 1).all()


def test_grey_pictures_and_values_out_of_range_are_drawn(caplog: pytest.LogCaptureFixture) -> None:
    grey = stack(1, channels=1)
    made = sheet(contact_sheet([("x", 3 * grey - 1)]))
    assert np.array_equal(made[..., 0], made[..., 2])
    assert np.array_equal(made[..., 0], (3 * grey - 1).clamp(0, 1)[0, 0].numpy())
    # matplotlib cuts off too, but warns.
    assert caplog.records == []


def test_the_same_sheet_twice(tmp_path: Path) -> None:
    for name in "ab":
        contact_sheet([("x", stack(3))], tmp_path / f"{name}.png")
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_wrong_calls_say_why() -> None:
    for rows in ([], [("x", stack(0))]):
        with pytest.raises(InputError, match="rows holds no picture"):
            contact_sheet(rows)
    with pytest.raises(InputError, match="columns has 1 words: give one for each of the 2 columns"):
        contact_sheet([("x", stack(2))], columns=["a"])
    for wrong in (stack(1, channels=2), (255 * stack(1)).to(torch.uint8), stack(1)[None]):
        with pytest.raises(InputError, match="row 'x' holds torch.*: give C x H x W in floating point"):
            contact_sheet([("x", wrong)])
