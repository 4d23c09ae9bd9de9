"""Walking a folder that its tenant may be changing at the same time, without ever leaving it.

A job fills its live drive with any links, pipes and renames it likes, and may run with fewer rights than we do.
So no path with a slash in it goes to the kernel: each component is opened relative to the folder before it,
never through a link. A folder that is moved meanwhile is still the tenant's own.
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
_FOLDER_MODE = 0o755  # the drive's own folder is closed to everyone else


@contextmanager
def opened_folder(root: Path, parts: Sequence[str]) -> Iterator[int]:
    """A descriptor of the folder at `parts` below `root`.

    Raises:
        FileNotFoundError: a component is missing.
        NotADirectoryError: a component is a file, a link or something else.
    """
    folder = os.open(root, _FOLDER)
    try:
        for part in parts:
            folder = _stepped(folder, open_folder_in(folder, part))
        yield folder
    finally:
        os.close(folder)


@contextmanager
def made_folder(root: Path, parts: Sequence[str], *, owner_uid: int | None) -> Iterator[int]:
    """The same, making what is missing, for the owner.

    Raises:
        NotADirectoryError: a component is a file, a link or something else.
    """
    folder = os.open(root, _FOLDER)
    try:
        for part in parts:
            folder = _stepped(folder, _open_or_make(folder, part, owner_uid))
        yield folder
    finally:
        os.close(folder)


def open_folder_in(folder: int, name: str) -> int:
    """A descriptor of a folder directly in `folder`.

    Raises:
        FileNotFoundError: nothing of that name is there.
        NotADirectoryError: it is a file, a link or something else.
    """
    try:
        return os.open(name, _FOLDER, dir_fd=folder)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotADirectoryError(errno.ENOTDIR, "it is a link", name) from None
        raise


def open_file_in(folder: int, name: str) -> int:
    """A descriptor of a plain file directly in `folder`, for reading; never waits, as opening a pipe would.

    Raises:
        FileNotFoundError: nothing of that name is there, or it is not a plain file.
        BlockingIOError: a process holds a lease on it.
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
