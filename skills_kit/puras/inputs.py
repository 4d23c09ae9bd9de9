"""Load files from the inputs of a skill, in all formats that callers use.

A string is a URL (`https://…`), a `data:` URL, the path of a file in the drive, or base64. An object names its format:
`{"drive_path"}`, `{"url"}`, `{"data"}`, `{"base64", "media_type"}`, `{"path"}` or `{"bytes"}`.
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
    """The value is not a file in a supported format, or the file is unavailable."""


class _Content(NamedTuple):
    data: bytes
    suffix: str
    """Suffix of the file name with its dot; empty if the type is unknown."""


def load_bytes(value: object) -> bytes:
    """Return the content of a file of the inputs, in any supported format.

    Raises:
        InputError: The value is not a file, or the file does not exist or is too large to download.
    """
    found = _found(value)
    return _read(found) if isinstance(found, Path) else found.data


def load_path(value: object, *, suffix: str | None = None) -> Path:
    """Return a path to the content: the file in the drive, otherwise a temporary file of this job.

    Raises:
        InputError: The value is not a file, or the file does not exist or is too large to download.
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
        f"A value of the type {type(value).__name__} is not a file. Use a URL, a drive path, base64 or an object."
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
        f"{_shown(text)} is not a URL, a file in the drive, or base64. "
        "Upload the file to the drive and use its drive path."
    )


def _may_be_base64(text: str) -> bool:
    """Return whether the text has a length of base64, so that a mistyped path is not decoded to random bytes."""
    length = len(text) - sum(map(text.count, " \t\r\n"))
    return length >= _LEAST_BASE64_CHARACTERS and length % 4 == 0


def _in_drive(text: str) -> Path | None:
    """Return the path of the drive file with this name; None without one. Base64 can look like a path (`/9j/4AAQ…`)."""
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
            raise InputError(f"{shape!r} must be a string, not {type(given).__name__}.")
        return load(given, suffix)
    names = ", ".join(repr(str(name)) for name in list(value)[:8]) or "no keys"
    raise InputError(
        f"The object has no file: it has {names}, and needs one of {', '.join(map(repr, _SHAPES))}."
    )


def _from_url(url: str) -> _Content:
    from puras import _http  # the import of urllib takes longer than most jobs

    try:
        fetched = _http.fetch(url)
    except _http.HttpError as error:
        raise InputError(f"The download of {_shown(url)} failed: {error}") from error
    named = _SUFFIX.fullmatch(PurePosixPath(urlsplit(url).path).suffix)
    return _Content(fetched.data, _SUFFIXES.get(fetched.media_type) or (named[0].lower() if named else ""))


def _from_data_url(text: str) -> _Content:
    head, comma, body = text[5:].partition(",")
    if not comma:
        raise InputError(
            f"{_shown(text)} has no comma. The format of a data URL is 'data:<type>;base64,<content>'."
        )
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
        raise InputError(f"{_shown(text)} is not valid base64. Encode the file with base64.") from None
    if not data:
        raise InputError("The content is empty. Pass the content of the file as base64.")
    return _Content(data, suffix)


def _from_drive(text: str, _: str = "") -> Path:
    try:
        return _existing(drive.path(text), text)
    except drive.DriveError as error:
        raise InputError(str(error)) from error


def _from_own_folder(text: str, _: str = "") -> Path:
    """Return the path of a file in the drive or in the folder of the job, and reject all other paths of the host."""
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
        raise InputError(f"{_shown(text)} is not a valid path.") from None
    if not real.startswith(here + os.sep):
        raise InputError(f"The path {_shown(text)} is not in the drive or in the folder of the job.")
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
        raise InputError(
            f"The file {_shown(named)} does not exist. Upload it to the drive, or pass its content as base64."
        )
    return path


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a path, or with a NUL; such a text can be base64
        return False


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"The file {path.name!r} cannot be read: {error.strerror}.") from error


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
