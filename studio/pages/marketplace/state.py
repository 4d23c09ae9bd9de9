"""The state of the marketplace: the listings of all projects, and the project's own listings with their sales."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast, get_args

import reflex as rx

from backend.core.db.paging import Page
from backend.core.errors import Conflict, Invalid, Missing
from backend.marketplace import catalog, service
from backend.marketplace.catalog import NEWEST_FIRST, ListingFilter, ListingSales, ListingSort
from backend.marketplace.schemas import ListingSummary
from studio import session
from studio.first_snippets import of_listing
from studio.formatting import usd
from studio.forms import said
from studio.page_queries import next_sort
from studio.pages.marketplace import listing_form
from studio.pages.marketplace.query import MarketQuery
from studio.selection import Selection
from studio.session import Act
from studio.skills import active_skills
from studio.typing_of_reflex import Handled

OFFERS, OWN = "offers", "own"
_ROWS: Final = 48
_MAX_READ: Final = 200
"""Own listings that are read again after an action."""


@dataclass
class Card:
    """A listing in the list of all projects."""

    slug: str
    title: str
    description: str
    publisher: str
    price: str
    version: str
    at: str
    is_own: bool


@dataclass
class OwnRow:
    """One of the project's own listings."""

    slug: str
    title: str
    status: str
    price: str
    version: str
    runs: str
    callers: str
    earned: str
    is_deletable: bool
    """Whether it was never published."""


