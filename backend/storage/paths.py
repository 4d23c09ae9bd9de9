"""Paths in a drive, parsed once at the edge: what holds a `DrivePath` need not check it again."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from backend.storage.file_errors import BadDrivePath

MAX_PATH_BYTES = 1024
MAX_PATH_CHARACTERS = 4096
"""Of a path as it is written. No system has longer ones, but parsing would shorten one with many `.` and `//`."""
MAX_COMPONENT_BYTES = 255
MAX_DEPTH = 64
JOBS_FOLDER = "_jobs"
"""Of a drive: where agents' tools keep what is too long for the conversation, and staged inputs, by job."""
LISTINGS_FOLDER = "listings"
"""Of a drive: what runs of listings have made, in folders `listings/<slug>/<job>`."""
_PREFIX = "drive/"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in "123456789")}
)


@dataclass(frozen=True, slots=True, order=True)
class DrivePath:
    """A place in a drive, relative to its root, without `.`, `..` or empty parts; no parts: the root."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        """The last component; empty for the root."""
        return self.parts[-1] if self.parts else ""

    @property
    def folder(self) -> DrivePath:
        """The folder that holds it; the root holds itself."""
        return DrivePath(self.parts[:-1])

    def joined(self, name: str) -> DrivePath:
        """The place of that name in this folder; the name must be a valid component."""
        return DrivePath((*self.parts, name))


ROOT = DrivePath(())


def parse_drive_path(text: str) -> DrivePath:
    """The place of a file, as a person or a skill writes it: `report.pdf`, `drive/report.pdf`, `./drive/…`.

    Raises:
        BadDrivePath: it leaves the drive, names a folder, or cannot be a path.
    """
    path = parse_folder_path(text)
    if not path.parts:
        raise BadDrivePath("The path is empty. Name a file in the drive, like 'reports/june.pdf'.")
    if text.endswith("/"):
        raise BadDrivePath(f"The path {_shown(text)} names a folder, by its last slash. Name a file in it.")
    return path


def parse_new_path(text: str) -> DrivePath:
    """The place of a file or a folder that is about to be made: letters composed, and names that every system can have.

    Raises:
        BadDrivePath: it cannot be a path, or one of its names would make trouble elsewhere.
    """
    path = parse_drive_path(unicodedata.normalize("NFC", text))
    for part in path.parts:
        _check_new(part, text)
    return path


def parse_folder_path(text: str) -> DrivePath:
    """The place of a folder; empty, `.`, `/`-ended and `drive/` name the root of the drive.

    Raises:
        BadDrivePath: it leaves the drive, or cannot be a path.
    """
    _check_text(text)
    relative = text.removeprefix("./")
    relative = "" if relative == "drive" else relative.removeprefix(_PREFIX)
    if relative.startswith("/"):
        raise BadDrivePath(
            f"The path {_shown(text)} is absolute. Write it from the drive on: 'reports/june.pdf'."
        )
    parts = tuple(part for part in relative.split("/") if part not in ("", "."))
    for part in parts:
        _check_component(part, text)
    path = DrivePath(parts)
    _check_size(path, text)
    return path


def is_component(name: str) -> bool:
    """Whether a name that is on the disk can be part of a drive path."""
    try:
        _check_text(name)
        _check_component(name, name)
    except BadDrivePath:
        return False
    return "/" not in name and name not in ("", ".")


def _check_text(text: str) -> None:
    if len(text) > MAX_PATH_CHARACTERS:
        raise BadDrivePath(
            f"The path {_shown(text)} has more than {MAX_PATH_CHARACTERS:,} characters. Shorten it."
        )
    try:
        text.encode()
    except UnicodeEncodeError:
        raise BadDrivePath("The path is not valid Unicode text. Write it as UTF-8.") from None
    if _CONTROL.search(text):
        raise BadDrivePath(f"The path {_shown(text)} holds a control character. Leave it out.")


def _check_component(part: str, text: str) -> None:
    if part == "..":
        raise BadDrivePath(f"The path {_shown(text)} holds '..'. Write it from the root of the drive.")
    if "\\" in part:
        raise BadDrivePath(f"The path {_shown(text)} holds a backslash. Separate folders with '/'.")
    if len(part.encode()) > MAX_COMPONENT_BYTES:
        raise BadDrivePath(
            f"A name in the path {_shown(text)} is longer than {MAX_COMPONENT_BYTES} bytes. Shorten it."
        )


def _check_new(part: str, text: str) -> None:
    if part != part.strip() or part.endswith("."):
        raise BadDrivePath(
            f"A name in the path {_shown(text)} begins or ends with a space, or ends with a dot. Leave it out: not "
            "every system can have such a name."
        )
    if _INVISIBLE.search(part):
        raise BadDrivePath(
            f"A name in the path {_shown(text)} holds a character that nobody sees, or that turns the text around. "
            "Leave it out."
        )
    if part.partition(".")[0].rstrip().upper() in _RESERVED:
        raise BadDrivePath(
            f"The name {_shown(part)} in the path is one that Windows keeps for itself. Use another one."
        )


def _check_size(path: DrivePath, text: str) -> None:
    if len(str(path).encode()) > MAX_PATH_BYTES:
        raise BadDrivePath(f"The path {_shown(text)} is longer than {MAX_PATH_BYTES} bytes. Shorten it.")
    if len(path.parts) > MAX_DEPTH:
        raise BadDrivePath(f"The path {_shown(text)} is more than {MAX_DEPTH} folders deep. Make it flatter.")


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
