"""Collect the files that a job has deleted with the kit, from its events."""

from __future__ import annotations

from backend.execution.events.types import DriveDeletedEvent, JobEvent
from backend.storage.file_errors import BadDrivePath
from backend.storage.paths import DrivePath, parse_drive_path
from workers.drives.scan import MAX_FILES
from workers.types import Recorder


class Deletions:
    """A recorder that forwards all events to another one, and collects deletions."""

    def __init__(self, recorder: Recorder) -> None:
        self.paths: set[DrivePath] = set()
        self._recorder = recorder

    def record(self, event: JobEvent) -> None:
        """See `Recorder.record`."""
        self._recorder.record(event)
        if isinstance(event, DriveDeletedEvent) and len(self.paths) <= MAX_FILES:
            try:  # too many are rejected later
                self.paths.add(parse_drive_path(f"drive/{event.path}"))
            except BadDrivePath:
                return  # the kit does not send such paths