class Market(Selection, rx.State):
    """The listings of all projects, and those of the project."""

    tab: str = OFFERS
    query: str = ""
    status: str = ""
    sort: str = NEWEST_FIRST
    cards: list[Card] = []
    own: list[OwnRow] = []
    earned: str = ""
    skills: list[str] = []
    texts: dict[str, str] = {}
    problem: str = ""
    is_creating: bool = False
    has_more: bool = False
    is_loaded: bool = False
    _cursor: str = ""

    @rx.event
    async def load(self) -> None:
        """Load the listings of the URL."""
        self.reset()
        query = MarketQuery.parse(self.router.url.query_parameters)
        self.query, self.status, self.sort = query.q, query.status, query.sort
        self.tab, self.is_creating = query.tab or OFFERS, bool(query.new)
        await self._read()
        self.is_loaded = True

    @rx.event
    async def refresh(self) -> None:
        """Read the listings again."""
        await self._read()

    @rx.event
    async def more(self) -> None:
        """Read the next page of listings."""
        async with session.acting(self, self.project) as act:
            await self._add_page(act, Page(_ROWS, self._cursor))

    @rx.event
    def search(self, text: str) -> Handled:
        """Search for listings, unless the user has left the page since typing."""
        if not self.router.url.path.rstrip("/").endswith("/marketplace"):
            return None
        return self._go(replace(self.shown(), q=text.strip()), is_entry=not (self.query and text.strip()))

    @rx.event
    def pick_tab(self, tab: str) -> Handled:
        """Show the listings of all projects, or those of the project."""
        return self._go(MarketQuery(tab=OWN if tab == OWN else ""))

    @rx.event
    def pick_status(self, status: str) -> Handled:
        """Show own listings with a status; with any status if it is empty."""
        return self._go(replace(self.shown(), status=status))

    @rx.event
    def pick_sort(self, sort: str) -> Handled:
        """Sort the listings of all projects."""
        return self._go(replace(self.shown(), sort=cast(ListingSort, sort)))

    @rx.event
    def sort_by(self, column: str) -> Handled:
        """Sort own listings by a column: names from A to Z, numbers from the highest; then the other way."""
        is_text = column in ("title", "status")
        sort = next_sort(self.sort, column, default=NEWEST_FIRST, is_ascending_first=is_text)
        if sort not in get_args(ListingSort):
            return None
        return self._go(replace(self.shown(), sort=cast(ListingSort, sort)))

    @rx.event
    def begin(self) -> Handled:
        """Show the form for a listing."""
        if self.tab != OWN:
            return self._go(MarketQuery(tab=OWN, new="1"))
        self.is_creating, self.problem = True, ""
        return None

    @rx.event
    def stop(self) -> None:
        """Hide the form."""
        self.is_creating = False

    @rx.event
    async def offer(self, typed: dict[str, Any]) -> Handled:
        """Create a listing as a draft, and open it."""
        try:
            listing = listing_form.listing_of(typed)
            async with session.acting(self, self.project, once=typed) as act:
                made = await service.create(act.session, act.principal, listing)
        except (Conflict, Invalid, Missing) as error:
            self.problem = said(error)
            return None
        return rx.redirect(f"/p/{self.project}/marketplace/{made.slug}")

    def shown(self) -> MarketQuery:
        """Return the query of the page."""
        tab = OWN if self.tab == OWN else ""
        return MarketQuery.parse({"tab": tab, "q": self.query, "status": self.status, "sort": self.sort})

    def _selectable(self) -> list[str]:
        return [row.slug for row in self.own]

    async def _read(self) -> None:
        """Read the listings from the first one; the number of own ones stays the same."""
        async with session.acting(self, self.project) as act:
            found_skills = await active_skills(act)
            self.skills = [one.full_name for one in found_skills]
            self.texts = of_listing(session.context().settings.url, found_skills)
            count = min(max(len(self.own), _ROWS), _MAX_READ)
            self.cards, self.own = [], []
            await self._add_page(act, Page(count))
            if self.tab == OWN:
                self.earned = usd(await catalog.earned_micros(act.session, act.principal))
        self._keep_picked({row.slug for row in self.own})

    async def _add_page(self, act: Act, page: Page) -> None:
        """Add a page to the shown listings."""
        query = self.shown()
        is_own = query.tab == OWN
        filters = ListingFilter(query.q or None, is_own=is_own, status=cast(Any, query.status) or None)
        found = await catalog.list_some(act.session, act.principal, page, filters, sort=query.sort)
        self._cursor = found.next_cursor or ""
        self.has_more = bool(self._cursor)
        if is_own:
            known = {row.slug for row in self.own}
            rows = await _own_rows(act, found.items)
            self.own = [*self.own, *(row for row in rows if row.slug not in known)]
        else:
            shown = {card.slug for card in self.cards}
            self.cards = [*self.cards, *(_card(one) for one in found.items if one.slug not in shown)]

    def _go(self, query: MarketQuery, *, is_entry: bool = True) -> Any:
        """Open the page with another query; Back undoes it if it is an entry of the history."""
        encoded = query.encode()
        return rx.redirect(
            f"/p/{self.project}/marketplace{'?' + encoded if encoded else ''}", replace=not is_entry
        )


def price_of(micros: int) -> str:
    """Return the price as `$0.05`, or `free`."""
    return usd(micros) if micros else "free"


async def _own_rows(act: Act, listings: Sequence[ListingSummary]) -> list[OwnRow]:
    sales = await catalog.sales_of(act.session, act.principal, [one.id for one in listings])
    return [_own_row(one, sales.get(one.id, ListingSales())) for one in listings]


def _own_row(one: ListingSummary, sales: ListingSales) -> OwnRow:
    return OwnRow(
        slug=one.slug,
        title=one.title or one.slug,
        status=one.status,
        price=price_of(one.price_micros),
        version=f"v{one.version}",
        runs=f"{sales.succeeded:,} of {sales.runs:,}",
        callers=f"{sales.callers:,}",
        earned=usd(sales.earned_micros),
        is_deletable=one.published_at is None,
    )


def _card(one: ListingSummary) -> Card:
    return Card(
        slug=one.slug,
        title=one.title or one.slug,
        description=one.description,
        publisher=one.publisher,
        price=price_of(one.price_micros),
        version=f"v{one.version}",
        at=one.published_at.isoformat() if one.published_at else "",
        is_own=one.is_own,
    )
