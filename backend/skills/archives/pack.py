"""Pack folders and files into ZIP archives, as the kit does: the same content results in the same bytes."""

from __future__ import annotations

from pathlib import Path

from puras import bundles
from puras.bundles import pack_files, unnamed_notebooks

from backend.skills.archives.errors import BundleUnreadable

__all__ = ["pack", "pack_files", "unnamed_notebooks"]


def pack(folder: Path) -> bytes:
    """Return the ZIP of a project's folder.

    Caches, environments, dot-env files, and unused notebooks are left out.

    Raises:
        BundleUnreadable: the folder has a link that leads out of it.
    """
    try:
        return bundles.pack(folder)
    except bundles.BundleError as error:
        raise BundleUnreadable(str(error)) from error
