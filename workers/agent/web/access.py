"""Access of an agent's tools to the internet, limited by the skill's `network`."""

from __future__ import annotations

import asyncio

from backend.core.net.egress.dialing import Dialer
from backend.core.net.egress.rules import Rule
from backend.core.net.egress.run_egress import HEAVY_AT_ONCE, HEAVY_BYTES, RunEgress
from backend.integrations.web import fetching
from backend.integrations.web.errors import NotFetched
from backend.integrations.web.fetching import Fetched, Wanted, shown
from backend.skills.manifest.types import Skill
from workers.agent.types import ToolError
from workers.sandbox.egress.network_use import NetworkUse
from workers.types import Recorder

__all__ = ["HEAVY_AT_ONCE", "HEAVY_BYTES", "Fetched", "RunEgress", "Wanted", "egress_of", "fetch", "shown"]


def egress_of(skill: Skill, recorder: Recorder, dialer: Dialer, heavy: asyncio.Semaphore) -> RunEgress | None:
    """Return the egress of a skill's tools; none if its `network` allows nothing."""
    if skill.network == "none":
        return None
    return RunEgress(Rule.of(skill.network), NetworkUse(recorder), dialer, heavy)


async def fetch(egress: RunEgress, url: str, limits: Wanted) -> Fetched:
    """Return the content of a URL, cut if it is too long.

    Raises:
        ToolError: it is unavailable.
    """
    try:
        return await fetching.fetch(egress, url, limits)
    except NotFetched as error:
        raise ToolError(error.sentence) from None
