"""Remove a tree whose owner may have made it hostile."""

# ruff: noqa: PTH101
# (descriptors and links are the matter here)

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_PATH_ONLY: Final = getattr(os, "O_PATH", os.O_RDONLY)  # Linux alone opens what it may not read
_MAX_DEPTH: Final = 32
"""Folders that are held open at the same time; deeper ones are first moved to the top.

`shutil.rmtree` calls itself and keeps a descriptor for each level, so a deep tree stops it, and others meanwhile."""


def remove(folder: Path) -> None:
    """Remove a tree: no link is followed, and no depth, name or permission stops it. What cannot be removed stays."""
    with suppress(OSError):
        parent = os.open(folder.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            top = _open(parent, folder.name)
            try:
                while _empty(top, top, 0):
                    pass
            finally:
                os.close(top)
            os.rmdir(folder.name, dir_fd=parent)
        finally:
            os.close(parent)


def _empty(folder: int, top: int, depth: int) -> bool:
    """Empty a folder; return whether a part of it was moved to the top instead."""
    is_moved = False
    with os.scandir(folder) as listing:
        entries = [(entry.name, entry.is_dir(follow_symlinks=False)) for entry in listing]
    for name, is_folder in entries:
        with suppress(OSError):
            if not is_folder:
                os.unlink(name, dir_fd=folder)
                continue
            inner = _open(folder, name)
            try:
                if depth >= _MAX_DEPTH:
                    # A name that the owner of the tree cannot have taken.
                    os.rename(name, f".{secrets.token_hex(16)}", src_dir_fd=folder, dst_dir_fd=top)
                    is_moved = True
                    continue
                is_moved |= _empty(inner, top, depth + 1)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)
    return is_moved


def _open(parent: int, name: str) -> int:
    """Open a folder, after giving ourselves access to it and to nothing that a link may point to instead."""
    place = os.open(name, _PATH_ONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if stat.S_IMODE(os.fstat(place).st_mode) & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=place)
    finally:
        os.close(place)
