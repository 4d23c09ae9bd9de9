"""Move a staged drive into the folder of a job before its start, and back after its processes have ended.

The folder belongs to tenant code, which may have replaced the drive by a link: each step uses descriptors, and links
are not followed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from backend.storage.tree_walk import opened_folder
from workers.sandbox.host.zygotes.exit_status import NotStarted
from workers.types import Assignment

DRIVE_GONE: Final = (
    "The ./drive of the job did not exist at its end, and its files are lost: it was moved away, or the "
    "sandbox ended."
)
_NAME: Final = "drive"


class DriveMount:
    """The staged drive of one attempt; nothing is moved if the drive is live."""

    def __init__(self, assignment: Assignment, jobs: Path, slot: str) -> None:
        self.is_whole = True
        """Whether no file of it was lost."""
        self._drive = assignment.drive_dir if assignment.has_staged_drive else None
        self._jobs = jobs
        self._slot = slot

    def attach(self) -> None:
        """Move it to the `./drive` of the job, which has not started yet.

        Raises:
            NotStarted: something else is there already; the drive was not moved.
        """
        if self._drive is not None:
            try:
                _attach(self._jobs, self._slot, self._drive)
            except OSError:
                self._drive = None
                raise NotStarted from None

    def detach(self) -> None:
        """Move it back after the job has ended; if it is not complete, nothing is there."""
        if self._drive is not None:
            self.is_whole = _detach(self._jobs, self._slot, self._drive)


def _attach(jobs: Path, slot: str, drive: Path) -> None:
    with opened_folder(jobs, [slot]) as folder:
        os.rename(drive, _NAME, dst_dir_fd=folder)


def _detach(jobs: Path, slot: str, drive: Path) -> bool:
    try:
        with opened_folder(jobs, [slot]) as folder:
            os.rename(_NAME, drive, src_dir_fd=folder)
    except OSError:
        return False
    if not stat.S_ISDIR(drive.lstat().st_mode):
        drive.unlink()
        return False
    return True
