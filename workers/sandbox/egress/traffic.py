"""Count the traffic of one gateway per job, and report it to the worker at a limited rate."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from backend.core.net.egress.errors import EgressDenied

_MAX_JOBS: Final = 1024  # that are counted separately; their numbers come from the jobs themselves
_MAX_MESSAGES: Final = (
    200.0  # in a burst, of one gateway: a job that is rejected repeatedly must not flood the worker
)
_MESSAGES_PER_S: Final = 20.0

Send = Callable[[dict[str, Any]], None]


@dataclass(slots=True)
class Traffic:
    """The connections of one job."""

    open_now: int = 0
    """Including those that are being established."""
    connections: int = 0
    refused: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0

    def sent(self, count: int) -> None:
        """Add sent bytes."""
        self.sent_bytes += count

    def received(self, count: int) -> None:
        """Add received bytes."""
        self.received_bytes += count

    def add(self, other: Traffic) -> None:
        """Add the counts of another object."""
        self.connections += other.connections
        self.refused += other.refused
        self.sent_bytes += other.sent_bytes
        self.received_bytes += other.received_bytes


class TrafficCounts:
    """The traffic of all jobs of one gateway."""

    def __init__(self, gateway_id: int, send: Send) -> None:
        self._gateway_id = gateway_id
        self._send = send
        self._jobs: OrderedDict[int | None, Traffic] = OrderedDict()
        self._allowance = _MAX_MESSAGES
        self._filled_at = time.monotonic()

    def of(self, job: int | None) -> Traffic:
        """Return the traffic of a job; None stands for clients that do not name their job."""
        traffic = self._jobs.get(job)
        if traffic is None:
            traffic = self._jobs[job] = Traffic()
            if len(self._jobs) > _MAX_JOBS:
                self._jobs.popitem(last=False)
        return traffic

    @contextmanager
    def slot(self, job: int | None, max_connections: int) -> Iterator[Traffic | None]:
        """Provide the traffic of a job, with one of its connection slots reserved; none if all are taken."""
        traffic = self.of(job)
        if traffic.open_now >= max_connections:
            yield None
            return
        traffic.open_now += 1
        try:
            yield traffic
        finally:
            traffic.open_now -= 1

    def opened(self, job: int | None, traffic: Traffic) -> None:
        """Record a connection.

        The first one of a job is reported to the worker before the job is connected.
        """
        traffic.connections += 1
        if traffic.connections == 1 or job is None:
            self._send_limited({"type": "opened", "job": job})

    def refused(self, job: int | None, refusal: EgressDenied, host: str, port: int | None) -> None:
        """Record a rejection, and report it to the worker before the job receives it."""
        self.of(job).refused += 1
        fields = {"host": host, "port": port, "reason": refusal.reason, "message": refusal.detail}
        self._send_limited({"type": "refused", "job": job, **fields})

    def close(self, job: int, *, alone: bool, last: bool) -> None:
        """Report the totals of a job, and remove it.

        Traffic of clients that named no job is attributed to it if it was alone all the time, else to no job.
        """
        traffic = self._jobs.pop(job, None) or Traffic()
        unattributed = self._jobs.pop(None, None) if last else self._jobs.get(None)
        if alone and unattributed is not None:
            traffic.add(unattributed)
        self._send(
            {
                "type": "counted",
                "gateway": self._gateway_id,
                "job": job,
                "connections": traffic.connections,
                "refused": traffic.refused,
                "sent_bytes": traffic.sent_bytes,
                "received_bytes": traffic.received_bytes,
            }
        )

    def _send_limited(self, message: dict[str, Any]) -> None:
        now = time.monotonic()
        self._allowance = min(_MAX_MESSAGES, self._allowance + (now - self._filled_at) * _MESSAGES_PER_S)
        self._filled_at = now
        if self._allowance >= 1:
            self._allowance -= 1
            self._send({"gateway": self._gateway_id, **message})
