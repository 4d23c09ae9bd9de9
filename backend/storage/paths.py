"""Parse the paths in a drive once, at the boundary: code with a `DrivePath` does not have to check it again."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from backend.storage.file_errors import BadDrivePath

MAX_PATH_BYTES = 1024
MAX_PATH_CHARACTERS = 4096
"""Of a path as it was entered. No system has longer ones, but parsing would shorten one with many `.` and `//`."""
MAX_COMPONENT_BYTES = 255
MAX_DEPTH = 64
JOBS_FOLDER = "_jobs"
"""Folder of a drive with data of agents' tools that are too long for the conversation, and staged inputs, by job."""
LISTINGS_FOLDER = "listings"
"""Folder of a drive with the files of runs of listings: `listings/<slug>/<job>`."""
_PREFIX = "drive/"
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", *(f"{port}{number}" for port in ("COM", "LPT") for number in "123456789")}
)


@dataclass(frozen=True, slots=True, order=True)
class DrivePath:
    """A path in a drive, relative to its root, without `.`, `..` or empty parts; the root has no parts."""

    parts: tuple[str, ...]

    def __str__(self) -> str:
        return "/".join(self.parts)

    @property
    def name(self) -> str:
        """Return the last component; an empty string for the root."""
        return self.parts[-1] if self.parts else ""

    @property
    def folder(self) -> DrivePath:
        """Return the folder that contains it; the root for the root itself."""
        return DrivePath(self.parts[:-1])

    def joined(self, name: str) -> DrivePath:
        """Return the path of a name in this folder; the name must be a valid component."""
        return DrivePath((*self.parts, name))


ROOT = DrivePath(())


def parse_drive_path(text: str) -> DrivePath:
    """Return the path of a file that a user or a skill has entered: `report.pdf`, `drive/report.pdf`, `./drive/…`.

    Raises:
        BadDrivePath: It leaves the drive, names a folder, or is not valid.
    """
    path = parse_folder_path(text)
    if not path.parts:
        raise BadDrivePath("The path is empty. Enter a file in the drive, such as 'reports/june.pdf'.")
    if text.endswith("/"):
        raise BadDrivePath(
            f"The path {_shown(text)} ends with a slash, so it names a folder. Enter a file in the folder."
        )
    return path


def parse_new_path(text: str) -> DrivePath:
    """Return the path of a new file or folder, in Unicode normalization form C and with portable names.

    Raises:
        BadDrivePath: It is not valid, or one of its names is not portable.
    """
    path = parse_drive_path(unicodedata.normalize("NFC", text))
    for part in path.parts:
        _check_new(part, text)
    return path


def parse_folder_path(text: str) -> DrivePath:
    """Return the path of a folder; an empty text, `.` and `drive/` mean the root of the drive.

    Raises:
        BadDrivePath: It leaves the drive, or is not valid.
    """
    _check_text(text)
    relative = text.removeprefix("./")
    relative = "" if relative == "drive" else relative.removeprefix(_PREFIX)
    if relative.startswith("/"):
        raise BadDrivePath(
            f"The path {_shown(text)} is absolute. Write it relative to the drive: 'reports/june.pdf'."
        )
    parts = tuple(part for part in relative.split("/") if part not in ("", "."))
    for part in parts:
        _check_component(part, text)
    path = DrivePath(parts)
    _check_size(path, text)
    return path


def is_component(name: str) -> bool:
    """Return whether a name on the disk is valid in a drive path."""
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
        raise BadDrivePath(f"The path {_shown(text)} contains a control character. Remove it.")


def _check_component(part: str, text: str) -> None:
    if part == "..":
        raise BadDrivePath(
            f"The path {_shown(text)} contains '..'. Write it relative to the root of the drive."
        )
    if "\\" in part:
        raise BadDrivePath(f"The path {_shown(text)} contains a backslash. Separate folders with '/'.")
    if len(part.encode()) > MAX_COMPONENT_BYTES:
        raise BadDrivePath(
            f"A name in the path {_shown(text)} is longer than {MAX_COMPONENT_BYTES} bytes. Shorten it."
        )


def _check_new(part: str, text: str) -> None:
    if part != part.strip() or part.endswith("."):
        raise BadDrivePath(
            f"A name in the path {_shown(text)} starts or ends with a space, or ends with a dot. Remove it, because "
            "not all systems support such names."
        )
    if _INVISIBLE.search(part):
        raise BadDrivePath(
            f"A name in the path {_shown(text)} contains an invisible character, or one that changes the direction of "
            "the text. Remove it."
        )
    if part.partition(".")[0].rstrip().upper() in _RESERVED:
        raise BadDrivePath(f"The name {_shown(part)} in the path is reserved on Windows. Use another name.")


def _check_size(path: DrivePath, text: str) -> None:
    if len(str(path).encode()) > MAX_PATH_BYTES:
        raise BadDrivePath(f"The path {_shown(text)} is longer than {MAX_PATH_BYTES} bytes. Shorten it.")
    if len(path.parts) > MAX_DEPTH:
        raise BadDrivePath(
            f"The path {_shown(text)} has more than {MAX_DEPTH} levels of folders. Use fewer levels."
        )


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else f"{text[:77]}…")
