"""The internet as this process itself reaches it for an agent: by the rules of a sandbox's door, within bounds."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Final

from backend.bundles.manifest import Skill
from backend.metrics.instruments import NETWORK_REFUSED
from workers.runners import Recorder
from workers.sandbox.egress.dialing import Dialer
from workers.sandbox.egress.refusals import Refused
from workers.sandbox.egress.rules import Rule
from workers.sandbox.egress.visit import Visit

HEAVY_AT_ONCE: Final = 4
HEAVY_BYTES: Final = 8 << 20


@dataclass(frozen=True, slots=True)
class Outside:
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


def outside_of(skill: Skill, recorder: Recorder, dialer: Dialer, heavy: asyncio.Semaphore) -> Outside | None:
    """Where the tools of a skill may go; none: its `network:` allows nothing."""
    if skill.network == "none":
        return None
    return Outside(Rule.of(skill.network), Visit(recorder), dialer, heavy)
