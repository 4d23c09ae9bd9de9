"""Names of zip entries: only plain relative paths, and no two that one file system would mix up."""

from __future__ import annotations

import re
import unicodedata
import zipfile
from pathlib import PurePosixPath

from backend.skills.archives.errors import BundleTooLarge, BundleUnreadable

MAX_ENTRIES = 5_000
MAX_PATH_BYTES = 1_024
MAX_PART_BYTES = 255  # of a file name on every file system that we run on

_IS_UTF8 = 0x800
_DRIVE = re.compile(r"^[A-Za-z]:")


def decoded_name(info: zipfile.ZipInfo) -> str:
    """The name as its author wrote it; many programs write UTF-8 without saying so.

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
            f"The name {shown(name)} is not UTF-8. Rename the file, or make the zip with UTF-8 names."
        ) from error


class Names:
    """The paths seen so far in one archive."""

    def __init__(self) -> None:
        self._spelled: dict[str, str] = {}
        self._files: set[str] = set()
        self._count = 0

    def add(self, name: str) -> None:
        """Take one more entry.

        Raises:
            BundleTooLarge: there are more than 5,000.
            BundleUnreadable: the name leads elsewhere, or another entry has it already.
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
                raise BundleUnreadable(f"{shown(folder)} is a file and a folder at once. Rename one of them.")
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
    """A name in a message: quoted, escaped and short."""
    return repr(name if len(name) <= 120 else name[:117] + "…")


def _check_plain(name: str) -> None:
    path = name.removesuffix("/")
    parts = path.split("/")
    if not path or name.startswith("/") or _DRIVE.match(name):
        raise BundleUnreadable(f"{shown(name)} is an absolute path. Make the zip with relative paths.")
    if "\\" in name:
        raise BundleUnreadable(f"{shown(name)} has a backslash. Make the zip with '/' between folders.")
    if ".." in parts or "." in parts or "" in parts:
        raise BundleUnreadable(f"{shown(name)} leads through '..', '.' or an empty name. Use plain paths.")
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
        return BundleUnreadable(f"{shown(path)} is in the zip twice. Make the zip again.")
    return BundleUnreadable(
        f"{shown(path)} and {shown(other)} differ only in case or spelling, "
        "which some file systems cannot keep apart. Rename one of them."
    )
