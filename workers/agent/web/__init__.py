"""The internet as an agent's tools reach it: as the instance does for any job, by the skill's `network:`."""

from __future__ import annotations

import asyncio

from backend.core.net.egress.dialing import Dialer
from backend.core.net.egress.rules import Rule
from backend.core.net.egress.run_egress import HEAVY_AT_ONCE, HEAVY_BYTES, RunEgress
from backend.skills.manifest.types import Skill
from workers.sandbox.egress.network_use import NetworkUse
from workers.types import Recorder

__all__ = ["HEAVY_AT_ONCE", "HEAVY_BYTES", "RunEgress", "outside_of"]


def outside_of(
    skill: Skill, recorder: Recorder, dialer: Dialer, heavy: asyncio.Semaphore
) -> RunEgress | None:
    """Where the tools of a skill may go; none: its `network:` allows nothing."""
    if skill.network == "none":
        return None
    return RunEgress(Rule.of(skill.network), NetworkUse(recorder), dialer, heavy)
