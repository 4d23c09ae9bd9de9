"""Record the network use of one job as events."""

from __future__ import annotations

from typing import Any, Final

from backend.execution.events.types import NetworkEvent, NetworkRefusedEvent
from workers.types import Recorder

MAX_RECORDED: Final = 20  # refusals of one job that become events; others are only counted


class NetworkUse:
    """Records a job's refusals while it runs, and what it used when it has ended."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._recorded = 0
        self.is_used = False
        """A connection or a refusal was reported."""
        self.is_alone = True
        """No other job was in the same sandbox at any time."""

    def refused(self, fields: dict[str, Any]) -> None:
        """Record one rejection."""
        self.is_used = True
        if self._recorded < MAX_RECORDED:
            self._recorded += 1
            self._recorder.record(NetworkRefusedEvent(**fields))

    def counted(self, fields: dict[str, int]) -> None:
        """Record the totals of the job."""
        self._recorder.record(NetworkEvent(**fields))
