"""What the URL of the marketplace contains: the tab, the search, the filter and the order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, get_args

from backend.marketplace.catalog import NEWEST_FIRST, ListingSort
from backend.marketplace.schemas import ListingStatus
from studio.page_queries import PageQuery, one_of

OFFER_SORTS: Final[Mapping[ListingSort, str]] = {
    "-published_at": "Newest first",
    "published_at": "Oldest first",
    "title": "Name",
    "price": "Lowest price",
    "-price": "Highest price",
}
"""The orders of the listings of all projects, with their labels."""
_MAX_TEXT: Final = 200


@dataclass(frozen=True, slots=True)
class MarketQuery(PageQuery):
    """The part of the URL after `?`."""

    tab: str = ""
    """`own` for the listings of the project."""
    q: str = ""
    status: ListingStatus | str = ""
    """Of own listings; empty: any status."""
    sort: ListingSort = NEWEST_FIRST
    new: str = ""
    """`1` shows the form for a listing."""

    @classmethod
    def parse(cls, parameters: Mapping[str, str]) -> MarketQuery:
        """Return the query of a URL without its invalid parts."""
        is_own = parameters.get("tab") == "own"
        sorts = get_args(ListingSort) if is_own else tuple(OFFER_SORTS)
        return cls(
            "own" if is_own else "",
            parameters.get("q", "").strip()[:_MAX_TEXT],
            one_of(parameters.get("status", ""), get_args(ListingStatus), "") if is_own else "",
            one_of(parameters.get("sort", ""), sorts, NEWEST_FIRST),
            "1" if is_own and parameters.get("new") == "1" else "",
        )
