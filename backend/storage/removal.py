"""Removing a tree whose owner may have made it hostile."""

# ruff: noqa: PTH101
# (descriptors and links are the matter here)

from __future__ import annotations

import os
import shutil
import stat
from contextlib import suppress
from pathlib import Path


def remove(folder: Path) -> None:
    """Remove a tree that its owner made hostile: no link is followed, no depth and no permission stops it."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except (OSError, RecursionError):
        _remove_hostile(folder)


def _remove_hostile(folder: Path) -> None:
    """Flatten the tree while removing it: every subfolder is moved to the top before its turn."""
    with suppress(OSError):
        top = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            moved = 0
            while names := [entry.name for entry in os.scandir(top) if entry.is_dir(follow_symlinks=False)]:
                for name in names:
                    moved = _empty_into(top, name, moved)
                    os.rmdir(name, dir_fd=top)
            for entry in os.scandir(top):
                os.unlink(entry.name, dir_fd=top)
        finally:
            os.close(top)
        folder.rmdir()


def _empty_into(top: int, name: str, moved: int) -> int:
    """Unlink the files of a folder and move its subfolders to `top`; returns the count of moved ones so far."""
    _open_up(top, name)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
    try:
        for entry in list(os.scandir(inner)):
            if entry.is_dir(follow_symlinks=False):
                moved += 1
                _open_up(inner, entry.name)
                os.rename(entry.name, f".removed-{moved}", src_dir_fd=inner, dst_dir_fd=top)
            else:
                os.unlink(entry.name, dir_fd=inner)
    finally:
        os.close(inner)
    return moved


def _open_up(parent: int, name: str) -> None:
    """Give ourselves access to a folder, and to nothing that a link may point to instead."""
    place = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        if stat.S_IMODE(os.fstat(place).st_mode) & 0o700 != 0o700:
            os.chmod(f"/proc/self/fd/{place}", 0o700)
    finally:
        os.close(place)
