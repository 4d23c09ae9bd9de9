"""The egress of one run, with its events for rejected connections, and the resources of a process for the web."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, Protocol
from uuid import UUID
from weakref import WeakValueDictionary

from backend.core.metrics.instruments import NETWORK_REFUSED
from backend.core.net.egress.connector import LOOKUPS_PER_TENANT, Connector
from backend.core.net.egress.errors import EgressDenied
from backend.core.net.egress.rules import Rule

MAX_HEAVY: Final = 4
"""Concurrent operations that may use much memory."""
HEAVY_BYTES: Final = 8 << 20
MAX_PAGES: Final = 16
"""Concurrent requests for pages."""
MAX_SERVERS: Final = 8
"""Concurrent connections to MCP servers whose tools are listed."""
MAX_READERS: Final = 4
"""Processes that extract the text of pages."""
MAX_REPORTED: Final = 20
"""Rejected connections of one job that become events."""
_MAX_JOBS: Final = 1_024


class DenialRecorder(Protocol):
    """Records the rejected connections of one job as events."""

    def refused(self, facts: dict[str, Any]) -> None:
        """Record one rejected connection."""


@dataclass(frozen=True, slots=True)
class RunEgress:
    """The hosts that one run may reach, its connections to them, and the recorder of rejected ones."""

    rule: Rule
    visit: DenialRecorder
    connector: Connector = field(default_factory=Connector)
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_HEAVY))
    """Acquired by operations that may use much memory; shared by all runs of a process."""

    def note(self, refusal: EgressDenied, host: str, port: int | None) -> None:
        """Record that the run was denied a connection, as the gateway of its sandbox does."""
        NETWORK_REFUSED.labels(refusal.reason).inc()
        facts = {"host": host, "port": port, "reason": refusal.reason, "message": refusal.detail}
        self.visit.refused(facts)


@dataclass(frozen=True, slots=True)
class WebAccess:
    """The resources of one process for requests to the web. Only tests set `connector`."""

    connector: Connector | None = None
    pages: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_PAGES))
    servers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_SERVERS))
    readers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_READERS))
    heavy: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(MAX_HEAVY))
    _lookups: WeakValueDictionary[UUID, asyncio.Semaphore] = field(default_factory=WeakValueDictionary)
    _reported: OrderedDict[UUID, int] = field(default_factory=OrderedDict)

    def connector_of(self, project_id: UUID) -> Connector:
        """Return a connector for the jobs of a project, which share their lookups: each lookup uses a thread."""
        if self.connector is not None:
            return self.connector
        fresh = asyncio.Semaphore(LOOKUPS_PER_TENANT)
        return Connector(lookups=self._lookups.setdefault(project_id, fresh))

    def may_report(self, job_id: UUID) -> bool:
        """Return whether another rejected connection of the job becomes an event: too many would flood its trace."""
        count = self._reported[job_id] = self._reported.pop(job_id, 0) + 1
        if len(self._reported) > _MAX_JOBS:
            self._reported.popitem(last=False)
        return count <= MAX_REPORTED
