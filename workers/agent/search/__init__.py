"""Search engines for agents behind one protocol: words go in, pages come out, at a price that is known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from backend.ledger.service import Used


@dataclass(frozen=True, slots=True)
class Hit:
    """A page that was found."""

    title: str
    url: str
    text: str = ""
    """What the engine shows of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a search gave, and what it used."""

    hits: Sequence[Hit]
    used: Used
    summary: str = ""
    """In the engine's own words, if it has any."""


class Engine(Protocol):
    """A search engine as the tool sees it."""

    async def find(self, query: str, most: int) -> Found:
        """Search.

        Raises:
            ToolError: it cannot be asked now.
        """

    def worst_case_micros(self, query: str) -> int:
        """The most that a search could be billed."""
