from __future__ import annotations

import re
from pathlib import Path

import pytest

from graphurl.data import catalogue
from graphurl.data.catalogue import Card, data_root, info, names, read_card, reader
from graphurl.errors import InputError

REQUIRED = {
    *("cora", "citeseer", "pubmed", "ogbn-arxiv", "ogbn-products", "toy-citation", "karate"),
    *("mnist", "fashion-mnist", "coil-20", "cifar-10", "cifar-100", "stl-10", "digits"),
}


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_every_data_set_has_a_card(name: str) -> None:
    assert info(name).name == name


@pytest.mark.parametrize("name", names())
def test_cards_are_complete(name: str) -> None:
    card = info(name)
    assert card.name == name
    assert card.title
    assert card.licence
    assert card.samples > 0
    assert callable(reader(card))
    assert card.reader.startswith("graphurl.data.")
    assert sum(card.splits.values()) <= card.samples
    assert card.citation.count("{") == card.citation.count("}")
    for file in card.files:
        assert all(url.startswith("https://") for url in file.urls), "only encrypted sources"
        assert all(re.fullmatch("[0-9a-f]{64}|", variant.sha256) for variant in file.variants)
        assert not file.pickled or file.checkable, "pickles need a checksum"


def test_file_name_is_the_card_name() -> None:
    folder = next(folder for folder in catalogue._CARD_FOLDERS if any(folder.glob("*.toml")))
    assert sorted(path.stem for path in folder.glob("*.toml")) == list(names())


def test_names_do_not_mind_case_and_underscores() -> None:
    assert info("CIFAR_10") is info("cifar-10")


def test_unknown_name_offers_the_nearest() -> None:
    with pytest.raises(InputError, match="unknown data set 'coraa': did you mean 'cora'"):
        info("coraa")


def test_data_root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHURL_DATA", str(tmp_path / "env"))
    assert data_root(tmp_path / "here") == tmp_path / "here"
    assert data_root() == tmp_path / "env"
    monkeypatch.delenv("GRAPHURL_DATA")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr("sys.platform", "linux")
    assert data_root() == tmp_path / ".cache" / "graphurl"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert data_root() == tmp_path / "xdg" / "graphurl"
    monkeypatch.setattr("sys.platform", "darwin")
    assert data_root() == tmp_path / "Library" / "Caches" / "graphurl"
    monkeypatch.setattr("sys.platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert data_root() == tmp_path / "local" / "graphurl"


CARD = """
name = "tiny"
title = "Tiny"
task = "dr"
reader = "graphurl.data.images:read_idx"
samples = 2
shape = [1, 2, 2]
classes = ["a", "b"]
licence = "none"
[[files]]
path = "tiny/a.bin"
sha256 = "aa"
size = 5
[[files.variants]]
sha256 = "bb"
note = "smaller"
"""


def write(folder: Path, text: str) -> Path:
    (folder / "tiny.toml").write_text(text, encoding="utf-8")
    return folder / "tiny.toml"


def test_variants_follow_the_first_content(tmp_path: Path) -> None:
    (file,) = read_card(write(tmp_path, CARD)).files
    assert file.checksums == ("aa", "bb")
    assert file.checkable
    assert file.name == "a.bin"
    assert (file.variants[0].size, file.variants[1].note) == (5, "smaller")
    (open_file,) = read_card(write(tmp_path, CARD.replace('"aa"', '""'))).files
    assert not open_file.checkable
    assert open_file.checksums == ("bb",)


def test_classes_may_be_a_number(tmp_path: Path) -> None:
    card: Card = read_card(write(tmp_path, CARD.replace('["a", "b"]', "3")))
    assert card.classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        ('task = "dr"', 'task = "drr"', "unknown task 'drr': did you mean 'dr'"),
        ("samples = 2", "samplez = 2", "samplez"),
        ("shape = [1, 2, 2]", "", "'shape'"),
        ("samples = 2", "samples = ", "not a data set card"),
        ("tiny/a.bin", "../a.bin", "leaves the data root"),
        ("tiny/a.bin", "/a.bin", "leaves the data root"),
    ],
)
def test_broken_cards(tmp_path: Path, old: str, new: str, text: str) -> None:
    with pytest.raises(InputError, match=re.escape(text)):
        read_card(write(tmp_path, CARD.replace(old, new)))
