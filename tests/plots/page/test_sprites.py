from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from graphurl.data.stacks import Stack
from graphurl.plots.page.sprites import SHEET, sprites


def stack(count: int, *shape: int) -> Stack:
    """Pictures of one shade each, by number."""
    shades = (torch.arange(count).view(-1, 1, 1, 1) * 5 % 251).byte()
    return Stack(shades.expand(count, *shape).contiguous())


def read(sheet: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(sheet))))


@pytest.mark.parametrize(
    ("shape", "side", "coarse"), [((1, 8, 8), 32, True), ((3, 40, 40), 32, False), ((3, 90, 60), 64, False)]
)
def test_every_picture_lies_at_its_place(shape: tuple[int, ...], side: int, coarse: bool) -> None:
    rows = np.array([5, 0, 7, *range(10, 80)])
    found = sprites(stack(80, *shape), rows)
    assert found is not None
    assert (found.side, found.coarse, len(found.sheets), found.across) == (side, coarse, 1, SHEET // side)
    sheet = read(found.sheets[0])
    for place, row in enumerate(rows):
        top, left = place // found.across * side, place % found.across * side
        middle = sheet[top + side // 2, left + side // 2]
        assert np.abs(middle.astype(int) - row * 5 % 251).max() <= 3


def test_many_pictures_take_several_sheets() -> None:
    count = (SHEET // 32) ** 2 + 3
    found = sprites(Stack(torch.zeros(1, 1, 32, 32, dtype=torch.uint8)), np.zeros(count, dtype=int))
    assert found is not None and len(found.sheets) == 2
    assert read(found.sheets[1]).shape == (32, 96)


def test_too_many_bytes_give_smaller_thumbnails_or_none() -> None:
    noise = Stack(torch.randint(0, 255, (50, 3, 64, 64), generator=torch.Generator().manual_seed(0), dtype=torch.uint8))
    full = sprites(noise, np.arange(50))
    assert full is not None and full.side == 64
    size = sum(map(len, full.sheets))
    less = sprites(noise, np.arange(50), budget=size // 2)
    assert less is not None and less.side < 64 and sum(map(len, less.sheets)) <= size // 2
    assert sprites(noise, np.arange(50), budget=100) is None
