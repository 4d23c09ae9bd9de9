"""The projects of the instance with their wallets, and its people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import reflex as rx

from backend.errors import Invalid, Missing
from backend.operators import accounts
from backend.operators.schemas import PersonAnswer, ProjectAnswer
from backend.paging import Page
from studio import session
from studio.components.elements import button, framed_table, note, section, tag
from studio.components.live import Ago
from studio.forms import said
from studio.pages import top_up
from studio.wording import usd

_PAGE_ROWS: Final = 50
_MOST_ROWS: Final = 1_000


@dataclass
class ProjectRow:
    """What the list shows of a project."""

    slug: str
    name: str
    members: str
    queued: str
    balance: str
    reserved: str
    is_empty: bool


@dataclass
class PersonRow:
    """What the list shows of somebody."""

    email: str
    name: str
    is_operator: bool
    is_disabled: bool
    projects: str
    last_seen_at: str


class Accounts(rx.State):
    """Projects and people, page by page."""

    projects: list[ProjectRow] = []
    people: list[PersonRow] = []
    more_projects: str = ""
    """Cursor of the next page; empty: there is none."""
    more_people: str = ""
    topped: str = ""
    """Project that gets money; empty: none."""
    problem: str = ""
    told: str = ""

    @rx.event
    async def load(self):
        """Read the first pages."""
        self.reset()
        await self._read_projects()
        await self._read_people()

    @rx.event
    async def show_more_projects(self):
        """Read the next page of projects."""
        await self._read_projects()

    @rx.event
    async def show_more_people(self):
        """Read the next page of people."""
        await self._read_people()

    @rx.event
    def begin(self, project: str):
        """Show the form that puts money into a wallet."""
        self.topped, self.problem, self.told = project, "", ""

    @rx.event
    def cancel(self):
        """Put in none."""
        self.topped, self.problem = "", ""

    @rx.event
    async def top_up(self, typed: dict[str, Any]):
        """Put money into the wallet; jobs that waited for it go on."""
        self.problem = ""
        try:
            asked = top_up.asked(typed)
            async with session.visiting(self) as visit:
                made = await accounts.top_up(visit.session, visit.person, self.topped, asked)
        except (Invalid, Missing) as refused:
            self.problem = said(refused)
            return
        self.told = f"{self.topped} has {usd(made.balance_micros)} now."
        self.topped = self.more_projects = ""
        self.projects = []
        await self._read_projects()

    async def _read_projects(self) -> None:
        async with session.visiting(self) as visit:
            page = Page(_PAGE_ROWS, self.more_projects or None)
            found = await accounts.projects(visit.session, visit.person, page)
        self.projects = [*self.projects, *map(_project, found.items)]
        self.more_projects = (found.next_cursor or "") if len(self.projects) < _MOST_ROWS else ""

    async def _read_people(self) -> None:
        async with session.visiting(self) as visit:
            page = Page(_PAGE_ROWS, self.more_people or None)
            found = await accounts.people(visit.session, visit.person, page)
        self.people = [*self.people, *map(_person, found.items)]
        self.more_people = (found.next_cursor or "") if len(self.people) < _MOST_ROWS else ""


def _project(one: ProjectAnswer) -> ProjectRow:
    return ProjectRow(
        slug=one.slug,
        name=one.name,
        members=f"{one.members:,}",
        queued=f"{one.queued:,}" if one.queued else "",
        balance=usd(one.balance_micros),
        reserved=usd(one.reserved_micros) if one.reserved_micros else "",
        is_empty=one.balance_micros <= 0,
    )


def _person(one: PersonAnswer) -> PersonRow:
    return PersonRow(
        email=one.email,
        name=one.name,
        is_operator=one.is_operator,
        is_disabled=one.disabled_at is not None,
        projects=f"{one.projects:,}",
        last_seen_at=one.last_seen_at.isoformat() if one.last_seen_at else "",
    )


def projects() -> rx.Component:
    """Every project and its wallet."""
    columns = [
        ("Project", "36%", ""),
        ("Members", "11%", "num"),
        ("Queued", "11%", "num"),
        ("Balance", "14%", "num"),
        ("Reserved", "14%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "14%", "num"),
    ]
    return section(
        "Projects",
        rx.cond(Accounts.told != "", note(Accounts.told, state="ok", style={"margin_bottom": "10px"})),
        rx.cond(
            Accounts.topped != "",
            rx.el.div(
                top_up.form(Accounts.topped, Accounts.top_up, Accounts.cancel, Accounts.problem),
                class_name="card",
                style={"margin_bottom": "10px"},
            ),
        ),
        rx.cond(
            Accounts.projects.length() > 0,
            framed_table("Projects", columns, rx.foreach(Accounts.projects, _project_row)),
            rx.el.p("There is no project yet.", class_name="t2"),
        ),
        rx.cond(Accounts.more_projects != "", _more(Accounts.show_more_projects)),
    )


def people() -> rx.Component:
    """Everybody with an account."""
    columns = [
        ("E-mail", "40%", ""),
        ("Name", "26%", ""),
        ("Projects", "14%", "num"),
        ("Last seen", "20%", "num"),
    ]
    return section(
        "People",
        framed_table("People", columns, rx.foreach(Accounts.people, _person_row)),
        rx.cond(Accounts.more_people != "", _more(Accounts.show_more_people)),
    )


def _more(on_click: Any) -> rx.Component:
    return rx.el.div(button("Show more", on_click=on_click), style={"margin_top": "10px"})


def _project_row(row: rx.Var[ProjectRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(
                rx.el.span(row.name, class_name="cut"),
                rx.el.span(row.slug, class_name="mono t3 cut"),
                class_name="row",
                title=row.name,
            )
        ),
        rx.el.td(row.members, class_name="num t2"),
        rx.el.td(row.queued, class_name="num t2"),
        rx.el.td(
            rx.el.span(rx.cond(row.is_empty, tag("empty", state="wait")), row.balance, class_name="row acts"),
            class_name="num",
        ),
        rx.el.td(row.reserved, class_name="num t2"),
        rx.el.td(
            button(
                "Top up", kind="small", on_click=Accounts.begin(row.slug), aria_label="Top up " + row.slug
            ),
            class_name="num",
        ),
        key=row.slug,
    )


def _person_row(row: rx.Var[PersonRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(
                rx.el.span(row.email, class_name="cut"),
                rx.cond(row.is_operator, tag("operator")),
                rx.cond(row.is_disabled, tag("disabled")),
                class_name="row",
                title=row.email,
            )
        ),
        rx.el.td(row.name, class_name="t2", title=row.name),
        rx.el.td(row.projects, class_name="num t2"),
        rx.el.td(
            rx.cond(row.last_seen_at != "", Ago.create(moment=row.last_seen_at), "not signed in"),
            class_name="num t3",
        ),
        key=row.email,
    )
