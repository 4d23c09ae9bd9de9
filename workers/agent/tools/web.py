"""What an agent is offered beyond its workroom: the web, downloads, a search engine, and addresses of its drive."""

from __future__ import annotations

from collections.abc import Callable

from workers.agent.search import Engine
from workers.agent.tools.download import DownloadUrl
from workers.agent.tools.drive import Drive, DrivePull, DriveUrl
from workers.agent.tools.web_fetch import WebFetch
from workers.agent.tools.web_search import WebSearch
from workers.agent.types import Tool
from workers.agent.web import RunEgress


def outside_tools(
    outside: RunEgress | None, drive: Drive | None, engine: Engine | None, left_micros: Callable[[], int]
) -> list[Tool]:
    """The tools for a run that may go outside, or not, and has a drive and a search engine, or not."""
    found: list[Tool] = [] if drive is None else [DriveUrl(drive), DrivePull(drive)]
    if outside is not None:
        found += [WebFetch(outside), DownloadUrl(outside)]
    if outside is not None and engine is not None:
        found.append(WebSearch(engine, left_micros))
    return found
