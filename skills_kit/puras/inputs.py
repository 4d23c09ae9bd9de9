"""Files that callers hand to a skill, in every shape in which they may come.

A string is an address (`https://…`), a `data:` address, the path of a file in the drive, or base64. An object names
its shape: `{"drive_path"}`, `{"url"}`, `{"data"}`, `{"base64", "media_type"}`, `{"path"}` or `{"bytes"}`.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import NamedTuple
from urllib.parse import unquote_to_bytes, urlsplit

from puras import drive

__all__ = ["InputError", "load_bytes", "load_path"]

_URL = re.compile(r"https?://", re.IGNORECASE)
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,10}")
_MAX_PATH_CHARACTERS = 4096
_LEAST_BASE64_CHARACTERS = 16
_SPACE = re.compile(rb"[ \t\r\n]+")
_SUFFIXES = {
    "application/json": ".json",
    "application/pdf": ".pdf",
    "application/zip": ".zip",
    "audio/mpeg": ".mp3",
    "audio/mp4": ".m4a",
    "audio/ogg": ".ogg",
    "audio/wav": ".wav",
    "image/gif": ".gif",
    "image/jpeg": ".jpg",
    "image/png": ".png",
    "image/svg+xml": ".svg",
    "image/webp": ".webp",
    "text/csv": ".csv",
    "text/html": ".html",
    "text/markdown": ".md",
    "text/plain": ".txt",
    "video/mp4": ".mp4",
    "video/webm": ".webm",
}


class InputError(ValueError):
    """The value is not a file in any shape that a caller can give, or it cannot be had."""


class _Content(NamedTuple):
    data: bytes
    suffix: str
    """Of a file name, with its dot; empty when the kind is unknown."""


def load_bytes(value: object) -> bytes:
    """The content of a file that a caller gave, whatever its shape.

    Raises:
        InputError: it is no file, is not there, or is too large to fetch.
    """
    found = _found(value)
    return _read(found) if isinstance(found, Path) else found.data


def load_path(value: object, *, suffix: str | None = None) -> Path:
    """A path to the content: the file itself when it is in the drive, else a temporary file of this job.

    Raises:
        InputError: it is no file, is not there, or is too large to fetch.
    """
    found = _found(value)
    if isinstance(found, Path):
        return found
    descriptor, name = tempfile.mkstemp(
        prefix="input-", suffix=suffix if suffix is not None else found.suffix
    )
    with os.fdopen(descriptor, "wb") as file:
        file.write(found.data)
    return Path(name)


def _found(value: object) -> Path | _Content:
    if isinstance(value, os.PathLike):
        return _existing(Path(os.fspath(value)), str(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        return _Content(bytes(value), "")
    if isinstance(value, str):
        return _from_text(value)
    if isinstance(value, Mapping):
        return _from_object(value)
    raise InputError(
        f"A {type(value).__name__} is not a file. Give an address, a drive path, base64 or an object."
    )


def _from_text(text: str) -> Path | _Content:
    if _URL.match(text):
        return _from_url(text)
    if text[:5].lower() == "data:":
        return _from_data_url(text)
    in_drive = _in_drive(text)
    if in_drive is not None:
        return in_drive
    if _may_be_base64(text):
        try:
            return _from_base64(text, "")
        except InputError:
            pass
    raise InputError(
        f"{_shown(text)} is neither an address, nor a file in the drive, nor base64. "
        "Upload the file to the drive and give its path."
    )


def _may_be_base64(text: str) -> bool:
    """Whether it has a length that base64 has: a mistyped path must not become a few bytes of rubbish."""
    length = len(text) - sum(map(text.count, " \t\r\n"))
    return length >= _LEAST_BASE64_CHARACTERS and length % 4 == 0


def _in_drive(text: str) -> Path | None:
    """The file of the drive that the text names, if it names one: base64 may look like a path (`/9j/4AAQ…`)."""
    if len(text) > _MAX_PATH_CHARACTERS:
        return None
    try:
        path = drive.path(text)
    except (drive.DriveError, ValueError):
        return None
    return path if _is_file(path) else None


def _from_object(value: Mapping[object, object]) -> Path | _Content:
    media_type = value.get("media_type") or value.get("mime") or ""
    suffix = _SUFFIXES.get(str(media_type).partition(";")[0].strip().lower(), "")
    for shape, load in _SHAPES.items():
        given = value.get(shape)
        if given is None:
            continue
        if isinstance(given, (bytes, bytearray)) and shape in ("bytes", "data"):
            return _Content(bytes(given), suffix)
        if not isinstance(given, str):
            raise InputError(f"{shape!r} must be text, not {type(given).__name__}.")
        return load(given, suffix)
    names = ", ".join(repr(str(name)) for name in list(value)[:8]) or "nothing"
    raise InputError(
        f"The object names no file: it has {names}. It needs one of {', '.join(map(repr, _SHAPES))}."
    )


def _from_url(url: str) -> _Content:
    from puras import _http  # urllib takes longer to load than most jobs run

    try:
        fetched = _http.fetch(url)
    except _http.HttpError as error:
        raise InputError(f"{_shown(url)} could not be fetched: {error}") from error
    named = _SUFFIX.fullmatch(PurePosixPath(urlsplit(url).path).suffix)
    return _Content(fetched.data, _SUFFIXES.get(fetched.media_type) or (named[0].lower() if named else ""))


def _from_data_url(text: str) -> _Content:
    head, comma, body = text[5:].partition(",")
    if not comma:
        raise InputError(f"{_shown(text)} has no comma. A data address reads 'data:<type>;base64,<content>'.")
    media_type, *parameters = [part.strip().lower() for part in head.split(";")]
    suffix = _SUFFIXES.get(media_type, "")
    if "base64" in parameters:
        return _from_base64(unquote_to_bytes(body).decode("latin-1"), suffix)
    return _Content(unquote_to_bytes(body), suffix)


def _from_base64(text: str, suffix: str) -> _Content:
    try:
        compact = _SPACE.sub(b"", text.encode("ascii")).rstrip(b"=").replace(b"-", b"+").replace(b"_", b"/")
        data = base64.b64decode(compact + b"=" * (-len(compact) % 4), validate=True)
    except (UnicodeEncodeError, binascii.Error):
        raise InputError(f"{_shown(text)} is not base64. Encode the file again.") from None
    if not data:
        raise InputError("The content is empty. Give the file as base64.")
    return _Content(data, suffix)


def _from_drive(text: str, _: str = "") -> Path:
    try:
        return _existing(drive.path(text), text)
    except drive.DriveError as error:
        raise InputError(str(error)) from error


def _from_own_folder(text: str, _: str = "") -> Path:
    """A path that may name a file of the drive or of the job's own folder, and nothing else of the machine."""
    in_drive = _in_drive(text)
    if in_drive is not None:
        return in_drive
    if len(text) > _MAX_PATH_CHARACTERS:
        raise InputError(
            f"The path {_shown(text)} has more than {_MAX_PATH_CHARACTERS:,} characters. Shorten it."
        )
    here = os.path.realpath(".")
    try:
        real = os.path.realpath(text)
    except ValueError:
        raise InputError(f"{_shown(text)} cannot be a path.") from None
    if not real.startswith(here + os.sep):
        raise InputError(f"The path {_shown(text)} is neither in the drive nor in the job's own folder.")
    return _existing(Path(real), text)


def _from_content(text: str, suffix: str) -> Path | _Content:
    return _from_data_url(text) if text[:5].lower() == "data:" else _from_base64(text, suffix)


_SHAPES: dict[str, Callable[[str, str], Path | _Content]] = {
    "drive_path": _from_drive,
    "url": lambda text, _: _from_data_url(text) if text[:5].lower() == "data:" else _from_url(text),
    "data": _from_content,
    "base64": _from_content,
    "path": _from_own_folder,
    "bytes": _from_content,
}


def _existing(path: Path, named: str) -> Path:
    if not _is_file(path):
        raise InputError(f"There is no file {_shown(named)}. Upload it to the drive, or give it as base64.")
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (
        OSError,
        ValueError,
    ):  # longer than a path can be, or with a NUL: it is something else, such as base64
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The file {path.name!r} cannot be read: {error.strerror}.") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
