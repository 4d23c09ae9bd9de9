"""The form that invites a user to the project, and the pending invitations."""

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
from studio.typing_of_reflex import as_var


@dataclass
class InvitationRow:
    """The data of an invitation in the table."""

    id: str
    email: str
    role: str
    created_by: str
    created_at: str
    expires_at: str


class Invitations(rx.State):
    """The pending invitations."""

    rows: list[InvitationRow] = []
    roles: list[str] = []
    """The roles that the user can assign."""
    link: str = ""
    """The link of the invitation that was created last, until the user dismisses it."""
    problem: str = ""
    rev: int = 0
    """A change of this number resets the form."""

    @rx.event
    async def load(self) -> None:
        """Load the invitations, if the user has the permission."""
        self.reset()
        await self._read()

    @rx.event
    async def invite(self, form: dict[str, Any]) -> None:
        """Create an invitation, and show its link."""
        self.problem = self.link = ""
        try:
            body = parsed(InvitationCreate, {"email": text(form, "email"), "role": text(form, "role")})
            settings = session.context().settings
            async with session.acting(self, self.project, once=form) as act:
                act.principal.require(Role.ADMIN, "members:write")
                created = await invitations.invite(
                    act.session,
                    act.principal,
                    email=body.email,
                    role=ROLES[body.role],
                    quotas=settings.quotas,
                )
                self.link = InvitationCreated.of(created, settings.url).link
        except (Conflict, Invalid, NotAllowed) as refused:
            self.problem = said(refused)
            return
        self.rev += 1
        await self._read()

    @rx.event
    def dismiss_link(self) -> None:
        """Hide the link."""
        self.link = ""

    @rx.event
    async def withdraw(self, invitation_id: str) -> None:
        """Revoke an invitation."""
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
    """Render the form, the link of a new invitation, and the pending invitations."""
    return rx.fragment(
        rx.cond(
            Invitations.link != "",
            shown_once(
                "Invitation created. Copy its link now and send it to the user: it is shown only once.",
                Invitations.link,
                name="link",
                lost="To create a new link, invite the user again.",
                on_done=Invitations.dismiss_link,
            ),
        ),
        # The form waits for the roles, because a browser would select the first one, which has the most permissions.
        rx.cond(as_var(Invitations.roles).length() > 0, section("Invite a user", _form())),
        rx.cond(as_var(Invitations.rows).length() > 0, section("Pending invitations", _list())),
    )


def _form() -> rx.Component:
    return rx.el.form(
        field(
            "E-mail",
            "email",
            rx.el.input,
            hint="The user must sign in with this address and open the link within one week.",
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
        key=Invitations.rev,
        class_name="form",
    )


def _list() -> rx.Component:
    columns = [
        ("E-mail", "28%", ""),
        ("Role", "11%", ""),
        ("Invited by", "21%", ""),
        ("Invited", "11%", "num"),
        ("Expires", "14%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "15%", "num"),
    ]
    return framed_table("Invitations", columns, rx.foreach(Invitations.rows, _invitation))


def _invitation(row: rx.Var[InvitationRow]) -> rx.Component:
    revoke = Confirm.create(
        label="Revoke",
        kind="small",
        title="Revoke the invitation of " + row.email + "?",
        text="The link of the invitation stops working immediately.",
        confirm="Revoke invitation",
        on_confirm=Invitations.withdraw(row.id),
    )
    return rx.el.tr(
        rx.el.td(row.email, title=row.email),
        rx.el.td(row.role, class_name="t2"),
        rx.el.td(row.created_by, class_name="t2", title=row.created_by),
        rx.el.td(Ago.create(moment=row.created_at), class_name="num t3"),
        rx.el.td(row.expires_at, class_name="num t2"),
        rx.el.td(revoke, class_name="num"),
        key=row.id,
    )
