"""What went through one door: counted per job, and told to the worker within bounds."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from backend.core.net.egress.refusals import Refused

_MAX_JOBS: Final = 1024  # that are told apart; their numbers come from the jobs themselves
_MAX_MESSAGES: Final = (
    200.0  # at once, of one door: a job that is refused without end must not flood the worker
)
_MESSAGES_PER_S: Final = 20.0

Tell = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Traffic:
    """The connections of one job."""

    open_now: int = 0
    """Those that are being made, too."""
    connections: int = 0
    refused: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0

    def sent(self, count: int) -> None:
        """Note bytes that went out."""
        self.sent_bytes += count

    def received(self, count: int) -> None:
        """Note bytes that came in."""
        self.received_bytes += count

    def add(self, other: Traffic) -> None:
        """Take over what was counted elsewhere."""
        self.connections += other.connections
        self.refused += other.refused
        self.sent_bytes += other.sent_bytes
        self.received_bytes += other.received_bytes


class Books:
    """The traffic of all jobs of one door."""

    def __init__(self, door: int, tell: Tell) -> None:
        self._door = door
        self._tell = tell
        self._jobs: OrderedDict[int | None, Traffic] = OrderedDict()
        self._allowance = _MAX_MESSAGES
        self._filled_at = time.monotonic()

    def of(self, job: int | None) -> Traffic:
        """The traffic of a job; none is whoever does not say which job it is."""
        traffic = self._jobs.get(job)
        if traffic is None:
            traffic = self._jobs[job] = Traffic()
            if len(self._jobs) > _MAX_JOBS:
                self._jobs.popitem(last=False)
        return traffic

    @contextmanager
    def place(self, job: int | None, most: int) -> Iterator[Traffic | None]:
        """The traffic of a job that holds one of its places while the block lasts; none when all are taken."""
        traffic = self.of(job)
        if traffic.open_now >= most:
            yield None
            return
        traffic.open_now += 1
        try:
            yield traffic
        finally:
            traffic.open_now -= 1

    def opened(self, job: int | None, traffic: Traffic) -> None:
        """Note a connection; the worker hears of a job's first, before the job does."""
        traffic.connections += 1
        if traffic.connections == 1 or job is None:
            self._say({"type": "opened", "job": job})

    def refused(self, job: int | None, refusal: Refused, host: str, port: int | None) -> None:
        """Note a refusal; the worker hears of it before the job does."""
        self.of(job).refused += 1
        facts = {"host": host, "port": port, "reason": refusal.reason, "message": refusal.sentence}
        self._say({"type": "refused", "job": job, **facts})

    def close(self, job: int, *, alone: bool, last: bool) -> None:
        """Tell what a job did in all, and forget it.

        What was done by nobody who said so is its own if it was alone all the time, and nobody's if it was not.
        """
        traffic = self._jobs.pop(job, None) or Traffic()
        nobodys = self._jobs.pop(None, None) if last else self._jobs.get(None)
        if alone and nobodys is not None:
            traffic.add(nobodys)
        self._tell(
            {
                "type": "counted",
                "door": self._door,
                "job": job,
                "connections": traffic.connections,
                "refused": traffic.refused,
                "sent_bytes": traffic.sent_bytes,
                "received_bytes": traffic.received_bytes,
            }
        )

    def _say(self, message: dict[str, Any]) -> None:
        now = time.monotonic()
        self._allowance = min(_MAX_MESSAGES, self._allowance + (now - self._filled_at) * _MESSAGES_PER_S)
        self._filled_at = now
        if self._allowance >= 1:
            self._allowance -= 1
            self._tell({"door": self._door, **message})
