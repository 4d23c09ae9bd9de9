"""What an agent is offered beyond its workroom: the web, downloads, a search engine, and addresses of its drive."""

from __future__ import annotations

from collections.abc import Callable

from workers.agent import Tool
from workers.agent.outside import RunEgress
from workers.agent.search import Engine

from .download import DownloadUrl
from .drive import Drive, DrivePull, DriveUrl
from .web_fetch import WebFetch
from .web_search import WebSearch


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
