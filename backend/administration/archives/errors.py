"""What can be wrong with an archive.

PurasError
├── ArchiveDamaged  500  cut, changed, or not one that we wrote
└── NoRoom          503  the disk has not the space that is needed
"""

from __future__ import annotations

from pathlib import Path

from backend.core.errors import PurasError, Unavailable


class ArchiveDamaged(PurasError):
    """The archive was cut or changed, or is none of ours."""

    code = "archive_damaged"

    def __init__(self, why: str) -> None:
        super().__init__(f"The file cannot be used: {why} Use another copy of it, or another backup.")


class NoRoom(Unavailable):
    """The disk has not the space that is needed."""

    code = "no_room"

    def __init__(self, folder: Path, *, needed_bytes: int, free_bytes: int) -> None:
        super().__init__(
            f"This may need {needed_bytes / 2**20:,.0f} MiB, and {folder} has {free_bytes / 2**20:,.0f} MiB free. "
            "Free some space there, or choose another disk.",
            needed_bytes=needed_bytes,
            free_bytes=free_bytes,
        )
