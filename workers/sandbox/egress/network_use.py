"""One job's use of the network, as its events tell it."""

from __future__ import annotations

from typing import Any, Final

from backend.execution.events.types import NetworkEvent, NetworkRefusedEvent
from workers.types import Recorder

MAX_RECORDED: Final = 20  # refusals of one job that become events; the rest is counted


class NetworkUse:
    """Records a job's refusals while it runs, and what it used when it has ended."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._recorded = 0
        self.is_used = False
        """A connection or a refusal of it was heard of."""
        self.is_alone = True
        """No other job was in the same sandbox at any time of it."""

    def refused(self, facts: dict[str, Any]) -> None:
        """Note one refusal."""
        self.is_used = True
        if self._recorded < MAX_RECORDED:
            self._recorded += 1
            self._recorder.record(NetworkRefusedEvent(**facts))

    def counted(self, facts: dict[str, int]) -> None:
        """Note what the job used in all."""
        self._recorder.record(NetworkEvent(**facts))
