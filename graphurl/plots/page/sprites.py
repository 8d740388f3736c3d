"""Thumbnails: all pictures on a few sheets, small enough to travel inside a page."""

from __future__ import annotations

import base64
import io
import math
from dataclasses import dataclass

import numpy as np
import torch

from graphurl.data.stacks import Images

#: Bytes of all sheets together, as base64 in the page.
BUDGET = 20_000_000
#: Sides of a thumbnail; the largest that fits the budget is taken. Whole blocks of JPEG: neighbours do not bleed.
SIDES = (64, 48, 32, 24, 16)
#: Side of a sheet: what every browser decodes.
SHEET = 2048


@dataclass(frozen=True)
class Sprites:
    """Sheets of thumbnails, in the order of the points, row by row.

    Attributes:
        side: Of a thumbnail, in pixels.
        across: Thumbnails in a row of a sheet; a full sheet has as many rows.
        sheets: JPEG files as base64.
        coarse: The pictures are smaller than the thumbnails: pixels are to be drawn as squares.
    """

    side: int
    across: int
    sheets: tuple[str, ...]
    coarse: bool


def sprites(images: Images, rows: np.ndarray, budget: int = BUDGET) -> Sprites | None:
    """Makes thumbnails of some pictures.

    Args:
        images: The pictures.
        rows: Which, and in what order.
        budget: Most bytes of the sheets together.

    Returns:
        The sheets, or None where not even the smallest fit.
    """
    largest = max(images.shape[1:])
    # No thumbnail is larger than its picture asks for; small ones are enlarged to be seen at all.
    wanted = max(32, math.ceil(largest / 8) * 8)
    for side in (side for side in SIDES if side <= wanted):
        across = SHEET // side
        parts = np.array_split(rows, range(across**2, len(rows), across**2))
        made: list[str] = []
        for part in parts:
            made.append(_sheet(images, part, side, across))
            share = sum(map(len, made)) / len(made) * (len(rows) / min(len(rows), across**2))
            if share > budget:
                break
        else:
            return Sprites(side, across, tuple(made), largest < side)
    return None


def _sheet(images: Images, rows: np.ndarray, side: int, across: int) -> str:
    from PIL import Image

    channels = images.shape[0]
    height = math.ceil(len(rows) / across) * side
    width = min(len(rows), across) * side
    sheet = Image.new("L" if channels == 1 else "RGB", (width, height))
    for start in range(0, len(rows), 256):
        block = images.take(torch.from_numpy(rows[start : start + 256].astype(np.int64))).numpy()
        for place, pixels in enumerate(block, start=start):
            picture = Image.fromarray(pixels[0] if channels == 1 else np.ascontiguousarray(pixels.transpose(1, 2, 0)))
            scale = side / max(picture.size)
            size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
            picture = picture.resize(size, Image.Resampling.NEAREST if scale > 1 else Image.Resampling.LANCZOS)
            corner = ((side - size[0]) // 2, (side - size[1]) // 2)
            sheet.paste(picture, (place % across * side + corner[0], place // across * side + corner[1]))
    file = io.BytesIO()
    sheet.save(file, "JPEG", quality=80, optimize=True)
    return base64.b64encode(file.getvalue()).decode()
