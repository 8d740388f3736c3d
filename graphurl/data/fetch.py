"""Getting the files of a data set: what is there, what matches its checksum, what must be downloaded."""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import ssl
import tempfile
import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from graphurl.data.catalogue import ENVIRONMENT, Card, CardFile, data_root, info
from graphurl.errors import InputError

logger = logging.getLogger(__name__)

_BLOCK = 1 << 20
_TIMEOUT_S = 30.0
_LARGEST_UNKNOWN = 8 << 30  # a download of unknown size stops here


@dataclass(frozen=True)
class FileState:
    """One file as found on disk.

    Attributes:
        path: Where it is or would be.
        state: "ok", "not verified" (no checksum known), "wrong" or "missing".
        sha256: Checksum found, "" where missing.
    """

    path: Path
    state: str
    sha256: str = ""


def verify(name: str, root: str | Path | None = None) -> list[FileState]:
    """Compares the files of a data set with its card; downloads nothing.

    Args:
        name: Name of a data set.
        root: Data root, see `catalogue.data_root`.

    Returns:
        The state of every file of the card; of alternatives, those that are there (or the first).
    """
    folder = data_root(root)
    states = []
    for options in _groups(info(name)):
        there = [option for option in options if _complete(option, folder)]
        states += [_state(file, folder / file.path) for option in there or options[:1] for file in option]
    return states


def present(card: Card, root: str | Path | None = None) -> bool:
    """Whether all files that a data set needs are there; their content is not looked at."""
    folder = data_root(root)
    return all(any(_complete(option, folder) for option in options) for options in _groups(card))


def fetch(name: str, root: str | Path | None = None) -> list[Path]:
    """Downloads what is missing of a data set and checks all of it.

    Args:
        name: Name of a data set.
        root: Data root, see `catalogue.data_root`.

    Returns:
        The files.

    Raises:
        InputError: Where a file cannot be had or does not match its checksum.
    """
    return list(ensure(info(name), data_root(root)).values())


def ensure(card: Card, root: Path, *, download: bool = True) -> dict[str, Path]:
    """Makes sure that every file of a card is there and matches.

    Args:
        card: The data set.
        root: Data root.
        download: Whether missing files may be downloaded.

    Returns:
        Path by file name; of alternatives, only the one chosen.

    Raises:
        InputError: For a wrong checksum, or with the files to put in place where they cannot be had.
    """
    found: dict[str, Path] = {}
    missing: list[CardFile] = []
    for options in _groups(card):
        option = next((option for option in options if _complete(option, root)), None)
        if option is None:
            option = next((option for option in options if all(file.urls for file in option)), options[0])
        for file in option:
            if (root / file.path).is_file():
                check(file, root / file.path)
            else:
                missing.append(file)
            found[file.name] = root / file.path
    for position, file in enumerate(missing):
        try:
            if not download:
                raise OSError("downloads are off")
            _download(file, root / file.path)
        except (OSError, http.client.HTTPException) as error:
            raise _offline(card, root, missing[position:], str(error)) from error
    return found


def read_verified(file: CardFile, path: Path) -> bytes:
    """Reads a file only if these very bytes match a known checksum.

    Args:
        file: Its card entry.
        path: Where it lies.

    Returns:
        The bytes that were checked, so that nothing can change between check and use.

    Raises:
        InputError: Without a known checksum, or where it differs.
    """
    if not file.checksums:
        raise _unchecked(path)
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest not in file.checksums:
        raise _wrong(file, path, digest)
    return content


def check(file: CardFile, path: Path) -> None:
    """Compares a file with its card.

    Args:
        file: Its card entry.
        path: Where it lies.

    Raises:
        InputError: Where its content is none of the accepted ones.
    """
    state = _state(file, path)
    if state.state == "wrong":
        raise _wrong(file, path, state.sha256)
    if file.pickled and state.state == "not verified":
        raise _unchecked(path)
    if state.state == "not verified":
        logger.warning("%s: not verified, its checksum is not known (found sha256 %s)", path, state.sha256)


