"""Who is in the project, with which role."""

from __future__ import annotations

from dataclasses import dataclass
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
from studio.pages.settings.invitations import Invitations, invite
from studio.shell import Shell

_MAY = {
    "owner": "everything, deleting the project too",
    "admin": "keys, members and settings as well",
    "developer": "publishes, runs, writes the drive and secrets",
    "viewer": "reads everything but secrets",
}


@dataclass
class MemberRow:
    """What the list shows of a member."""

    user_id: str
    email: str
    name: str
    role: str
    is_me: bool
    can_be_changed: bool
    since: str


class Members(rx.State):
    """The members of a project."""

    rows: list[MemberRow] = []
    roles: list[str] = []
    """That who looks can give."""
    problem: str = ""
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Read who is in the project."""
        self.reset()
        await self._read()
        self.is_loaded = True
        return Invitations.load

    @rx.event
    async def change(self, user_id: str, role: str):
        """Give a member another role."""
        self.problem = ""
        try:
            asked = parsed(MemberUpdate, {"role": role})
            async with session.acting(self, self.project) as act:
                act.principal.require(Role.ADMIN, "members:write")
                await members.change_role(act.session, act.principal, UUID(user_id), ROLES[asked.role])
                is_me = act.principal.id == UUID(user_id)
        except (Conflict, Invalid, Missing, NotAllowed) as refused:
            self.problem = said(refused)
            is_me = False
        await self._read()
        return Shell.enter if is_me else None

    @rx.event
    async def remove(self, user_id: str):
        """Take a member out of the project; who takes out themselves leaves."""
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

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await members.list_members(act.session, act.principal)
        mine = act.principal.role
        self.rows = [_row(one, mine, is_me=one.user.id == act.principal.id) for one in found]
        self.roles = [name for name, role in ROLES.items() if role <= mine]


def _row(person: MemberWithUser, mine: Role, *, is_me: bool) -> MemberRow:
    role = person.member.role
    return MemberRow(
        user_id=str(person.user.id),
        email=person.user.email,
        name=person.user.name,
        role=role,
        is_me=is_me,
        can_be_changed=Role.ADMIN <= mine >= ROLES[role],
        since=person.member.created_at.isoformat(),
    )


def pane() -> rx.Component:
    """The list, and how it grows."""
    return rx.cond(
        Members.is_loaded,
        rx.fragment(
            rx.cond(Members.problem != "", note(Members.problem, state="fail")),
            section("Members", _list()),
            rx.cond(Shell.can_manage, invite()),
            section("What roles may do", _roles()),
        ),
        rx.el.p("Loading…", class_name="skeleton"),
    )


def _list() -> rx.Component:
    columns = [
        ("E-mail", "34%", ""),
        ("Name", "20%", ""),
        ("Role", "18%", ""),
        ("Since", "12%", "num"),
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
        rx.el.td(Ago.create(moment=row.since), class_name="num t3"),
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
            "You do not see it any more, until an admin invites you again.",
            "They do not see the project any more. Keys that they have made go on working.",
        ),
        confirm=rx.cond(row.is_me, "Leave it", "Remove them"),
        on_confirm=Members.remove(row.user_id),
    )


def _roles() -> rx.Component:
    return rx.el.dl(
        *[rx.el.div(rx.el.dt(role), rx.el.dd(may, class_name="t2")) for role, may in _MAY.items()],
        class_name="terms",
    )
