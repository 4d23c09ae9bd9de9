"""Keeping single files of a bundle from the commands of an agent."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple


class Opened(NamedTuple):
    """What Landlock has to grant so that a folder can be read without some of its files."""

    readable: list[str]
    listable: list[str]
    """Folders above the hidden files: their names can be listed, and nothing else comes with that."""


def around(root: Path, hidden: Collection[str]) -> Opened:
    """Return what of a folder remains; Landlock only grants, and what it grants includes everything below."""
    files = {root / name for name in hidden}
    above = {folder for file in files for folder in file.parents if folder.is_relative_to(root)}
    readable = [
        entry.path
        for folder in sorted(above)
        for entry in os.scandir(folder)
        if not entry.is_symlink() and Path(entry.path) not in files and Path(entry.path) not in above
    ]
    return Opened(sorted(readable), [str(root)])


def mounts_over(inside: str, hidden: Collection[str]) -> list[str]:
    """Return the arguments of bubblewrap that cover these files; the device cannot be opened there."""
    return [part for name in sorted(hidden) for part in ("--ro-bind", "/dev/null", f"{inside}/{name}")]
