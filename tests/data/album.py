"""A folder of small pictures that tests write, and what they show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from graphurl.data.folders import PictureFolder
from graphurl.data.samples import Samples


def pixels(number: int, side: int = 8) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (side, side, 3), dtype=np.uint8)


EXPECTED = torch.from_numpy(np.stack([pixels(number) for number in range(11)])).permute(0, 3, 1, 2)


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def fill(folder: Path) -> Path:
    """Writes eleven pictures of 8 x 8, of two classes."""
    for number in range(11):
        save(folder / ("cat" if number < 4 else "dog") / f"{number:02}.png", pixels(number))
    return folder


def shown(samples: Samples) -> torch.Tensor:
    assert samples.images is not None
    return samples.images.take(torch.arange(len(samples)))


def cached(samples: Samples) -> bool:
    assert isinstance(samples.images, PictureFolder)
    return samples.images.cached
