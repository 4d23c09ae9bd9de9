"""The people of the instance: accounts for those who have none, and links with which they choose a password."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.administration.admin import accounts
from backend.administration.admin.schemas import AdminUserRead, UserCreate
from backend.core.errors import Conflict, Invalid, Missing, NotAllowed
from studio import session
from studio.components.elements import button, field, form_end, framed_table, note, section, tag
from studio.components.live import Ago, Confirm
from studio.forms import parsed, said, text
from studio.pages.operator.paged import more, next_page
from studio.pages.settings.shown_once import shown_once


@dataclass
class PersonRow:
    """What the list shows of somebody."""

    id: str
    email: str
    name: str
    is_operator: bool
    is_disabled: bool
    projects: str
    last_seen_at: str


class People(rx.State):
    """Everybody, page by page, the form for somebody new, and the link that was just made."""

    rows: list[PersonRow] = []
    more: str = ""
    """Cursor of the next page; empty: there is none."""
    is_adding: bool = False
    problem: str = ""
    link: str = ""
    """Until it is put away."""
    told: str = ""
    """What the link is for."""

    @rx.event
    async def load(self):
        """Read the first page."""
        self.reset()
        await self._read()

    @rx.event
    async def show_more(self):
        """Read the next page."""
        await self._read()

    @rx.event
    def begin(self):
        """Show the form."""
        self.is_adding, self.problem = True, ""

    @rx.event
    def cancel(self):
        """Add nobody."""
        self.is_adding, self.problem = False, ""

    @rx.event
    async def add(self, typed: dict[str, Any]):
        """Make the account, and show its link."""
        self.problem = ""
        url = session.context().settings.url
        try:
            asked = parsed(UserCreate, {"email": text(typed, "email"), "name": text(typed, "name")})
            async with session.visiting(self, once=typed) as visit:
                made = await accounts.create_user(visit.session, visit.person, asked, url=url)
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return
        self.is_adding, self.link = False, made.link
        self.told = (
            f"{made.email} has an account. Pass this link on: with it they choose a password, within a week."
        )
        self.rows, self.more = [], ""
        await self._read()

    @rx.event
    async def make_link(self, user_id: str):
        """Show a link with which somebody sets another password."""
        self.problem = self.link = ""
        url = session.context().settings.url
        try:
            async with session.visiting(self) as visit:
                made = await accounts.create_password_link(
                    visit.session, visit.person, UUID(user_id), url=url
                )
        except (Missing, NotAllowed) as refused:
            self.problem = said(refused)
            return
        self.link = made.link
        self.told = f"Pass this link on: with it {made.email} sets another password, within an hour."

    @rx.event
    def put_away(self):
        """The link has been passed on."""
        self.link = self.told = ""

    async def _read(self) -> None:
        await next_page(self, accounts.list_users, _person)


def _person(one: AdminUserRead) -> PersonRow:
    return PersonRow(
        id=str(one.id),
        email=one.email,
        name=one.name,
        is_operator=one.is_operator,
        is_disabled=one.disabled_at is not None,
        projects=f"{one.projects:,}",
        last_seen_at=one.last_seen_at.isoformat() if one.last_seen_at else "",
    )


def listed() -> rx.Component:
    """Everybody with an account, and how somebody gets one."""
    columns = [
        ("E-mail", "36%", ""),
        ("Name", "20%", ""),
        ("Projects", "12%", "num"),
        ("Last seen", "16%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "16%", "num"),
    ]
    add = button("New person", icon="plus", on_click=People.begin, disabled=People.is_adding)
    return section(
        "People",
        rx.cond(People.is_adding, _form()),
        rx.cond(~People.is_adding & (People.problem != ""), note(People.problem, state="fail")),
        rx.cond(People.link != "", _link()),
        framed_table("People", columns, rx.foreach(People.rows, _row)),
        rx.cond(People.more != "", more(People.show_more)),
        actions=[add],
    )


def _form() -> rx.Component:
    email = field(
        "E-mail",
        "email",
        rx.el.input,
        type="email",
        max_length=190,
        required=True,
        auto_complete="off",
        auto_focus=True,
    )
    return rx.el.form(
        email,
        field("Name", "name", rx.el.input, max_length=200, auto_complete="off"),
        *form_end(People.problem, "Make the account", People.cancel),
        on_submit=People.add,
        aria_label="New person",
        class_name="form card",
        style={"margin_bottom": "10px"},
    )


def _link() -> rx.Component:
    return rx.el.div(
        shown_once(
            People.told,
            People.link,
            name="link",
            lost="Another one is made beside the person, in the list.",
            on_put_away=People.put_away,
        ),
        style={"margin_bottom": "10px"},
    )


def _row(row: rx.Var[PersonRow]) -> rx.Component:
    renew = Confirm.create(
        label="Password link",
        kind="small",
        title="Make a password link for " + row.email + "?",
        text="Whoever has it sets another password, which ends every session of the person.",
        confirm="Make it",
        on_confirm=People.make_link(row.id),
    )
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
        rx.el.td(rx.cond(row.is_operator | row.is_disabled, "", renew), class_name="num"),
        key=row.email,
    )
