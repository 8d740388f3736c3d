"""A folder of small pictures that several tests embed: two classes that differ in colour and pattern."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def pixels(count: int = 24, side: int = 8, seed: int = 0) -> np.ndarray:
    """count × side × side × 3 bytes; every second one has stripes and more red."""
    rng = np.random.default_rng(seed)
    made = rng.integers(0, 120, size=(count, side, side, 3))
    made[1::2, ::2, :, 0] += 130
    return made.astype(np.uint8)


def folder_of(folder: Path, count: int = 24, side: int = 8, seed: int = 0, classes: bool = True) -> Path:
    """Writes them as PNG files, a folder for each class or all in one."""
    for number, picture in enumerate(pixels(count, side, seed)):
        place = folder / ("striped" if number % 2 else "plain") if classes else folder
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(place / f"{number:03}.png")
    return folder
