"""Search engines for agents behind one protocol: words go in, pages come out, at a price that is known before."""

from __future__ import annotations

from typing import Protocol

from backend.integrations.web.search import Found, Hit

__all__ = ["Engine", "Found", "Hit"]


class Engine(Protocol):
    """A search engine as the tool sees it."""

    async def find(self, query: str, most: int) -> Found:
        """Search.

        Raises:
            SearchFailed: it cannot be asked now.
        """

    def worst_case_micros(self, query: str) -> int:
        """The most that a search could be billed."""
