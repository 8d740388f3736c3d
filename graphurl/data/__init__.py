"""Data: what a user hands in becomes `Samples`; the catalogue of data sets; splits."""

from __future__ import annotations

import os
from pathlib import Path

from graphurl.data.adapt import as_samples
from graphurl.data.catalogue import Card, data_root, info, names
from graphurl.data.samples import Samples
from graphurl.errors import InputError

__all__ = ["Card", "Samples", "as_samples", "data_root", "info", "load", "names"]


def load(name_or_path: str | Path, root: str | Path | None = None, *, pictures: bool = False) -> Samples:
    """Loads a data set of the catalogue, or the user's own file or folder.

    Args:
        name_or_path: A name of the catalogue; anything with a folder, a suffix or that exists is a path.
        root: Data root for names, see `data_root`.
        pictures: Leave pictures of the catalogue as bytes (`images`), a quarter of the memory of rows of numbers.

    Returns:
        The samples.

    Raises:
        InputError: For unknown names, missing or damaged files.
    """
    from graphurl.data.files import read_file

    text = os.fspath(name_or_path)
    if isinstance(name_or_path, Path) or _looks_like_path(text):
        return read_file(text)
    return load_card(info(text), data_root(root), pictures=pictures)


def load_card(card: Card, root: Path, *, pictures: bool = False) -> Samples:
    """Gets the files of a card and reads them.

    Args:
        card: The data set.
        root: Data root.
        pictures: Leave pictures as bytes.

    Returns:
        The samples.

    Raises:
        InputError: Where files are missing, damaged, or do not hold what the card says.
    """
    from graphurl.data.catalogue import reader
    from graphurl.data.fetch import ensure
    from graphurl.data.flat import flattened

    samples = reader(card)(card, ensure(card, root))
    if len(samples) != card.samples:
        raise InputError(
            f"{card.name}: read {len(samples)} samples, the card says {card.samples}: fetch it again"
        )
    return samples if pictures else flattened(samples)


def _looks_like_path(text: str) -> bool:
    """A catalogue name wins over a file of the same name, which ./name still reaches."""
    if text.lower().replace("_", "-") in names():
        return False
    return "/" in text or os.sep in text or bool(Path(text).suffix) or Path(text).exists()
