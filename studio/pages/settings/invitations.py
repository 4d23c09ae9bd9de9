"""Inviting people into the project, and who has not come yet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid, NotAllowed
from backend.identity.auth.membership import ROLES
from backend.identity.auth.principal import Role
from backend.identity.projects import invitations
from backend.identity.projects.schemas import InvitationCreate, InvitationCreated
from studio import session
from studio.components.elements import field, framed_table, note, section
from studio.components.live import Ago, Confirm, Submit
from studio.forms import parsed, said, text
from studio.pages.settings.shown_once import shown_once


@dataclass
class InvitationRow:
    """What the list shows of an invitation."""

    id: str
    email: str
    role: str
    created_by: str
    created_at: str
    expires_at: str


class Invitations(rx.State):
    """The invitations that can still be accepted."""

    rows: list[InvitationRow] = []
    roles: list[str] = []
    """That who looks can give."""
    link: str = ""
    """Of the invitation that was just made, until it is put away."""
    problem: str = ""
    made: int = 0

    @rx.event
    async def load(self):
        """Read who was invited, where the person may."""
        self.reset()
        await self._read()

    @rx.event
    async def invite(self, form: dict[str, Any]):
        """Make a link for somebody, and show it."""
        self.problem = self.link = ""
        try:
            asked = parsed(InvitationCreate, {"email": text(form, "email"), "role": text(form, "role")})
            settings = session.context().settings
            async with session.acting(self, self.project, once=form) as act:
                act.principal.require(Role.ADMIN, "members:write")
                made = await invitations.invite(
                    act.session,
                    act.principal,
                    email=asked.email,
                    role=ROLES[asked.role],
                    quotas=settings.quotas,
                )
                self.link = InvitationCreated.of(made, settings.url).link
        except (Conflict, Invalid, NotAllowed) as refused:
            self.problem = said(refused)
            return
        self.made += 1
        await self._read()

    @rx.event
    def put_away(self):
        """The person has passed the link on."""
        self.link = ""

    @rx.event
    async def withdraw(self, invitation_id: str):
        """Make a link worthless."""
        async with session.acting(self, self.project) as act:
            act.principal.require(Role.ADMIN, "members:write")
            await invitations.withdraw(act.session, act.principal, UUID(invitation_id))
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            mine = act.principal.role
            if mine < Role.ADMIN:
                return
            found = await invitations.list_open(act.session, act.principal)
        self.roles = [name for name, role in ROLES.items() if role <= mine]
        self.rows = [
            InvitationRow(
                id=str(one.id),
                email=one.email,
                role=one.role,
                created_by=one.created_by,
                created_at=one.created_at.isoformat(),
                expires_at=f"{one.expires_at:%Y-%m-%d}",
            )
            for one in found
        ]


def invite() -> rx.Component:
    """The form, the link that came of it, and the links that are on their way."""
    return rx.fragment(
        rx.cond(
            Invitations.link != "",
            shown_once(
                "The invitation is made. Its link is shown this once: pass it on to the person.",
                Invitations.link,
                name="link",
                lost="Inviting the same person again makes another link.",
                on_put_away=Invitations.put_away,
            ),
        ),
        # Not before there are roles: a browser would choose the first that comes, which is the mightiest.
        rx.cond(Invitations.roles.length() > 0, section("Invite somebody", _form())),
        rx.cond(Invitations.rows.length() > 0, section("Invited", _list())),
    )


def _form() -> rx.Component:
    return rx.el.form(
        field(
            "E-mail",
            "email",
            rx.el.input,
            hint="Who is signed in with it, and has the link, can join within a week.",
            type="email",
            max_length=320,
            required=True,
            auto_complete="off",
        ),
        field(
            "Role",
            "role",
            rx.el.select,
            rx.foreach(Invitations.roles, lambda name: rx.el.option(name, value=name)),
            default_value="developer",
        ),
        rx.cond(Invitations.problem != "", note(Invitations.problem, state="fail")),
        rx.el.div(Submit.create(label="Invite"), class_name="row"),
        on_submit=Invitations.invite,
        key=Invitations.made,
        class_name="form",
    )


def _list() -> rx.Component:
    columns = [
        ("E-mail", "28%", ""),
        ("Role", "11%", ""),
        ("Invited by", "21%", ""),
        ("Invited", "11%", "num"),
        ("Until", "14%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "15%", "num"),
    ]
    return framed_table("Invitations", columns, rx.foreach(Invitations.rows, _invitation))


def _invitation(row: rx.Var[InvitationRow]) -> rx.Component:
    withdraw = Confirm.create(
        label="Withdraw",
        kind="small",
        title="Withdraw the invitation of " + row.email + "?",
        text="Its link stops working at once.",
        confirm="Withdraw it",
        on_confirm=Invitations.withdraw(row.id),
    )
    return rx.el.tr(
        rx.el.td(row.email, title=row.email),
        rx.el.td(row.role, class_name="t2"),
        rx.el.td(row.created_by, class_name="t2", title=row.created_by),
        rx.el.td(Ago.create(moment=row.created_at), class_name="num t3"),
        rx.el.td(row.expires_at, class_name="num t2"),
        rx.el.td(withdraw, class_name="num"),
        key=row.id,
    )
