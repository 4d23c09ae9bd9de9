"""Folders that belong to a process for as long as it runs: who finds one that nobody holds may remove it.

A lock tells it, and no number of a process: workers in containers of their own do not see each other's processes,
and may share a home. The kernel lets go of the lock however the process ends.
"""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple


class Belonging(NamedTuple):
    """A folder of this process, and the descriptor that holds it: close it when the folder is gone."""

    folder: Path
    descriptor: int


def make(root: Path, prefix: str = "", *, mode: int = 0o777) -> Belonging:
    """A new folder that this process holds from now on."""
    while True:
        folder = root / f"{prefix}{secrets.token_hex(6)}"
        folder.mkdir(mode=mode)
        with suppress(FileNotFoundError):  # somebody swept before we held it
            descriptor = _open(folder)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            if folder.is_dir():
                return Belonging(folder, descriptor)
            os.close(descriptor)


def remove_left_behind(folder: Path, remove: Callable[[Path], None]) -> None:
    """Remove a folder if nobody holds it; nobody does then until it is gone."""
    with suppress(OSError):  # it is held, or gone, or on a file system that does not tell: then it stays
        descriptor = _open(folder)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            remove(folder)
        finally:
            os.close(descriptor)


def _open(folder: Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
