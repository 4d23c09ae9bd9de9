"""Connect an agent's tools to the internet, as far as the skill's `network` allows."""

from __future__ import annotations

import asyncio

from backend.core.net.egress.connector import Connector
from backend.core.net.egress.rules import Rule
from backend.core.net.egress.run_egress import HEAVY_BYTES, MAX_HEAVY, RunEgress
from backend.integrations.web import fetching
from backend.integrations.web.errors import NotFetched
from backend.integrations.web.fetching import Fetched, FetchLimits, display_url
from backend.skills.manifest.types import Skill
from workers.agent.types import ToolError
from workers.sandbox.egress.network_use import NetworkUse
from workers.types import Recorder

__all__ = [
    "HEAVY_BYTES",
    "MAX_HEAVY",
    "FetchLimits",
    "Fetched",
    "RunEgress",
    "display_url",
    "egress_of",
    "fetch",
]


def egress_of(
    skill: Skill, recorder: Recorder, connector: Connector, heavy: asyncio.Semaphore
) -> RunEgress | None:
    """Return the egress of a skill's tools; none if its `network` allows nothing."""
    if skill.network == "none":
        return None
    return RunEgress(Rule.of(skill.network), NetworkUse(recorder), connector, heavy)


async def fetch(egress: RunEgress, url: str, limits: FetchLimits) -> Fetched:
    """Return the content of a URL, cut if it is too long.

    Raises:
        ToolError: it is unavailable.
    """
    try:
        return await fetching.fetch(egress, url, limits)
    except NotFetched as error:
        raise ToolError(error.detail) from None
