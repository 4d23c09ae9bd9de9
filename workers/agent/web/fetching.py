"""One address fetched for a tool, which tells its model why it gave nothing."""

from __future__ import annotations

from backend.core.net.egress.run_egress import RunEgress
from backend.integrations.web import fetching
from backend.integrations.web.errors import NotFetched
from backend.integrations.web.fetching import Fetched, Wanted, shown
from workers.agent.types import ToolError

__all__ = ["Fetched", "Wanted", "fetch", "shown"]


async def fetch(outside: RunEgress, url: str, wanted: Wanted) -> Fetched:
    """The content behind an address; of a longer one its beginning.

    Raises:
        ToolError: it cannot be had, and why.
    """
    try:
        return await fetching.fetch(outside, url, wanted)
    except NotFetched as error:
        raise ToolError(error.sentence) from None
