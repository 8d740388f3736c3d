"""The catalogue: one TOML card per data set, and the folder where the files live."""

from __future__ import annotations

import importlib
import os
import sys
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from graphurl.data.samples import Samples
from graphurl.errors import InputError, unknown

ENVIRONMENT = "GRAPHURL_DATA"
TASKS = ("dr", "ge", "ssl")

# An installed wheel carries the cards inside the package, a checkout has them at its top.
_CARD_FOLDERS = (Path(__file__).parent / "cards", Path(__file__).parents[2] / "datasets")


@dataclass(frozen=True)
class Variant:
    """One accepted content of a file.

    Attributes:
        sha256: Checksum in hex, or "" where it is not known.
        size: Bytes, or 0 where not known.
        note: How this content differs from the others.
    """

    sha256: str = ""
    size: int = 0
    note: str = ""


@dataclass(frozen=True)
class CardFile:
    """One file of a data set.

    Attributes:
        path: Where it lies below the data root, with forward slashes.
        urls: Where it can be downloaded, tried in turn.
        variants: Accepted contents; the first is what the urls deliver.
        one_of: "group/option": the options of a group are alternatives, all files of one option are enough.
        pickled: Whether reading it means unpickling, which needs a known checksum.
    """

    path: str
    urls: tuple[str, ...] = ()
    variants: tuple[Variant, ...] = (Variant(),)
    one_of: str = ""
    pickled: bool = False

    @property
    def name(self) -> str:
        """The file name without folders."""
        return self.path.rsplit("/", 1)[-1]

    @property
    def checksums(self) -> tuple[str, ...]:
        """Known checksums of all variants."""
        return tuple(variant.sha256 for variant in self.variants if variant.sha256)

    @property
    def checkable(self) -> bool:
        """Whether every accepted content is known, so that any other is refused."""
        return all(variant.sha256 for variant in self.variants)


@dataclass(frozen=True)
class Card:
    """What the catalogue knows about one data set.

    Attributes:
        name: The name used everywhere ("cora").
        title: One line for listings.
        task: What it is mostly used for: "dr", "ge" or "ssl".
        reader: "module:function", called as `function(card, files)`.
        samples: Number of samples.
        shape: Shape of one sample: (features,) or (channels, height, width).
        classes: Class names, in the order of the labels.
        licence: Licence or terms of use, as far as its makers state them.
        homepage: Where its makers describe it.
        citation: What to cite, in BibTeX.
        note: Anything a user should know.
        splits: Size of each split by name.
        options: Settings for the reader.
        files: What must lie below the data root; empty for data that is built in.
    """

    name: str
    title: str
    task: str
    reader: str
    samples: int
    shape: tuple[int, ...]
    classes: tuple[str, ...]
    licence: str
    homepage: str = ""
    citation: str = ""
    note: str = ""
    splits: Mapping[str, int] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    files: tuple[CardFile, ...] = ()


Reader = Callable[[Card, Mapping[str, Path]], Samples]


def names() -> tuple[str, ...]:
    """Returns the name of every data set, sorted."""
    return tuple(_cards())


def info(name: str) -> Card:
    """Looks up a card.

    Args:
        name: Name of a data set; case and "_" for "-" do not matter.

    Returns:
        Its card.

    Raises:
        InputError: For an unknown name, with the nearest known one.
    """
    cards = _cards()
    key = name.lower().replace("_", "-")
    if key not in cards:
        raise unknown("data set", name, cards)
    return cards[key]


def reader(card: Card) -> Reader:
    """Imports the function that reads a data set."""
    module, _, function = card.reader.partition(":")
    found: Reader = getattr(importlib.import_module(module), function)
    return found


def data_root(explicit: str | Path | None = None) -> Path:
    """Returns the folder that holds the data sets.

    Args:
        explicit: What the user asked for (`--data-root`); else `$GRAPHURL_DATA`, else the cache folder.

    Returns:
        The folder, which need not exist.
    """
    chosen = explicit or os.environ.get(ENVIRONMENT)
    if chosen:
        return Path(chosen).expanduser()
    return user_cache() / "graphurl"


def user_cache() -> Path:
    """The folder in which the platform keeps what can be made again."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")


@cache
def _cards() -> dict[str, Card]:
    folder = next((folder for folder in _CARD_FOLDERS if any(folder.glob("*.toml"))), None)
    if folder is None:
        raise InputError("the data set cards are missing from this installation: reinstall graphurl")
    cards = {card.name: card for card in map(read_card, folder.glob("*.toml"))}
    return dict(sorted(cards.items()))


def read_card(path: Path) -> Card:
    """Reads one card.

    Args:
        path: A TOML file; its keys are the attributes of `Card`, `CardFile` and `Variant`.

    Returns:
        The card.

    Raises:
        InputError: Where the file is no card.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        files = tuple(_card_file(entry) for entry in values.pop("files", []))
        shape, classes = tuple(values.pop("shape")), _class_names(values.pop("classes"))
        card = Card(**values, shape=shape, classes=classes, files=files)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a data set card ({error}): see datasets/README.md") from error
    if card.task not in TASKS:
        raise unknown("task", card.task, TASKS)
    for file in card.files:
        if file.path.startswith("/") or ".." in file.path.split("/") or "\\" in file.path or ":" in file.path:
            raise InputError(
                f"{path}: the file path {file.path!r} leaves the data root: give a path below it"
            )
    return card


def _class_names(classes: int | list[str]) -> tuple[str, ...]:
    """Names as listed; a bare number of classes names them by their index."""
    return tuple(map(str, range(classes))) if isinstance(classes, int) else tuple(classes)


def _card_file(entry: dict[str, Any]) -> CardFile:
    """Reads a `[[files]]` table: its own sha256 and size are the first variant."""
    first = Variant(sha256=entry.pop("sha256", ""), size=entry.pop("size", 0))
    others = tuple(Variant(**variant) for variant in entry.pop("variants", []))
    return CardFile(urls=tuple(entry.pop("urls", ())), variants=(first, *others), **entry)
