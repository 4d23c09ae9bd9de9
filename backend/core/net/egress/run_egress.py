"""Where one run may go and who is told of what was refused, and what one process reaches the web with."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from backend.core.metrics.instruments import NETWORK_REFUSED
from backend.core.net.egress.dialing import LOOKUPS_PER_TENANT, Dialer
from backend.core.net.egress.refusals import Refused
from backend.core.net.egress.rules import Rule

HEAVY_AT_ONCE: Final = 4
HEAVY_BYTES: Final = 8 << 20
PAGES_AT_ONCE: Final = 16
READERS_AT_ONCE: Final = 4
"""Processes that take the text out of pages."""
MAX_TOLD: Final = 20  # refusals of one job that become events
_MAX_JOBS: Final = 1_024


class Visit(Protocol):
    """One job's use of the network, as its events tell it."""

    def refused(self, facts: dict[str, Any]) -> None:
        """Note one refusal."""


@dataclass(frozen=True, slots=True)
class RunEgress:
    """Where one run may go, by which ways, and who is told of what was refused."""

    rule: Rule
    visit: Visit
    dialer: Dialer = field(default_factory=Dialer)
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HEAVY_AT_ONCE))
    """Taken by what may fill much memory; shared by all runs of a process."""

    def note(self, refusal: Refused, host: str, port: int | None) -> None:
        """Record that the run was refused a connection, as its sandbox's door does."""
        NETWORK_REFUSED.labels(refusal.reason).inc()
        facts = {"host": host, "port": port, "reason": refusal.reason, "message": refusal.sentence}
        self.visit.refused(facts)


@dataclass(frozen=True, slots=True)
class WebAccess:
    """Those of one process. Tests give it a world of their own; nothing else can."""

    dialer: Dialer | None = None
    pages: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(PAGES_AT_ONCE))
    readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(READERS_AT_ONCE))
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(HEAVY_AT_ONCE))
    _lookups: WeakValueDictionary[UUID, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    _told: OrderedDict[UUID, int] = field(default_factory=OrderedDict)

    def dialer_of(self, project_id: UUID) -> Dialer:
        """What the jobs of a project ask name servers with, all together: each question holds a thread."""
        if self.dialer is not None:
            return self.dialer
        fresh = asyncio.Semaphore(LOOKUPS_PER_TENANT)
        return Dialer(lookups=self._lookups.setdefault(project_id, fresh))

    def may_tell(self, job_id: UUID) -> bool:
        """Whether one more refusal of the job becomes an event: one without end would flood its trace."""
        count = self._told[job_id] = self._told.pop(job_id, 0) + 1
        if len(self._told) > _MAX_JOBS:
            self._told.popitem(last=False)
        return count <= MAX_TOLD
