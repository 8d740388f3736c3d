from __future__ import annotations

import gzip
import io
import tarfile
import zipfile
from pathlib import Path

import pytest

from graphurl.data.archives import gunzip, gunzip_bytes, members
from graphurl.errors import InputError


def write_zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as bundle:
        for name, content in files.items():
            bundle.writestr(name, content)
    return path


def write_tar(path: Path, files: dict[str, bytes], mode: str = "w:gz", link: str = "") -> Path:
    with tarfile.open(path, mode) as bundle:  # type: ignore[call-overload]
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            bundle.addfile(entry, io.BytesIO(content))
        if link:
            entry = tarfile.TarInfo("link")
            entry.type, entry.linkname = tarfile.SYMTYPE, link
            bundle.addfile(entry)
    return path


FILES = {"a/one.txt": b"1", "a/two.bin": bytes(2000)}


@pytest.mark.parametrize("suffix", ["zip", "tar", "tar.gz", "tar.xz", "tar.bz2"])
def test_members_come_in_order(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    if suffix == "zip":
        write_zip(path, FILES)
    else:
        write_tar(path, FILES, "w:" + suffix.partition(".")[2])
    assert dict(members(path)) == FILES
    assert [name for name, _ in members(path, lambda name: name.endswith(".bin"))] == ["a/two.bin"]
    assert dict(members(Path("elsewhere"), content=path.read_bytes())) == FILES


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "C:/evil", "a\\..\\evil"])
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_members_that_point_outside_are_refused(tmp_path: Path, name: str, kind: str) -> None:
    path = tmp_path / "x"
    (write_zip if kind == "zip" else write_tar)(path, {"fine": b"", name: b"x"})
    with pytest.raises(InputError, match="points outside the archive"):
        list(members(path, lambda name: False))  # refused even where nobody wants it


def test_links_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a link or device"):
        list(members(write_tar(tmp_path / "x.tar.gz", FILES, link="/etc/passwd")))
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as bundle:
        entry = zipfile.ZipInfo("link")
        entry.external_attr = 0o120777 << 16
        bundle.writestr(entry, "/etc/passwd")
    with pytest.raises(InputError, match="is a link"):
        list(members(tmp_path / "x.zip"))


def test_too_large_members_are_refused(tmp_path: Path) -> None:
    path = write_zip(tmp_path / "x.zip", {"bomb": bytes(5000), "more": bytes(5000)})
    with pytest.raises(InputError, match="more than 100 bytes"):
        list(members(path, member_limit=100))
    with pytest.raises(InputError, match="'more': unpacks to more than 3000 bytes"):
        list(members(path, total_limit=8000))
    assert len(list(members(path, member_limit=5000, total_limit=10000))) == 2


@pytest.mark.parametrize("name", ["x.zip", "x.tar.gz", "x.tar.xz"])
@pytest.mark.parametrize("keep", [0.0, 0.3, 0.9])
def test_cut_off_archives_are_refused(tmp_path: Path, name: str, keep: float) -> None:
    noise = {f"{i}": bytes((i * 37 + k * k) % 251 for k in range(3000)) for i in range(4)}
    path = tmp_path / name
    write_zip(path, noise) if name == "x.zip" else write_tar(path, noise, "w:" + name[-2:])
    content = path.read_bytes()
    path.write_bytes(content[: int(keep * len(content))])
    with pytest.raises(InputError, match="damaged or not an archive") as caught:
        list(members(path))
    assert "\n" not in str(caught.value)


def test_foreign_file_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"<html>not found</html>")
    with pytest.raises(InputError, match="damaged or not an archive"):
        list(members(tmp_path / "x.zip"))


def test_flipped_byte_in_a_zip_is_found(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as bundle:
        bundle.writestr("a", b"abcdefgh")
    path.write_bytes(path.read_bytes().replace(b"abcd", b"abXd"))
    with pytest.raises(InputError, match="damaged"):
        list(members(path))


def test_gunzip(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    packed = gzip.compress(b"hello" * 100)
    path.write_bytes(packed)
    assert gunzip(path) == gunzip_bytes(packed, "x") == b"hello" * 100
    for broken in (packed[:-9], b"plain text"):
        path.write_bytes(broken)
        with pytest.raises(InputError, match="damaged"):
            gunzip(path)
        with pytest.raises(InputError, match="damaged"):
            gunzip_bytes(broken, "x")
    path.write_bytes(packed)
    with pytest.raises(InputError, match="more than 50 bytes"):
        gunzip(path, limit=50)
    with pytest.raises(InputError, match="more than 50 bytes"):
        gunzip_bytes(packed, "x", limit=50)
