"""`/account`: the person, their password, and where they are signed in."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

import reflex as rx

from backend.identity.auth.accounts import sessions
from backend.identity.auth.errors import SessionNotFound
from backend.identity.tables import Session
from studio import session
from studio.browser_names import browser_in
from studio.components.elements import facts, framed_table, section, tag, way_out
from studio.components.live import Ago, Confirm, SignOut
from studio.shell import Crumb, Shell, shell


@dataclass
class SessionRow:
    """A browser in which the person is signed in."""

    id: str
    browser: str
    user_agent: str
    address: str
    is_current: bool
    created_at: str
    last_seen_at: str


class Account(rx.State):
    """The person's sessions."""

    called: str = ""
    """The person's name, which they may not have given."""
    is_operator: bool = False
    rows: list[SessionRow] = []
    others: int = 0
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read who it is and where they are signed in."""
        self.reset()
        await self._read()
        self.is_loaded = True

    @rx.event
    async def end(self, session_id: str):
        """Sign out one browser; one that is signed out already is as good."""
        async with session.visiting(self) as visit:
            person = visit.person
            with suppress(SessionNotFound, ValueError):
                await sessions.revoke(visit.session, person.user_id, UUID(session_id), by=person.label)
        await self._read()
        return Shell.dismiss

    @rx.event
    async def end_others(self):
        """Sign out everywhere but here."""
        async with session.visiting(self) as visit:
            person = visit.person
            await sessions.revoke_all(visit.session, person.user_id, by=person.label, keep=person.session_id)
        await self._read()
        return Shell.dismiss

    async def _read(self) -> None:
        async with session.visiting(self) as visit:
            person = visit.person
            self.called, self.is_operator = person.name, person.is_operator
            found = await sessions.list_active(visit.session, person.user_id)
        self.rows = [_row(one, is_current=one.id == person.session_id) for one in found]
        self.others = sum(not row.is_current for row in self.rows)


def _row(row: Session, *, is_current: bool) -> SessionRow:
    return SessionRow(
        id=str(row.id),
        browser=browser_in(row.user_agent),
        user_agent=row.user_agent,
        address=row.address or "unknown",
        is_current=is_current,
        created_at=row.created_at.isoformat(),
        last_seen_at=row.last_seen_at.isoformat(),
    )


def page() -> rx.Component:
    """Who it is, the way to another password, and the sessions."""
    return shell(
        "account",
        [Crumb("Projects", "/"), Crumb("Your account")],
        rx.cond(
            Account.is_loaded,
            rx.el.div(_person(), _password(), _sessions(), class_name="scroll grow column"),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _person() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h1(rx.cond(Account.called != "", Account.called, Shell.email), class_name="cut"),
            rx.cond(Account.is_operator, tag("operator")),
            rx.el.div(class_name="grow"),
            SignOut.create(csrf=Shell.csrf, user=Shell.user_id, button=True),
            class_name="row",
        ),
        rx.cond(Account.called != "", facts(("E-mail", Shell.email))),
        aria_label="You",
    )


def _password() -> rx.Component:
    return section(
        "Password",
        rx.el.p(
            "A new password signs you out everywhere but here.",
            class_name="t2",
            style={"margin_bottom": "10px"},
        ),
        way_out("Change your password", href="/password", class_name="btn"),
    )


def _sessions() -> rx.Component:
    columns = [
        ("Browser", "34%", ""),
        ("Address", "22%", ""),
        ("Last used", "15%", "num"),
        ("Signed in", "15%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "14%", "num"),
    ]
    everywhere_else = Confirm.create(
        label="Sign out everywhere else",
        title="Sign out everywhere else?",
        text="Every other browser is sent to the sign-in form within seconds. This one stays.",
        confirm="Sign them out",
        disabled=Account.others == 0,
        on_confirm=Account.end_others,
    )
    return section(
        "Where you are signed in",
        framed_table("Sessions", columns, rx.foreach(Account.rows, _session)),
        rx.el.p(
            "A session that is not used for a week ends by itself.",
            class_name="t3",
            style={"margin_top": "8px"},
        ),
        actions=[everywhere_else],
    )


def _session(row: rx.Var[SessionRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(
                rx.el.span(row.browser, class_name="cut"),
                rx.cond(row.is_current, tag("this one", state="ok")),
                class_name="row",
                title=row.user_agent,
            )
        ),
        rx.el.td(row.address, class_name="mono t2", title=row.address),
        rx.el.td(Ago.create(moment=row.last_seen_at), class_name="num t2"),
        rx.el.td(Ago.create(moment=row.created_at), class_name="num t3"),
        rx.el.td(
            rx.cond(
                ~row.is_current,
                Confirm.create(
                    label="End",
                    kind="small",
                    title="End this session?",
                    text=row.browser
                    + ", from "
                    + row.address
                    + ", is sent to the sign-in form within seconds.",
                    confirm="End the session",
                    on_confirm=Account.end(row.id),
                ),
            ),
            class_name="num",
        ),
        key=row.id,
    )
