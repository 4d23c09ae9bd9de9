"""A drive of a job's own, put into its folder before it begins and taken out when its processes are killed.

The folder is the tenant's, which may have put a link or nothing where ours was: each step goes by descriptor, and
nothing is followed.
"""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from backend.storage.tree_walk import opened_folder
from workers.sandbox.host.exit_status import NotStarted
from workers.types import Assignment

DRIVE_GONE: Final = (
    "The job's ./drive was gone in the end, with its files: it was moved away, or its sandbox ended."
)
_NAME: Final = "drive"


class OwnDrive:
    """The folder of one attempt; none: the drive is live, and stays where it is."""

    def __init__(self, assignment: Assignment, jobs: Path, slot: str) -> None:
        self.is_whole = True
        """Nothing of it was lost on its way."""
        self._drive = assignment.drive_dir if assignment.has_own_drive else None
        self._jobs = jobs
        self._slot = slot

    def put_in(self) -> None:
        """Make it the `./drive` of the job that has not begun yet.

        Raises:
            NotStarted: something else is there already; it is where it was.
        """
        if self._drive is not None:
            try:
                _put_in(self._jobs, self._slot, self._drive)
            except OSError:
                self._drive = None
                raise NotStarted from None

    def take_out(self) -> None:
        """Bring it back to where it was, now that the job is killed; if it is not whole, nothing is there."""
        if self._drive is not None:
            self.is_whole = _take_out(self._jobs, self._slot, self._drive)


def _put_in(jobs: Path, slot: str, drive: Path) -> None:
    with opened_folder(jobs, [slot]) as folder:
        os.rename(drive, _NAME, dst_dir_fd=folder)


def _take_out(jobs: Path, slot: str, drive: Path) -> bool:
    try:
        with opened_folder(jobs, [slot]) as folder:
            os.rename(_NAME, drive, src_dir_fd=folder)
    except OSError:
        return False
    if not stat.S_ISDIR(drive.lstat().st_mode):
        drive.unlink()
        return False
    return True
