"""Read and write single files of an agent, without following links of its code."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from secrets import token_hex
from typing import Final, NamedTuple

from backend.storage.tree_walk import created_folder, open_file_in, opened_folder
from workers.agent.types import ToolError
from workers.agent.workspace.file_paths import FileLocation

MAX_BYTES: Final = 5 << 20
_FILE_MODE: Final = 0o600  # as the agent's own code creates them


class Written(NamedTuple):
    """A file that was written."""

    size_bytes: int
    is_new: bool


def file_size(location: FileLocation) -> int:
    """Return the size of a file in bytes.

    Raises:
        ToolError: it is missing, or is not a regular file.
    """
    with os.fdopen(_opened(location), "rb") as file:
        return os.fstat(file.fileno()).st_size


def read(location: FileLocation) -> bytes:
    """Return the bytes of a file.

    Raises:
        ToolError: it is missing, not a regular file, or too large.
    """
    with os.fdopen(_opened(location), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        content = b"" if size > MAX_BYTES else file.read(MAX_BYTES + 1)
    if max(size, len(content)) > MAX_BYTES:
        raise ToolError(
            f"{location.display_name!r} has {size:,} bytes; the limit is {MAX_BYTES >> 20} MB. Read the "
            "part that you need with a command, like `head` or `sed -n`."
        )
    return content


def _opened(location: FileLocation) -> int:
    if not location.parts:
        raise ToolError(f"{location.display_name or '.'!r} is a folder. Name a file in it.")
    try:
        with opened_folder(location.root, location.parts[:-1]) as folder:
            return open_file_in(folder, location.parts[-1])
    except OSError:
        raise ToolError(_why_not(location)) from None


def write(location: FileLocation, content: bytes, *, owner_uid: int | None) -> Written:
    """Write a file atomically, and create the folders above it.

    Raises:
        ToolError: another kind of file is there, or the disk is full.
    """
    try:
        with created_folder(location.root, location.parts[:-1], owner_uid=owner_uid) as folder:
            return _write_in(folder, location, content, owner_uid)
    except NotADirectoryError:
        raise ToolError(
            f"{location.display_name!r} cannot be written: a part of the path is a link, or is not a "
            "folder. Choose another path."
        ) from None
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        raise ToolError(f"{location.display_name!r} cannot be written: {why}.") from None


def _write_in(folder: int, location: FileLocation, content: bytes, owner_uid: int | None) -> Written:
    name, mode = location.parts[-1], _mode_of(folder, location)
    fresh = f".{token_hex(8)}.part"
    descriptor = os.open(
        fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            if owner_uid is not None:
                os.fchown(file.fileno(), owner_uid, owner_uid)
            os.fchmod(file.fileno(), mode if mode is not None else _FILE_MODE)
        os.rename(fresh, name, src_dir_fd=folder, dst_dir_fd=folder)  # a link is replaced, not followed
    except BaseException:
        with suppress(OSError):
            os.unlink(fresh, dir_fd=folder)
        raise
    return Written(len(content), mode is None)


def _mode_of(folder: int, location: FileLocation) -> int | None:
    """Return the mode of an existing file; none if the limit is exceeded."""
    try:
        mode = os.stat(location.parts[-1], dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, "Is a directory")
    return stat.S_IMODE(mode) & 0o777 if stat.S_ISREG(mode) else _FILE_MODE


def _why_not(location: FileLocation) -> str:
    """Return why a file cannot be read; checked again, since the error of the kernel is not specific."""
    try:
        with opened_folder(location.root, location.parts[:-1]) as folder:
            mode = os.stat(location.parts[-1], dir_fd=folder, follow_symlinks=False).st_mode
    except NotADirectoryError:
        return (
            f"{location.display_name!r} cannot be read: a part of the path is not a folder, or is a link, "
            "which is not followed."
        )
    except OSError:
        return (
            f"The file {location.display_name!r} does not exist. Paths of files in the drive start with "
            "'drive/'."
        )
    if stat.S_ISDIR(mode):
        return f"{location.display_name!r} is a folder. Name a file in it."
    if stat.S_ISLNK(mode):
        return f"{location.display_name!r} is a link, and links are not followed. Name the file itself."
    return f"{location.display_name!r} is not a regular file."
