"""Folders and files into zips, as the kit makes them: the same content gives the same bytes."""

from __future__ import annotations

from pathlib import Path

from puras import bundles
from puras.bundles import pack_files, unnamed_notebooks

from backend.skills.archives.errors import BundleUnreadable

__all__ = ["pack", "pack_files", "unnamed_notebooks"]


def pack(folder: Path) -> bytes:
    """The zip of a project's folder, without caches, environments, dot-env files, and notebooks that no skill names.

    Raises:
        BundleUnreadable: the folder has a link that leads out of it.
    """
    try:
        return bundles.pack(folder)
    except bundles.BundleError as error:
        raise BundleUnreadable(str(error)) from error
