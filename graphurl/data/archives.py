"""Reading archives without trusting them: no member is written to disk, odd names and sizes are refused."""

from __future__ import annotations

import gzip
import io
import lzma
import re
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, cast

from graphurl.errors import InputError

MEMBER_LIMIT = 4 << 30
"""Most bytes that one member or one gzip file may unpack to."""
TOTAL_LIMIT = 16 << 30
"""Most bytes that a whole archive may unpack to."""

_DAMAGED = (
    zipfile.BadZipFile,
    tarfile.TarError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    EOFError,
    NotImplementedError,  # a zip method that Python cannot read
    RuntimeError,  # an encrypted zip
)


def check_name(name: str, archive: Path) -> None:
    """Refuses a member name that points outside the archive.

    Args:
        name: Member name as stored.
        archive: For the error.

    Raises:
        InputError: For absolute names, drives, backslashes or `..`.
    """
    if name.startswith("/") or "\\" in name or re.match(r"^[A-Za-z]:", name) or ".." in name.split("/"):
        raise InputError(
            f"{archive}: member {name!r} points outside the archive: refused, fetch a clean copy"
        )


def members(
    archive: Path,
    wanted: Callable[[str], bool] = lambda name: True,
    *,
    content: bytes | None = None,
    member_limit: int = MEMBER_LIMIT,
    total_limit: int = TOTAL_LIMIT,
) -> Iterator[tuple[str, bytes]]:
    """Yields the regular files of a zip or tar archive one at a time, in stored order.

    Args:
        archive: A .zip, or a .tar plain or compressed.
        wanted: Chooses members by name; all names are checked, wanted or not.
        content: The bytes of the archive where they are at hand; `archive` is then only its name in errors.
        member_limit: Most bytes of one member.
        total_limit: Most bytes of all wanted members.

    Yields:
        Name and content.

    Raises:
        InputError: For a damaged or foreign file, a link, an odd name or too large a content.
    """
    total = 0
    try:
        with archive.open("rb") if content is None else io.BytesIO(content) as source:
            walk = _zip_members if zipfile.is_zipfile(source) else _tar_members
            source.seek(0)
            for name, size, stream in walk(source, archive, wanted):
                member = _read(stream, min(member_limit, total_limit - total), f"{archive}: member {name!r}")
                if len(member) != size:
                    raise EOFError(f"member {name!r} is cut off")
                total += len(member)
                yield name, member
    except _DAMAGED as error:
        raise damaged(archive, "an archive", error) from error


def damaged(path: Path | str, kind: str, error: Exception) -> InputError:
    """Builds the error for a file that is cut off or something else."""
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(f"{path}: damaged or not {kind} ({reason}): fetch it again")


Found = Iterator[tuple[str, int, IO[bytes]]]


def _zip_members(source: IO[bytes], archive: Path, wanted: Callable[[str], bool]) -> Found:
    with zipfile.ZipFile(source) as bundle:
        entries = bundle.infolist()
        for entry in entries:  # the directory is read at once, so refuse before the first member is used
            check_name(entry.filename, archive)
            if (entry.external_attr >> 16) & 0o170000 == 0o120000:
                raise InputError(
                    f"{archive}: member {entry.filename!r} is a link: refused, fetch a clean copy"
                )
        for entry in entries:
            if not entry.is_dir() and wanted(entry.filename):
                with bundle.open(entry) as stream:
                    yield entry.filename, entry.file_size, stream


def _tar_members(source: IO[bytes], archive: Path, wanted: Callable[[str], bool]) -> Found:
    with tarfile.open(fileobj=source, mode="r:*") as bundle:
        for entry in bundle:
            check_name(entry.name, archive)
            if not (entry.isfile() or entry.isdir()):
                raise InputError(
                    f"{archive}: member {entry.name!r} is a link or device: refused, fetch a clean copy"
                )
            stream = bundle.extractfile(entry) if entry.isfile() and wanted(entry.name) else None
            if stream is not None:
                yield entry.name, entry.size, stream


def gunzip(path: Path, *, limit: int = MEMBER_LIMIT) -> bytes:
    """Unpacks a gzip file in memory.

    Args:
        path: The file.
        limit: Most bytes to unpack.

    Returns:
        Its content.

    Raises:
        InputError: For a truncated or foreign file, or more bytes than allowed.
    """
    try:
        with gzip.open(path, "rb") as stream:
            return _read(cast(IO[bytes], stream), limit, str(path))
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise damaged(path, "gzip", error) from error


def gunzip_bytes(content: bytes, name: str, *, limit: int = MEMBER_LIMIT) -> bytes:
    """Unpacks gzip bytes, see `gunzip`."""
    unpack = zlib.decompressobj(wbits=31)
    try:
        plain = unpack.decompress(content, limit + 1)
    except zlib.error as error:
        raise damaged(name, "gzip", error) from error
    if len(plain) > limit:
        raise InputError(f"{name}: unpacks to more than {limit} bytes: refused")
    if not unpack.eof:
        raise InputError(f"{name}: damaged, cut off before the end: fetch it again")
    return plain


def _read(stream: IO[bytes], limit: int, name: str) -> bytes:
    content = stream.read(limit + 1)
    if len(content) > limit:
        raise InputError(f"{name}: unpacks to more than {limit} bytes: refused")
    return content