def _download(file: CardFile, target: Path) -> None:
    """Tries the sources in turn; OSError where none answers, InputError where the content is wrong."""
    errors = []
    for url in file.urls:
        try:
            return _download_one(url, file, target)
        except (OSError, http.client.HTTPException) as error:
            errors.append(f"{url}: {getattr(error, 'reason', None) or error}")
    raise OSError("; ".join(errors) or "the card names no source")


def _download_one(url: str, file: CardFile, target: Path) -> None:
    """Writes to a temporary neighbour, checks it, then renames: no half file is ever seen under the name."""
    target.parent.mkdir(parents=True, exist_ok=True)
    limit = max((variant.size for variant in file.variants), default=0) or _LARGEST_UNKNOWN
    if not file.checkable:
        limit = _LARGEST_UNKNOWN
    handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as part, _open(url) as answer:
            _copy(answer, part, limit)
        check(file, Path(temporary))
        os.replace(temporary, target)
    except InputError as error:
        raise InputError(f"{url}: the download was refused: {error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _copy(answer: IO[bytes], part: IO[bytes], limit: int) -> None:
    expected = getattr(answer, "headers", {}).get("Content-Length")
    done = 0
    while block := answer.read(_BLOCK):
        done += len(block)
        if done > limit:
            raise OSError(f"more than the {limit} bytes that the card allows")
        part.write(block)
    if expected is not None and done != int(expected):
        raise OSError(f"the transfer broke off after {done} of {expected} bytes")


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follows redirects only to https."""

    def redirect_request(
        self, req: urllib.request.Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _require_https(url: str) -> None:
    if not url.lower().startswith("https://"):
        raise InputError(f"{url}: not https: only encrypted sources are used")


def _open(url: str) -> IO[bytes]:
    """Opens a url with the system's certificates; proxies come from the environment."""
    _require_https(url)
    tls = urllib.request.HTTPSHandler(context=ssl.create_default_context())
    opener = urllib.request.build_opener(tls, _OnlyHttps())
    request = urllib.request.Request(url, headers={"User-Agent": "graphurl"})
    answer: IO[bytes] = opener.open(request, timeout=_TIMEOUT_S)
    return answer


def _groups(card: Card) -> list[list[list[CardFile]]]:
    """What a data set needs: groups that are all needed, each with its options, each of one or more files."""
    groups: dict[str, dict[str, list[CardFile]]] = {}
    for file in card.files:
        group, _, option = (
            (file.one_of or file.path, "", "") if not file.one_of else file.one_of.partition("/")
        )
        groups.setdefault(group, {}).setdefault(option or file.path, []).append(file)
    return [list(options.values()) for options in groups.values()]


def _complete(option: list[CardFile], root: Path) -> bool:
    return all((root / file.path).is_file() for file in option)


def _state(file: CardFile, path: Path) -> FileState:
    if not path.is_file():
        return FileState(path, "missing")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    if digest in file.checksums:
        return FileState(path, "ok", digest)
    return FileState(path, "wrong" if file.checkable else "not verified", digest)


def _wrong(file: CardFile, path: Path, digest: str) -> InputError:
    allowed = " or ".join(value[:12] + "..." for value in file.checksums)
    return InputError(
        f"{path}: sha256 {digest[:12]}... but the card has {allowed}: delete the file and fetch it again"
    )


def _unchecked(path: Path) -> InputError:
    return InputError(
        f"{path}: holds pickled data of unknown checksum: refused, as loading it could run code"
    )


def _offline(card: Card, root: Path, missing: list[CardFile], reason: str) -> InputError:
    folders: dict[Path, list[str]] = {}
    for file in missing:
        folders.setdefault((root / file.path).parent, []).append(file.name)
    wanted = " and ".join(f"{', '.join(names)} into {folder}" for folder, names in folders.items())
    sources = dict.fromkeys(url.rpartition("/")[0] for file in missing for url in file.urls[:1])
    return InputError(
        f"{card.name}: files are missing and could not be downloaded ({_one_line(reason)}): put {wanted} "
        f"(from {', '.join(sources) or card.homepage}), or point --data-root or ${ENVIRONMENT} at the folder "
        "that has them"
    )


def _one_line(text: str) -> str:
    short = " ".join(text.split())
    return short if len(short) <= 200 else short[:200] + "..."
