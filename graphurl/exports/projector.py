"""TensorBoard's embedding projector: plain text files and a sheet of thumbnails; TensorBoard itself is not needed."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch

from graphurl.data.stacks import Images
from graphurl.errors import InputError
from graphurl.exports.rows import row_ids, scratch

#: Largest side of the sheet that the projector can load.
SHEET = 8192
#: Sides of a thumbnail: at most; up to which tiny pictures are enlarged; below which there is none.
THUMBNAIL, ENLARGED, SMALLEST = 64, 32, 4
FILES = ("tensors.tsv", "metadata.tsv", "projector_config.pbtxt", "sprite.png")
# The files have a row a line and a tab between columns, and no way to write either inside a cell.
_BREAKS = re.compile(r"[\t\n\r\v\f\x00\x1c-\x1e\x85\u2028\u2029]+")
_BLOCK = 4096


def write_projector(
    z: np.ndarray,
    folder: str | Path,
    ids: Sequence[str] | None = None,
    labels: Sequence[str | None] | None = None,
    images: Images | None = None,
) -> Path:
    """Writes tensors.tsv, metadata.tsv and projector_config.pbtxt, and sprite.png for pictures.

    `tensorboard --logdir FOLDER` shows them, and so does "Load" on projector.tensorflow.org. Tabs and line breaks in
    names and labels become spaces. Rows that are not finite are left out with a warning.

    Args:
        z: The embedding, (N, d).
        folder: Where to; it is made.
        ids: Name of each row; absent means its number.
        labels: Label of each row, None where unknown.
        images: Picture of each row.

    Returns:
        The folder.

    Raises:
        InputError: No finite row, or names, labels or pictures that do not fit.
    """
    for what, given in (("names", ids), ("labels", labels), ("pictures", images)):
        if given is not None and len(given) != len(z):
            raise InputError(f"{len(given)} {what} for {len(z)} rows: give one per row")
    kept = np.flatnonzero(np.isfinite(z).all(axis=1))
    if not len(kept):
        raise InputError(f"none of the {len(z)} rows is finite: there is nothing to show")
    if len(kept) < len(z):
        warnings.warn(f"{len(z) - len(kept)} of {len(z)} rows are not finite: left out", stacklevel=2)
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    # str of a float32 is the shortest text that reads back as the same number.
    _write(folder / "tensors.tsv", ("\t".join(str(value) for value in row) for row in z[kept]))
    names = row_ids(len(z), ids)
    if labels is None:  # a single column has no header, or the projector takes it for a row
        lines = [_cell(names[row]) for row in kept]
    else:
        texts = ["" if label is None else label for label in labels]
        lines = ["id\tlabel", *(f"{_cell(names[row])}\t{_cell(texts[row])}" for row in kept)]
    _write(folder / "metadata.tsv", lines)
    side = None if images is None else _write_sprite(images, kept, folder / "sprite.png")
    _write(folder / "projector_config.pbtxt", _config(side))
    return folder


def _cell(text: str) -> str:
    return _BREAKS.sub(" ", text)


def _write(path: Path, lines: Iterable[str]) -> None:
    with scratch(path) as beside, beside.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(f"{line}\n" for line in lines)


def _config(side: tuple[int, int] | None) -> list[str]:
    lines = ['  tensor_name: "graphurl"', '  tensor_path: "tensors.tsv"', '  metadata_path: "metadata.tsv"']
    if side is not None:
        width, height = (f"    single_image_dim: {pixels}" for pixels in side)
        lines += ["  sprite {", '    image_path: "sprite.png"', width, height, "  }"]
    return ["embeddings {", *lines, "}"]


def _write_sprite(images: Images, kept: np.ndarray, path: Path) -> tuple[int, int] | None:
    """Thumbnails in a square, row by row; returns width and height of one, or None where they would be too small."""
    from PIL import Image

    across = math.ceil(math.sqrt(len(kept)))
    _, height, width = images.shape
    longest = max(height, width)
    scale = min(max(1, ENLARGED // longest), THUMBNAIL / longest, SHEET / across / longest)
    size = max(1, int(width * scale)), max(1, int(height * scale))
    if max(size) < SMALLEST:
        warnings.warn(f"{len(kept)} pictures are too many for one sheet: written without", stacklevel=3)
        return None
    sheet = Image.new("RGB", (across * size[0], across * size[1]), "white")
    for start in range(0, len(kept), _BLOCK):
        pixels = images.take(torch.from_numpy(kept[start : start + _BLOCK])).permute(0, 2, 3, 1).numpy()
        for place, picture in enumerate(pixels, start):
            thumbnail = Image.fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).convert("RGB")
            if thumbnail.size != size:
                thumbnail = thumbnail.resize(size, Image.Resampling.BOX)  # pixels stay squares where it enlarges
            sheet.paste(thumbnail, (place % across * size[0], place // across * size[1]))
    with scratch(path) as beside:
        sheet.save(beside)
    return size
