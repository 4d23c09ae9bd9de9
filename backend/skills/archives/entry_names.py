"""Validate the names of ZIP entries.

They must be plain relative paths, no two of which are the same on some file system.
"""

from __future__ import annotations

import re
import unicodedata
import zipfile
from pathlib import PurePosixPath

from backend.skills.archives.errors import BundleTooLarge, BundleUnreadable

MAX_ENTRIES = 5_000
MAX_PATH_BYTES = 1_024
MAX_PART_BYTES = 255  # of a file name, on every supported file system

_IS_UTF8 = 0x800
_DRIVE = re.compile(r"^[A-Za-z]:")


def decoded_name(info: zipfile.ZipInfo) -> str:
    """Return the decoded name; many programs write UTF-8 without the flag for it.

    Raises:
        BundleUnreadable: it is not UTF-8.
    """
    name = info.orig_filename
    if info.flag_bits & _IS_UTF8 or name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError as error:
        raise BundleUnreadable(
            f"The name {shown(name)} is not UTF-8. Rename the file, or create the ZIP with UTF-8 names."
        ) from error


class Names:
    """The paths seen so far in one archive."""

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}
        self._files: set[str] = set()
        self._count = 0

    def add(self, name: str) -> None:
        """Add an entry.

        Raises:
            BundleTooLarge: there are more than 5,000.
            BundleUnreadable: the name leads out of the archive, or another entry already has it.
        """
        self._count += 1
        if self._count > MAX_ENTRIES:
            raise BundleTooLarge(
                f"The bundle has more than {MAX_ENTRIES:,} files. Leave out what skills do not need."
            )
        _check_plain(name)
        is_folder = name.endswith("/")
        path = name.rstrip("/")
        folders = [str(parent) for parent in PurePosixPath(path).parents if str(parent) != "."]
        for folder in (*folders, path) if is_folder else folders:
            self._claim(folder, name)
            if _folded(folder) in self._files:
                raise BundleUnreadable(f"{shown(folder)} is both a file and a folder. Rename one of them.")
        if not is_folder:
            if _folded(path) in self._spelled:
                raise _collision(path, self._spelled[_folded(path)])
            self._claim(path, name)
            self._files.add(_folded(path))

    def _claim(self, path: str, name: str) -> None:
        spelled = self._spelled.setdefault(_folded(path), path)
        if spelled != path:
            raise _collision(name, spelled)


def shown(name: str) -> str:
    """Return a name for a message: quoted, escaped and short."""
    return repr(name if len(name) <= 120 else name[:117] + "…")


def _check_plain(name: str) -> None:
    path = name.removesuffix("/")
    parts = path.split("/")
    if not path or name.startswith("/") or _DRIVE.match(name):
        raise BundleUnreadable(f"{shown(name)} is an absolute path. Create the ZIP with relative paths.")
    if "\\" in name:
        raise BundleUnreadable(f"{shown(name)} has a backslash. Create the ZIP with '/' between folders.")
    if ".." in parts or "." in parts or "" in parts:
        raise BundleUnreadable(f"{shown(name)} contains '..', '.' or an empty name. Use plain paths.")
    if any(unicodedata.category(character) in ("Cc", "Cs") for character in name):
        raise BundleUnreadable(f"{shown(name)} has a control character in its name. Rename the file.")
    if len(path.encode()) > MAX_PATH_BYTES or any(len(part.encode()) > MAX_PART_BYTES for part in parts):
        raise BundleUnreadable(
            f"{shown(name)} is too long: at most {MAX_PART_BYTES} bytes per name, {MAX_PATH_BYTES} in all."
        )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _collision(path: str, other: str) -> BundleUnreadable:
    if path == other:
        return BundleUnreadable(f"{shown(path)} is in the ZIP twice. Create the ZIP again.")
    return BundleUnreadable(
        f"{shown(path)} and {shown(other)} differ only in case or Unicode form, which some file systems do "
        "not distinguish. Rename one of them."
    )
