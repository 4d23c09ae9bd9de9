"""The members of the project and their roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing, NotAllowed
from backend.identity.auth.membership import ROLES
from backend.identity.auth.principal import Role
from backend.identity.projects import members
from backend.identity.projects.members import MemberWithUser
from backend.identity.projects.schemas import MemberUpdate
from studio import session
from studio.components.elements import framed_table, note, section, tag
from studio.components.live import Ago, Confirm
from studio.forms import parsed, said
from studio.pages.read_on_load import ReadOnLoad
from studio.pages.settings.invitations import Invitations, invite
from studio.shell import Shell
from studio.typing_of_reflex import Handled

_PERMISSIONS = {
    "owner": "Everything, including the export and deletion of the project",
    "admin": "Everything that developers can do, plus API keys, members and settings",
    "developer": "Publish and run skills, change files in the drive, set secrets",
    "viewer": "Read everything except secrets",
}


@dataclass
class MemberRow:
    """The data of a member in the table."""

    user_id: str
    email: str
    name: str
    role: str
    is_me: bool
    can_be_changed: bool
    joined_at: str


class Members(ReadOnLoad, rx.State):
    """The members of a project."""

    rows: list[MemberRow] = []
    roles: list[str] = []
    """The roles that the user can assign."""
    problem: str = ""

    @rx.event
    async def change(self, user_id: str, role: str) -> Handled:
        """Change the role of a member."""
        self.problem = ""
        try:
            body = parsed(MemberUpdate, {"role": role})
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.ADMIN, "members:write")
                await members.change_role(act.session, act.principal, UUID(user_id), ROLES[body.role])
                is_me = act.principal.id == UUID(user_id)
        except (Conflict, Invalid, Missing, NotAllowed) as refused:
            self.problem = said(refused)
            is_me = False
        await self._read()
        return Shell.enter if is_me else None

    @rx.event
    async def remove(self, user_id: str) -> Handled:
        """Remove a member from the project; users who remove themselves leave it."""
        self.problem = ""
        try:
            async with session.acting(self, self.project) as act:
                is_me = act.principal.id == UUID(user_id)
                act.principal.require(Role.VIEWER if is_me else Role.ADMIN, "members:write")
                await members.remove(act.session, act.principal, UUID(user_id))
        except (Conflict, Missing, NotAllowed) as refused:
            self.problem = said(refused)
            return None
        if is_me:
            return rx.redirect("/")
        await self._read()
        return None

    def _following(self) -> Any:
        return Invitations.load

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await members.list_members(act.session, act.principal)
        mine = act.principal.role
        self.rows = [_row(one, mine, is_me=one.user.id == act.principal.id) for one in found]
        self.roles = [name for name, role in ROLES.items() if role <= mine]


def _row(one: MemberWithUser, mine: Role, *, is_me: bool) -> MemberRow:
    role = one.member.role
    return MemberRow(
        user_id=str(one.user.id),
        email=one.user.email,
        name=one.user.name,
        role=role,
        is_me=is_me,
        can_be_changed=Role.ADMIN <= mine >= ROLES[role],
        joined_at=one.member.created_at.isoformat(),
    )


def pane() -> rx.Component:
    """Render the members, the invitations and the roles."""
    return rx.cond(
        Members.is_loaded,
        rx.fragment(
            rx.cond(Members.problem != "", note(Members.problem, state="fail")),
            section("Members", _list()),
            rx.cond(Shell.can_manage, invite()),
            section("Roles", _roles()),
        ),
        rx.el.p("Loading…", class_name="skeleton"),
    )


def _list() -> rx.Component:
    columns = [
        ("E-mail", "34%", ""),
        ("Name", "20%", ""),
        ("Role", "18%", ""),
        ("Joined", "12%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "16%", "num"),
    ]
    return framed_table("Members", columns, rx.foreach(Members.rows, _member))


def _member(row: rx.Var[MemberRow]) -> rx.Component:
    role = rx.el.select(
        rx.foreach(Members.roles, lambda name: rx.el.option(name, value=name)),
        value=row.role,
        on_change=lambda role: Members.change(row.user_id, role),
        aria_label="Role of " + row.email,
        class_name="in",
    )
    return rx.el.tr(
        rx.el.td(
            rx.el.span(
                rx.el.span(row.email, class_name="cut", title=row.email),
                rx.cond(row.is_me, tag("you", state="ok")),
                class_name="row",
            )
        ),
        rx.el.td(row.name, class_name="t2", title=row.name),
        rx.el.td(rx.cond(row.can_be_changed, role, rx.el.span(row.role))),
        rx.el.td(Ago.create(moment=row.joined_at), class_name="num t3"),
        rx.el.td(rx.cond(row.can_be_changed | row.is_me, _remove(row)), class_name="num"),
        key=row.user_id,
    )


def _remove(row: rx.Var[MemberRow]) -> rx.Component:
    return Confirm.create(
        label=rx.cond(row.is_me, "Leave", "Remove"),
        kind="small",
        title=rx.cond(row.is_me, "Leave the project?", "Remove " + row.email + "?"),
        text=rx.cond(
            row.is_me,
            "You lose access to the project until an admin invites you again.",
            "The user loses access to the project. API keys that the user has created continue to work.",
        ),
        confirm=rx.cond(row.is_me, "Leave project", "Remove member"),
        on_confirm=Members.remove(row.user_id),
    )


def _roles() -> rx.Component:
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(role), rx.el.dd(text, class_name="t2")) for role, text in _PERMISSIONS.items()],
        class_name="terms",
    )
