"""Errors of archives: backups and exports of projects."""

from __future__ import annotations

from dataclasses import KW_ONLY
from pathlib import Path

from backend.core.errors import PurasError, Unavailable, field


class ArchiveDamaged(PurasError):
    """The archive is incomplete, was changed, or was not created by this product."""

    code = "archive_damaged"
    message = "The archive cannot be read: {why} Use another copy of it, or another backup."
    why: str = field(in_body=False)


class DiskFull(Unavailable):
    """The disk does not have the required space."""

    code = "disk_full"
    former_code = "no_room"
    folder: Path = field(in_body=False)
    _: KW_ONLY
    needed_bytes: int
    free_bytes: int

    def describe(self) -> str:
        """Return the message."""
        return (
            f"This may need {self.needed_bytes / 2**20:,.0f} MiB, and {self.folder} has "
            f"{self.free_bytes / 2**20:,.0f} MiB free. Free some space there, or choose another disk."
        )
