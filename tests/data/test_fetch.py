from __future__ import annotations

import io
import logging
import urllib.error
from pathlib import Path
from typing import Any

import pytest

from graphurl.data import catalogue, fetch
from graphurl.data.catalogue import Card, CardFile, Variant
from graphurl.errors import InputError
from tests.data.conftest import sha256

GOOD = b"the content" * 100


def card_of(*files: CardFile) -> Card:
    return Card("tiny", "Tiny", "dr", "m:f", 1, (1,), (), "none", homepage="https://home", files=files)


def file_of(path: str = "tiny/a.bin", content: bytes = GOOD, **settings: Any) -> CardFile:
    variants = (Variant(sha256(content), len(content)),)
    return CardFile(path, ("https://source/" + path,), **{"variants": variants, **settings})


class Answer(io.BytesIO):
    def __init__(self, content: bytes, length: int | None = None) -> None:
        super().__init__(content)
        self.headers = {} if length is None else {"Content-Length": str(length)}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A web of its own: url -> bytes, answer or exception; notes what was asked."""
    pages: dict[str, Any] = {"asked": []}

    def answer(url: str) -> Answer:
        pages["asked"].append(url)
        page = pages.get(url, urllib.error.URLError("no network"))
        if isinstance(page, Exception):
            raise page
        return page if isinstance(page, Answer) else Answer(page)

    monkeypatch.setattr(fetch, "_open", answer)
    return pages


def test_download_is_checked_and_put_in_place(web: dict[str, Any], tmp_path: Path) -> None:
    web["https://source/tiny/a.bin"] = GOOD
    found = fetch.ensure(card_of(file_of()), tmp_path)
    assert found == {"a.bin": tmp_path / "tiny/a.bin"}
    assert found["a.bin"].read_bytes() == GOOD
    assert fetch.ensure(card_of(file_of()), tmp_path) == found
    assert len(web["asked"]) == 1, "what is there is not fetched again"


def test_wrong_content_is_refused_and_leaves_nothing(web: dict[str, Any], tmp_path: Path) -> None:
    web["https://source/tiny/a.bin"] = GOOD[:-1] + b"X"
    with pytest.raises(InputError, match=r"the download was refused: .*sha256") as caught:
        fetch.ensure(card_of(file_of()), tmp_path)
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "tiny").iterdir()) == []


@pytest.mark.parametrize(
    "page", [Answer(GOOD[:50], len(GOOD)), Answer(GOOD + b"more"), urllib.error.URLError("no route")]
)
def test_broken_transfers_leave_nothing(web: dict[str, Any], tmp_path: Path, page: Any) -> None:
    web["https://source/tiny/a.bin"] = page
    with pytest.raises(InputError, match="could not be downloaded"):
        fetch.ensure(card_of(file_of()), tmp_path)
    assert list((tmp_path / "tiny").iterdir()) == []


def test_second_source_is_tried(web: dict[str, Any], tmp_path: Path) -> None:
    web["https://two"] = GOOD
    file = CardFile("a.bin", ("https://one", "https://two"), (Variant(sha256(GOOD)),))
    fetch.ensure(card_of(file), tmp_path)
    assert web["asked"] == ["https://one", "https://two"]


def test_offline_error_says_which_files_go_where(web: dict[str, Any], tmp_path: Path) -> None:
    web["https://source/tiny/a.bin"] = GOOD
    files = (file_of(), file_of("tiny/b.bin"), file_of("tiny/c.bin"))
    with pytest.raises(InputError) as caught:
        fetch.ensure(card_of(*files), tmp_path)
    message = str(caught.value)
    for part in ("b.bin", "c.bin", str(tmp_path / "tiny"), "no network", "https://source/", "GRAPHURL_DATA"):
        assert part in message
    assert "a.bin" not in message
    assert "\n" not in message


def test_downloads_can_be_off(web: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="downloads are off"):
        fetch.ensure(card_of(file_of()), tmp_path, download=False)
    assert web["asked"] == []


def test_wrong_checksum_on_disk(tmp_path: Path) -> None:
    (tmp_path / "tiny").mkdir()
    (tmp_path / "tiny/a.bin").write_bytes(b"other")
    with pytest.raises(InputError, match="delete the file and fetch it again"):
        fetch.ensure(card_of(file_of()), tmp_path)


def test_every_variant_is_accepted(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(b"small")
    file = CardFile("a.bin", (), (Variant(sha256(GOOD)), Variant(sha256(b"small"))))
    assert fetch.ensure(card_of(file), tmp_path)


def test_unknown_checksum_is_logged_but_a_pickle_is_refused(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.bin").write_bytes(b"anything")
    plain = CardFile("a.bin", (), (Variant(), Variant(sha256(GOOD))))
    with caplog.at_level(logging.WARNING):
        fetch.ensure(card_of(plain), tmp_path)
    assert "not verified" in caplog.text
    for variants in ((Variant(),), (Variant(), Variant(sha256(GOOD)))):
        with pytest.raises(InputError, match="pickled data of unknown checksum: refused"):
            fetch.ensure(card_of(CardFile("a.bin", (), variants, pickled=True)), tmp_path)


def test_read_verified_hands_out_only_matching_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(GOOD)
    assert fetch.read_verified(file_of(), path) == GOOD
    path.write_bytes(GOOD + b" ")
    with pytest.raises(InputError, match="delete the file"):
        fetch.read_verified(file_of(), path)
    with pytest.raises(InputError, match="refused"):
        fetch.read_verified(CardFile("a.bin"), path)


def test_alternatives(web: dict[str, Any], tmp_path: Path) -> None:
    files = (
        file_of("zip/all.zip", one_of="data/zip"),
        CardFile("raw/a", one_of="data/folder"),
        CardFile("raw/b", one_of="data/folder"),
    )
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a").write_bytes(b"a")
    web["https://source/zip/all.zip"] = GOOD
    assert set(fetch.ensure(card_of(*files), tmp_path)) == {"all.zip"}, "half a folder does not count"
    (tmp_path / "zip/all.zip").unlink()
    (tmp_path / "raw/b").write_bytes(b"b")
    assert set(fetch.ensure(card_of(*files), tmp_path)) == {"a", "b"}


def test_verify_tells_the_state_of_each_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = (file_of("ok"), file_of("wrong"), CardFile("open"), file_of("gone"))
    monkeypatch.setattr(catalogue, "_cards", lambda: {"tiny": card_of(*files)})
    for name, content in (("ok", GOOD), ("wrong", b"x"), ("open", b"y")):
        (tmp_path / name).write_bytes(content)
    states = {state.path.name: state.state for state in fetch.verify("tiny", tmp_path)}
    assert states == {"ok": "ok", "wrong": "wrong", "open": "not verified", "gone": "missing"}
    with pytest.raises(InputError):
        fetch.fetch("tiny", tmp_path)


@pytest.mark.parametrize("url", ["http://source/x", "file:///etc/passwd", "ftp://source/x"])
def test_only_encrypted_sources(url: str) -> None:
    with pytest.raises(InputError, match="not https"):
        fetch._open(url)


def test_redirects_must_stay_encrypted() -> None:
    with pytest.raises(InputError, match="not https"):
        fetch._OnlyHttps().redirect_request(None, None, 302, "", {}, "http://source/x")  # type: ignore[arg-type]


def test_certificates_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    import ssl

    seen = []
    monkeypatch.setattr(
        "urllib.request.OpenerDirector.open", lambda self, *rest, **more: seen.extend(self.handlers)
    )
    fetch._open("https://source/x")
    contexts = [handler._context for handler in seen if hasattr(handler, "_context")]
    assert contexts
    assert all(context.verify_mode == ssl.CERT_REQUIRED and context.check_hostname for context in contexts)
