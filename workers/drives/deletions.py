"""What a job has deleted by the kit, noted on the way of its events."""

from __future__ import annotations

from typing import Any

from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import DrivePath, parse_drive_path
from workers.drives.scan import MOST_FILES
from workers.types import Recorder


class Deletions:
    """A recorder in front of another one; passes everything on, and notes the deletions."""

    def __init__(self, recorder: Recorder) -> None:
        self.paths: set[DrivePath] = set()
        self._recorder = recorder

    def record(self, type: str, payload: dict[str, Any]) -> None:  # noqa: A002 - the word of the contract
        """See `Recorder.record`."""
        self._recorder.record(type, payload)
        if type == "drive_deleted" and len(self.paths) <= MOST_FILES:  # one more is refused with all of them
            try:
                self.paths.add(parse_drive_path(f"drive/{payload['path']}"))
            except BadDrivePath:
                return  # the kit would not have sent it
