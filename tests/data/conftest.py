"""Cards and files that tests write themselves, in the formats of the real data sets."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from graphurl.data.catalogue import Card, read_card
from tests.data.album import fill

WriteCard = Callable[..., Card]


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def write_card(tmp_path: Path) -> WriteCard:
    """Returns a function that writes files below `root` and a card that describes them."""

    def write(
        reader: str,
        samples: int,
        files: dict[str, bytes],
        *,
        shape: tuple[int, ...] = (1,),
        classes: int = 2,
        pickled: tuple[str, ...] = (),
        checksums: bool = True,
        one_of: str = "",
        **options: Any,
    ) -> Card:
        root = tmp_path / "root"
        root.mkdir(exist_ok=True)
        lines = ['name = "tiny"', 'title = "Tiny"', 'task = "dr"', f'reader = "{reader}"', 'licence = "none"']
        lines += [f"samples = {samples}", f"shape = {list(shape)}", f"classes = {classes}", "[options]"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in options.items()]
        for path, content in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(content)
            digest = sha256(content) if checksums else ""
            lines += ["[[files]]", f'path = "{path}"', f'sha256 = "{digest}"']
            if path.rsplit("/", 1)[-1] in pickled:
                lines.append("pickled = true")
            if one_of:
                lines.append(f'one_of = "{one_of}"')
        (tmp_path / "tiny.toml").write_text("\n".join(lines), encoding="utf-8")
        return read_card(tmp_path / "tiny.toml")

    return write


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The data root that `write_card` fills."""
    return tmp_path / "root"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of decoded pictures, which no test shares with another or with the user."""
    monkeypatch.setenv("GRAPHURL_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "pictures"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of pictures that `album.fill` writes."""
    return fill(tmp_path / "in")
