"""The listings of all projects, and the project's own listings with their sales."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import reflex as rx

from backend.core.db.paging import Page
from backend.core.errors import Conflict, Invalid, Missing
from backend.marketplace import catalog, service
from backend.marketplace.catalog import ListingFilter
from backend.marketplace.schemas import ListingSummary
from studio import session
from studio.components.elements import button, empty, framed_table, link, section, tag
from studio.components.jobs import SearchField
from studio.components.live import Ago, Tabs
from studio.components.snippets import from_code
from studio.first_snippets import of_listing
from studio.formatting import usd
from studio.forms import said
from studio.pages.marketplace import listing_form
from studio.session import Act
from studio.shell import Crumb, Shell, shell
from studio.skills import active_skills
from studio.typing_of_reflex import Handled, as_var

_ROWS: Final = 48
_MAX_OWN: Final = 100
TABS: Final = [{"id": "offers", "label": "All listings"}, {"id": "own", "label": "Your listings"}]
STATUS_WORDS: Final = {"draft": "draft", "published": "published", "taken_down": "taken down"}


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


class Market(rx.State):
    """The listings of all projects, and those of the project."""

    tab: str = TABS[0]["id"]
    query: str = ""
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
        params = self.router.url.query_parameters
        self.query = params.get("q", "").strip()[:200]
        self.tab = "own" if params.get("tab") == "own" else "offers"
        self.is_creating = self.tab == "own" and params.get("new") == "1"
        await self._read()
        self.is_loaded = True

    @rx.event
    async def more(self) -> None:
        """Read the next page of listings."""
        async with session.acting(self, self.project) as act:
            self.cards = [*self.cards, *await self._page(act, Page(_ROWS, self._cursor))]

    @rx.event
    def search(self, text: str) -> Handled:
        """Search for listings, unless the user has left the page since typing."""
        if not self.router.url.path.rstrip("/").endswith("/marketplace"):
            return None
        return self._go(q=text.strip(), tab="", is_entry=not (self.query and text.strip()))

    @rx.event
    def pick_tab(self, tab: str) -> Handled:
        """Show the listings of all projects, or those of the project."""
        return self._go(tab=tab if tab == "own" else "", q="")

    @rx.event
    def begin(self) -> Handled:
        """Show the form for a listing."""
        if self.tab != "own":
            return self._go(tab="own", q="", new="1")
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

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found_skills = await active_skills(act)
            self.skills = [one.full_name for one in found_skills]
            self.texts = of_listing(session.context().settings.url, found_skills)
            if self.tab == "own":
                page = Page(_MAX_OWN)
                found = await catalog.list_some(act.session, act.principal, page, ListingFilter(is_own=True))
                await self._read_own(act, list(found.items))
                return
            self.cards = await self._page(act, Page(_ROWS))

    async def _page(self, act: Act, page: Page) -> list[Card]:
        found = await catalog.list_some(act.session, act.principal, page, ListingFilter(self.query or None))
        self._cursor = found.next_cursor or ""
        self.has_more = bool(self._cursor)
        return [_card(one) for one in found.items]

    async def _read_own(self, act: Act, rows: list[ListingSummary]) -> None:
        earned, shown = 0, []
        for one in rows:
            sales = await catalog.sales(act.session, act.principal, one.slug)
            earned += sales.earned_micros
            shown.append(
                OwnRow(
                    slug=one.slug,
                    title=one.title or one.slug,
                    status=one.status,
                    price=price_of(one.price_micros),
                    version=f"v{one.version}",
                    runs=f"{sales.succeeded:,} of {sales.runs:,}",
                    callers=f"{sales.callers:,}",
                    earned=usd(sales.earned_micros),
                )
            )
        self.own, self.earned = shown, usd(earned)

    def _go(self, *, is_entry: bool = True, **change: str) -> Any:
        """Open the page with another search; Back undoes it if it is an entry of the history."""
        params = {"q": self.query, "tab": "" if self.tab == "offers" else self.tab, **change}
        encoded = urlencode({name: value for name, value in params.items() if value})
        return rx.redirect(
            f"/p/{self.project}/marketplace{'?' + encoded if encoded else ''}", replace=not is_entry
        )


def price_of(micros: int) -> str:
    """Return the price as `$0.05`, or `free`."""
    return usd(micros) if micros else "free"


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


def page() -> rx.Component:
    """Render the listings of all projects, or those of the project."""
    return shell(
        "marketplace",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Marketplace")],
        rx.el.h1("Marketplace", class_name="hidden-label"),
        rx.cond(
            Market.is_loaded,
            rx.fragment(
                Tabs.create(items=TABS, current=Market.tab, label="Marketplace", on_pick=Market.pick_tab),
                rx.el.div(
                    rx.cond(Market.tab == "own", _own(), _offers()),
                    role="tabpanel",
                    aria_label="Listings",
                    class_name="col grow",
                    style={"min_height": "0"},
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _offers() -> rx.Component:
    search = SearchField.create(
        value=Market.query, label="Search listings", placeholder="Search skills…", on_search=Market.search
    )
    return rx.cond(
        (as_var(Market.cards).length() > 0) | (Market.query != ""),
        rx.el.div(
            search,
            rx.cond(
                as_var(Market.cards).length() > 0,
                rx.el.div(rx.foreach(Market.cards, _card_link), class_name="cards"),
                rx.el.p("No matching listings.", class_name="t2"),
            ),
            rx.cond(Market.has_more, rx.el.div(button("Show more", on_click=Market.more))),
            class_name="scroll grow column",
            style={"gap": "16px"},
        ),
        empty(
            "store",
            "No listings yet",
            "A listing offers a skill of your project to all other projects of this instance, at a price per succeeded "
            "run. Code, prompt and secrets of the skill stay private.",
            rx.cond(
                Shell.can_manage,
                rx.fragment(
                    button("Create listing", icon="plus", kind="pri", on_click=Market.begin),
                    from_code(Market.texts),
                ),
                rx.el.p("Only project admins can create listings.", class_name="t3"),
            ),
        ),
    )


def _card_link(card: rx.Var[Card]) -> rx.Component:
    return link(
        rx.el.div(
            rx.el.span(card.title, class_name="strong cut grow"),
            rx.cond(card.is_own, tag("yours", state="ok")),
            rx.el.span(card.price, class_name="num strong"),
            class_name="row",
        ),
        rx.el.p(
            card.description, class_name="t2 two-lines", style={"margin_top": "6px", "min_height": "40px"}
        ),
        rx.el.div(
            rx.el.span(card.publisher, class_name="t3 cut grow"),
            tag(card.version),
            rx.el.span(Ago.create(moment=card.at), class_name="t3 num"),
            class_name="row",
            style={"margin_top": "10px"},
        ),
        href="/p/" + Shell.project_slug + "/marketplace/" + card.slug,
        class_name="card",
        key=card.slug,
    )


def _own() -> rx.Component:
    new = rx.cond(
        Shell.can_manage & ~Market.is_creating,
        button("Create listing", icon="plus", kind="pri", on_click=Market.begin),
    )
    return rx.el.div(
        rx.cond(
            Market.is_creating,
            section(
                "Create listing", listing_form.form(Market.skills, Market.offer, Market.stop, Market.problem)
            ),
        ),
        section(
            "Listings of this project",
            rx.cond(as_var(Market.own).length() > 0, rx.fragment(_earned(), _own_table()), _none_offered()),
            actions=[new],
        ),
        class_name="scroll grow column",
    )


def _earned() -> rx.Component:
    return rx.el.p(
        "Total earnings: ",
        rx.el.span(Market.earned, class_name="strong num"),
        class_name="t2",
        style={"margin_bottom": "10px"},
    )


def _none_offered() -> rx.Component:
    return rx.fragment(
        rx.el.p(
            "No listings yet. A new listing is a draft, which other projects cannot see until you publish it. "
            "Only project admins can create listings.",
            class_name="t2",
            style={"max_width": "62ch"},
        ),
        rx.cond(Shell.can_manage & ~Market.is_creating, from_code(Market.texts)),
    )


def _own_table() -> rx.Component:
    columns = [
        ("Listing", "30%", ""),
        ("Status", "14%", ""),
        ("Price", "12%", "num"),
        ("Version", "10%", ""),
        ("Succeeded", "12%", "num"),
        ("Callers", "10%", "num"),
        ("Earnings", "12%", "num"),
    ]
    return framed_table("Your listings", columns, rx.foreach(Market.own, _own_row))


def _own_row(row: rx.Var[OwnRow]) -> rx.Component:
    state = rx.match(row.status, *STATUS_WORDS.items(), "")
    return rx.el.tr(
        rx.el.td(
            link(
                row.title,
                href="/p/" + Shell.project_slug + "/marketplace/" + row.slug,
                class_name="whole cut",
            ),
            title=row.slug,
        ),
        rx.el.td(
            rx.cond(
                row.status == "published", tag("published", state="ok"), rx.el.span(state, class_name="t2")
            )
        ),
        rx.el.td(row.price, class_name="num"),
        rx.el.td(tag(row.version)),
        rx.el.td(row.runs, class_name="num t2"),
        rx.el.td(row.callers, class_name="num t2"),
        rx.el.td(row.earned, class_name="num"),
        key=row.slug,
    )
