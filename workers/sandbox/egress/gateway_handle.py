"""The worker's side of one door: it keeps the socket for a new process, and knows the jobs behind it."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Any, Final, Protocol

from backend.core.metrics.instruments import NETWORK_BYTES
from workers.sandbox.egress.network_use import NetworkUse

_COUNT_S: Final = 2.0  # for the numbers of a job that has ended
_MAX_KEPT: Final = 20  # refusals that come while no job is there, as at an import
_COUNTS: Final = ("connections", "refused", "sent_bytes", "received_bytes")


class Line(Protocol):
    """The line to the process that serves the door."""

    def send(self, body: dict[str, Any]) -> None:
        """Tell the process something."""

    def hear(self) -> None:
        """Take in what the process has said until now."""

    def forget(self, doorway: Doorway) -> None:
        """Serve a door no more."""


class Doorway:
    """The worker's side of one door: keeps the socket for a new process, knows the jobs behind it."""

    def __init__(
        self, line: Line, number: int, listener: socket.socket, network: str | Sequence[str], tenant: str
    ) -> None:
        self.number = number
        self.listener = listener
        self.network = network
        self.tenant = tenant
        self._line = line
        self._visits: dict[int, NetworkUse] = {}
        self._kept: list[dict[str, Any]] = []
        self._counts: dict[int, asyncio.Future[dict[str, int] | None]] = {}
        self._is_closed = False

    def enter(self, job: int, visit: NetworkUse) -> None:
        """A job of this number begins; what was refused before any had begun is told to it."""
        for other in self._visits.values():
            other.is_alone = visit.is_alone = False
        self._visits[job] = visit
        for facts in self._kept:
            visit.refused(facts)
        self._kept.clear()

    def leave(self, job: int) -> None:
        """It has ended: all that it was refused is known, as the proxy tells before it answers."""
        self._line.hear()
        self._visits.pop(job, None)

    async def tell(self, job: int, visit: NetworkUse) -> None:
        """Have a job that used the network be told how much."""
        if not visit.is_used or self._is_closed:
            return
        counted = asyncio.get_running_loop().create_future()
        self._counts[job] = counted
        facts_wanted = {"job": job, "alone": visit.is_alone, "last": not self._visits}
        self._line.send({"type": "count", "door": self.number, **facts_wanted})
        try:
            async with asyncio.timeout(_COUNT_S):
                facts = await counted
                if facts is not None:
                    visit.counted(facts)
        except TimeoutError:
            pass  # the job's result does not wait any longer for its numbers
        finally:
            self._counts.pop(job, None)

    def heed(self, body: dict[str, Any]) -> None:
        """Take in one message of the process."""
        kind, job = body.get("type"), body.get("job")
        if kind == "counted" and (counted := self._counts.get(job or 0)) is not None and not counted.done():
            NETWORK_BYTES.labels("sent").inc(body["sent_bytes"])
            NETWORK_BYTES.labels("received").inc(body["received_bytes"])
            counted.set_result({name: int(body[name]) for name in _COUNTS})
        elif kind == "opened":
            for visit in self._meant(job):
                visit.is_used = True
        elif kind == "refused":
            self._refused(job, {name: body[name] for name in ("host", "port", "reason", "message")})

    def unanswered(self) -> None:
        """The process is gone: its numbers with it."""
        for counted in self._counts.values():
            if not counted.done():
                counted.set_result(None)

    def close(self) -> None:
        """End every connection of the sandbox, and take no more."""
        if self._is_closed:
            return
        self._is_closed = True
        self._line.forget(self)
        self.listener.close()
        self.unanswered()

    def _refused(self, job: int | None, facts: dict[str, Any]) -> None:
        visits = self._meant(job)
        if job is None and not visits and len(self._kept) < _MAX_KEPT:
            self._kept.append(facts)
        for visit in visits:
            visit.refused(facts)

    def _meant(self, job: int | None) -> list[NetworkUse]:
        """A client that was made at the import does not say whose it is: then it may be any job's."""
        if job is None:
            return list(self._visits.values())
        return [self._visits[job]] if job in self._visits else []
