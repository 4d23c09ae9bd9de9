"""The users of the instance: the form for a new user, and links with which users set a password."""

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
class UserEntry:
    """The data of a user in the table."""

    id: str
    email: str
    name: str
    is_operator: bool
    is_disabled: bool
    projects: str
    last_seen_at: str


class Users(rx.State):
    """The users, loaded page by page, the form for a new user, and the link that was created last."""

    rows: list[UserEntry] = []
    more: str = ""
    """The cursor of the next page; empty if there is none."""
    is_adding: bool = False
    problem: str = ""
    link: str = ""
    """The link that was created last, until the operator dismisses it."""
    notice: str = ""
    """The purpose of the link."""

    @rx.event
    async def load(self) -> None:
        """Load the first page."""
        self.reset()
        await self._read()

    @rx.event
    async def show_more(self) -> None:
        """Load the next page."""
        await self._read()

    @rx.event
    def begin(self) -> None:
        """Show the form for a new user."""
        self.is_adding, self.problem = True, ""

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.is_adding, self.problem = False, ""

    @rx.event
    async def add(self, typed: dict[str, Any]) -> None:
        """Create a user, and show the link with which the user sets a password."""
        self.problem = ""
        url = session.context().settings.url
        try:
            body = parsed(UserCreate, {"email": text(typed, "email"), "name": text(typed, "name")})
            async with session.visiting(self, once=typed) as visit:
                created = await accounts.create_user(visit.session, visit.person, body, url=url)
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return
        self.is_adding, self.link = False, created.link
        self.notice = (
            f"User {created.email} created. Send this link to the user to set a password. "
            "It expires in one week."
        )
        self.rows, self.more = [], ""
        await self._read()

    @rx.event
    async def create_link(self, user_id: str) -> None:
        """Show a link with which a user sets a new password."""
        self.problem = self.link = ""
        url = session.context().settings.url
        try:
            async with session.visiting(self) as visit:
                created = await accounts.create_password_link(
                    visit.session, visit.person, UUID(user_id), url=url
                )
        except (Missing, NotAllowed) as refused:
            self.problem = said(refused)
            return
        self.link = created.link
        self.notice = f"Send this link to {created.email} to set a new password. It expires in one hour."

    @rx.event
    def dismiss_link(self) -> None:
        """Hide the link."""
        self.link = self.notice = ""

    async def _read(self) -> None:
        await next_page(self, accounts.list_users, _entry)


def _entry(one: AdminUserRead) -> UserEntry:
    return UserEntry(
        id=str(one.id),
        email=one.email,
        name=one.name,
        is_operator=one.is_operator,
        is_disabled=one.disabled_at is not None,
        projects=f"{one.projects:,}",
        last_seen_at=one.last_seen_at.isoformat() if one.last_seen_at else "",
    )


def listed() -> rx.Component:
    """Render the users, and the form for a new user."""
    columns = [
        ("E-mail", "36%", ""),
        ("Name", "20%", ""),
        ("Projects", "12%", "num"),
        ("Last seen", "16%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "16%", "num"),
    ]
    add = button("New user", icon="plus", on_click=Users.begin, disabled=Users.is_adding)
    return section(
        "Users",
        rx.cond(Users.is_adding, _form()),
        rx.cond(~Users.is_adding & (Users.problem != ""), note(Users.problem, state="fail")),
        rx.cond(Users.link != "", _link()),
        framed_table("Users", columns, rx.foreach(Users.rows, _row)),
        rx.cond(Users.more != "", more(Users.show_more)),
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
        *form_end(Users.problem, "Create user", Users.cancel),
        on_submit=Users.add,
        aria_label="New user",
        class_name="form card",
        style={"margin_bottom": "10px"},
    )


def _link() -> rx.Component:
    return rx.el.div(
        shown_once(
            Users.notice,
            Users.link,
            name="link",
            lost="You can create a new link in the table of users.",
            on_done=Users.dismiss_link,
        ),
        style={"margin_bottom": "10px"},
    )


def _row(row: rx.Var[UserEntry]) -> rx.Component:
    reset = Confirm.create(
        label="Reset password",
        kind="small",
        title="Create a password link for " + row.email + "?",
        text="Anyone who has the link can set a new password. This ends all sessions of the user.",
        confirm="Create link",
        on_confirm=Users.create_link(row.id),
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
            rx.cond(row.last_seen_at != "", Ago.create(moment=row.last_seen_at), "Never"),
            class_name="num t3",
        ),
        rx.el.td(rx.cond(row.is_operator | row.is_disabled, "", reset), class_name="num"),
        key=row.email,
    )
