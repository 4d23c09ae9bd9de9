"""`/account`: the user, the password and the active sessions."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.errors import Invalid
from backend.identity.auth.accounts import sessions
from backend.identity.auth.errors import SessionNotFound
from backend.identity.preferences import service as preferences
from backend.identity.preferences.schemas import PreferencesUpdate, time_zones
from backend.identity.tables import Session
from studio import session
from studio.browser_names import browser_in
from studio.components.elements import facts, framed_table, note, section, segments, tag, way_out
from studio.components.live import Ago, Check, Confirm, SignOut, Submit
from studio.forms import parsed, said, text
from studio.pages.read_on_load import ReadOnLoad
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import Handled

_MAIL: Final = {
    "alerts": "Alerts and budgets",
    "approvals": "Jobs that wait for an approval",
    "mentions": "Comments that mention me",
}
"""The kinds of e-mail that a user can turn off."""


@dataclass
class SessionRow:
    """A session of the user in a browser."""

    id: str
    browser: str
    user_agent: str
    ip_address: str
    is_current: bool
    created_at: str
    last_seen_at: str


class Account(ReadOnLoad, rx.State):
    """The account and the sessions of the user."""

    name: str = ""
    """The name of the user; it may be empty."""
    is_operator: bool = False
    rows: list[SessionRow] = []
    others: int = 0
    zones: list[str] = []
    """The known time zones."""
    problem: str = ""
    """Why the time zone was not stored."""
    mail: dict[str, bool] = {}
    """Whether the user receives each kind of e-mail."""

    @rx.event
    async def choose_zone(self, typed: dict[str, Any]) -> None:
        """Store the time zone of the user."""
        shell = await self.get_state(Shell)
        try:
            changes = parsed(PreferencesUpdate, {"time_zone": text(typed, "time_zone")})
        except Invalid as refused:
            self.problem = said(refused)
            return
        self.problem = ""
        await shell.change_preferences(changes)

    @rx.event
    async def choose_mail(self, kind: str, is_on: bool) -> None:
        """Store whether the user receives a kind of e-mail."""
        if kind not in _MAIL:
            return
        shell = await self.get_state(Shell)
        await shell.change_preferences(PreferencesUpdate.model_validate({f"email_{kind}": is_on}))
        self.mail = {**self.mail, kind: is_on}

    @rx.event
    async def end(self, session_id: str) -> Handled:
        """End one session; a session that has already ended is not an error."""
        async with session.visiting(self) as visit:
            person = visit.person
            with suppress(SessionNotFound, ValueError):
                await sessions.revoke(visit.session, person.user_id, UUID(session_id), by=person.label)
        await self._read()
        return Shell.dismiss

    @rx.event
    async def end_others(self) -> Handled:
        """End all other sessions."""
        async with session.visiting(self) as visit:
            person = visit.person
            await sessions.revoke_all(visit.session, person.user_id, by=person.label, keep=person.session_id)
        await self._read()
        return Shell.dismiss

    async def _read(self) -> None:
        async with session.visiting(self) as visit:
            person = visit.person
            self.name, self.is_operator = person.name, person.is_operator
            found = await sessions.list_active(visit.session, person.user_id)
            mine = await preferences.read(visit.session, person.user_id)
        self.zones = sorted(time_zones())
        self.mail = {kind: bool(getattr(mine, f"email_{kind}")) for kind in _MAIL}
        self.rows = [_row(one, is_current=one.id == person.session_id) for one in found]
        self.others = sum(not row.is_current for row in self.rows)


def _row(row: Session, *, is_current: bool) -> SessionRow:
    return SessionRow(
        id=str(row.id),
        browser=browser_in(row.user_agent),
        user_agent=row.user_agent,
        ip_address=row.address or "Unknown",
        is_current=is_current,
        created_at=row.created_at.isoformat(),
        last_seen_at=row.last_seen_at.isoformat(),
    )


def page() -> rx.Component:
    """Render the user, the link to the password form, and the sessions."""
    return shell(
        "account",
        [Crumb("Projects", "/"), Crumb("Your account")],
        rx.cond(
            Account.is_loaded,
            rx.el.div(_person(), _preferences(), _password(), _sessions(), class_name="scroll grow column"),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _person() -> rx.Component:
    return rx.el.section(
        rx.el.div(
            rx.el.h1(rx.cond(Account.name != "", Account.name, Shell.email), class_name="cut"),
            rx.cond(Account.is_operator, tag("operator")),
            rx.el.div(class_name="grow"),
            SignOut.create(csrf=Shell.csrf, user=Shell.user_id, button=True),
            class_name="row",
        ),
        rx.cond(Account.name != "", facts(("E-mail", Shell.email))),
        aria_label="User",
    )


def _preferences() -> rx.Component:
    themes = {"system": "System", "light": "Light", "dark": "Dark"}
    chosen = rx.cond(Shell.theme == "", "system", Shell.theme)
    theme = segments("Theme", themes, chosen, Shell.choose_theme)
    zone = rx.el.form(
        rx.el.input(
            name="time_zone",
            aria_label="Time zone",
            default_value=Shell.time_zone,
            placeholder="That of the browser",
            auto_complete="off",
            spell_check=False,
            max_length=64,
            list="time-zones",
            key=Shell.time_zone,
            class_name="in",
        ),
        rx.el.datalist(rx.foreach(Account.zones, lambda one: rx.el.option(value=one)), id="time-zones"),
        Submit.create(label="Save time zone"),
        on_submit=Account.choose_zone,
        class_name="row wrap",
    )
    mail = rx.el.div(
        *[
            rx.el.label(
                Check.create(
                    checked=Account.mail[kind],
                    label=label,
                    on_change=Account.choose_mail(kind, ~Account.mail[kind]),
                ),
                label,
                class_name="row",
            )
            for kind, label in _MAIL.items()
        ],
        class_name="col",
        style={"gap": "6px"},
    )
    return rx.el.div(
        section(
            "Preferences",
            rx.el.div(
                rx.el.h3("Theme"),
                theme,
                rx.el.h3("Time zone"),
                zone,
                rx.cond(Account.problem != "", note(Account.problem, state="fail")),
                rx.el.p(
                    "All times of the studio are in this time zone. The tooltip of a time has UTC as well.",
                    class_name="t3",
                ),
                rx.el.h3("E-mail"),
                mail,
                rx.el.p(
                    "Webhooks with the format e-mail send these messages. Your choice applies to all projects.",
                    class_name="t3",
                ),
                class_name="col preferences",
            ),
        ),
        id="preferences",
    )


def _password() -> rx.Component:
    return section(
        "Password",
        rx.el.p(
            "If you change your password, all of your other sessions end.",
            class_name="t2",
            style={"margin_bottom": "10px"},
        ),
        way_out("Change password", href="/password", class_name="btn"),
    )


def _sessions() -> rx.Component:
    columns = [
        ("Browser", "34%", ""),
        ("IP address", "22%", ""),
        ("Last used", "15%", "num"),
        ("Signed in", "15%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "14%", "num"),
    ]
    end_others = Confirm.create(
        label="Sign out other sessions",
        title="Sign out all other sessions?",
        text="All other browsers are signed out within seconds. This browser stays signed in.",
        confirm="End other sessions",
        disabled=Account.others == 0,
        on_confirm=Account.end_others,
    )
    return section(
        "Active sessions",
        framed_table("Sessions", columns, rx.foreach(Account.rows, _session)),
        rx.el.p(
            "A session expires after one week without use.",
            class_name="t3",
            style={"margin_top": "8px"},
        ),
        actions=[end_others],
    )


def _session(row: rx.Var[SessionRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            rx.el.span(
                rx.el.span(row.browser, class_name="cut"),
                rx.cond(row.is_current, tag("current", state="ok")),
                class_name="row",
                title=row.user_agent,
            )
        ),
        rx.el.td(row.ip_address, class_name="mono t2", title=row.ip_address),
        rx.el.td(Ago.create(moment=row.last_seen_at), class_name="num t2"),
        rx.el.td(Ago.create(moment=row.created_at), class_name="num t3"),
        rx.el.td(
            rx.cond(
                ~row.is_current,
                Confirm.create(
                    label="End",
                    kind="small",
                    title="End this session?",
                    text=row.browser + " at " + row.ip_address + " is signed out within seconds.",
                    confirm="End session",
                    on_confirm=Account.end(row.id),
                ),
            ),
            class_name="num",
        ),
        key=row.id,
    )
