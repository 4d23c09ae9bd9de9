"""Walk a folder that its tenant may change at the same time, without ever leaving the folder.

A job can create any links, pipes and renames in its live drive, and may have fewer rights than this process. So the
kernel never receives a path with a slash: each component is opened relative to its folder, and links are not followed.
A folder that is moved meanwhile still belongs to the tenant.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_FOLDER_MODE = 0o755
"""Only the root folder of the drive is closed to other users."""


@contextmanager
def opened_folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """Yield a descriptor of the folder at `parts` below `root`.

    Raises:
        FileNotFoundError: A component does not exist.
        NotADirectoryError: A component is a file, a link or something else.
    """
    folder = os.open(root, _FOLDER)
    try:
        for part in parts:
            folder = _stepped(folder, open_folder_in(folder, part))
        yield folder
    finally:
        os.close(folder)


@contextmanager
def created_folder(root: Path, parts: Sequence[str], *, owner_uid: int | None) -> Iterator[int]:
    """Yield a descriptor of the folder at `parts` below `root`; missing folders are created for the owner.

    Raises:
        NotADirectoryError: A component is a file, a link or something else.
    """
    folder = os.open(root, _FOLDER)
    try:
        for part in parts:
            folder = _stepped(folder, _open_or_make(folder, part, owner_uid))
        yield folder
    finally:
        os.close(folder)


def open_folder_in(folder: int, name: str) -> int:
    """Return a descriptor of a folder directly in `folder`.

    Raises:
        FileNotFoundError: The name does not exist.
        NotADirectoryError: It is a file, a link or something else.
    """
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(errno.ENOTDIR, "it is a link", name) from None
        raise


def open_file_in(folder: int, name: str) -> int:
    """Return a descriptor of a regular file directly in `folder`, for reading; never blocks, as opening a pipe would.

    Raises:
        FileNotFoundError: The name does not exist, or is not a regular file.
        BlockingIOError: A process holds a lease on it.
    """
    if not stat.S_ISREG(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
        raise FileNotFoundError(name)
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except BlockingIOError:
        raise
    except OSError as error:
        raise FileNotFoundError(name) from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise FileNotFoundError(name)
    return descriptor


def _open_or_make(folder: int, name: str, owner_uid: int | None) -> int:
    try:
        return open_folder_in(folder, name)
    except FileNotFoundError:
        pass
    try:
        os.mkdir(name, _FOLDER_MODE, dir_fd=folder)
    except FileExistsError:
        return open_folder_in(folder, name)
    made = open_folder_in(folder, name)
    if owner_uid is not None:
        os.fchown(made, owner_uid, owner_uid)
    return made


def _stepped(folder: int, into: int) -> int:
    os.close(folder)
    return into
