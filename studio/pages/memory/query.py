"""What the URL of the memory contains: the search, the filters, the order, and the open record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from backend.data.memory.schemas import MemorySort, MemoryState, MemoryType
from studio.page_queries import PageQuery, one_of

LAST_WRITTEN_FIRST: Final[MemorySort] = "-updated_at"
STATES: Final[tuple[MemoryState, ...]] = ("live", "stale", "superseded", "forgotten")
_MAX_TEXT: Final = 4_000


@dataclass(frozen=True, slots=True)
class MemoryQuery(PageQuery):
    """The part of the URL after `?`."""

    q: str = ""
    state: MemoryState = "live"
    type: MemoryType | str = ""
    """Empty: all types."""
    sort: MemorySort = LAST_WRITTEN_FIRST
    id: str = ""
    """The open record."""

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> MemoryQuery:
        """Return the query of a URL without its invalid parts."""
        return cls(
            parameters.get("q", "").strip()[:_MAX_TEXT],
            one_of(parameters.get("state", ""), STATES, "live"),
            one_of(parameters.get("type", ""), get_args(MemoryType), ""),
            one_of(parameters.get("sort", ""), get_args(MemorySort), LAST_WRITTEN_FIRST),
            parameters.get("id", ""),
        )
