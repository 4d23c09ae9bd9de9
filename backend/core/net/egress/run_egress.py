"""Where one run may go, by which ways, and who is told of what was refused."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from backend.core.metrics.instruments import NETWORK_REFUSED
from backend.core.net.egress.dialing import Dialer
from backend.core.net.egress.refusals import Refused
from backend.core.net.egress.rules import Rule

HEAVY_AT_ONCE: Final = 4
HEAVY_BYTES: Final = 8 << 20


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
