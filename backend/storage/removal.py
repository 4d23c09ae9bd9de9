"""Remove a tree that its owner may have prepared with malicious intent."""

# ruff: noqa: PTH101, PTH106
# (this module needs descriptors and links)

from __future__ import annotations

import os
import secrets
import stat
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import Final

_PATH_ONLY: Final = getattr(os, "O_PATH", os.O_RDONLY)
"""Only Linux can open a folder without read permission."""
_FEW: Final = 32
_SMALL_BYTES: Final = 1 << 20
_MAX_DEPTH: Final = 32
"""Maximum number of folders that are open at the same time; deeper ones are first moved to the top.

`shutil.rmtree` is recursive and keeps a descriptor for each level, so that it fails for a deep tree, and the open
descriptors affect the whole process."""


def remove(folder: Path) -> None:
    """Remove a tree of any depth, names and permissions, without following links; ignore what cannot be removed."""
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


def remove_small(folder: Path) -> bool:
    """Remove a folder if that takes a few calls; return false, with a part of it removed, if `remove` has to do it.

    For a caller that must not wait: it has at most `_FEW` entries, which are small files, links and empty folders.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with os.scandir(descriptor) as listing:
                names = [entry.name for entry in islice(listing, _FEW + 1)]
            if len(names) > _FEW:
                return False
            for name in names:
                status = os.lstat(name, dir_fd=descriptor)
                if stat.S_ISDIR(status.st_mode):
                    os.rmdir(name, dir_fd=descriptor)
                elif status.st_size <= _SMALL_BYTES:
                    os.unlink(name, dir_fd=descriptor)
                else:
                    return False
        finally:
            os.close(descriptor)
        os.rmdir(folder)
        return True
    return False


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
            with suppress(OSError):  # one call for an empty folder, whatever its permissions
                os.rmdir(name, dir_fd=folder)
                continue
            inner = _open(folder, name)
            try:
                if depth >= _MAX_DEPTH:
                    # A random name, which the owner of the tree cannot have used.
                    os.rename(name, f".{secrets.token_hex(16)}", src_dir_fd=folder, dst_dir_fd=top)
                    is_moved = True
                    continue
                is_moved |= _empty(inner, top, depth + 1)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=folder)
    return is_moved


def _open(parent: int, name: str) -> int:
    """Open a folder after giving this process access to it, and never to the target of a link."""
    path_descriptor = os.open(name, _PATH_ONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        if stat.S_IMODE(os.fstat(path_descriptor).st_mode) & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{path_descriptor}", 0o700)
        return os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=path_descriptor)
    finally:
        os.close(path_descriptor)
