"""Who is in a project, with which role. A project always keeps an owner."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import NotAllowed
from backend.identity.auth import audit
from backend.identity.auth.errors import UserNotFound
from backend.identity.auth.membership import ROLES
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.auth.users import normal_email
from backend.identity.projects.errors import AlreadyMember, LastOwner, MemberNotFound
from backend.identity.tables import Member, User


class Person(NamedTuple):
    """A member with the user it is."""

    member: Member
    user: User


async def list_members(session: AsyncSession, principal: Principal) -> list[Person]:
    """Everybody in the project, by e-mail."""
    query = (
        visible(Member, principal)
        .join(User, col(User.id) == col(Member.user_id))
        .add_columns(User)
        .order_by(col(User.email))
    )
    return [Person(member, user) for member, user in (await session.execute(query)).all()]


async def add(session: AsyncSession, principal: Principal, *, email: str, role: Role) -> Person:
    """Put a user of this instance into the project, for an operator: who asks learns who has an account.

    Raises:
        UserNotFound: nobody has an account with the e-mail.
        AlreadyMember: the user is in the project.
        NotAllowed: the role is above the principal's own.
    """
    refuse_above(principal, role)
    email = normal_email(email)
    query = select(User).where(col(User.email) == email, col(User.disabled_at).is_(None))
    user = (await session.scalars(query)).one_or_none()
    if user is None:
        raise UserNotFound(email)
    if await session.get(Member, (principal.project_id, user.id)) is not None:
        raise AlreadyMember(email)
    member = Member(project_id=principal.project_id, user_id=user.id, role=role.name.lower())
    session.add(member)
    await session.flush()
    await audit.record(session, principal, "member.added", email, role=member.role)
    return Person(member, user)


async def change_role(session: AsyncSession, principal: Principal, user_id: UUID, role: Role) -> Person:
    """Give a member another role.

    Raises:
        MemberNotFound: the user is not in the project.
        LastOwner: the project would be left without an owner.
        NotAllowed: the member's role, before or after, is above the principal's own.
    """
    person = await _locked(session, principal, user_id)
    refuse_above(principal, role)
    if role < Role.OWNER:
        await _refuse_last_owner(session, principal, person)
    before, person.member.role = person.member.role, role.name.lower()
    await audit.record(
        session, principal, "member.changed", person.user.email, role_before=before, role=person.member.role
    )
    return person


async def remove(session: AsyncSession, principal: Principal, user_id: UUID) -> None:
    """Take a member out of the project; everybody may take out themselves.

    Raises:
        MemberNotFound: the user is not in the project.
        LastOwner: the project would be left without an owner.
        NotAllowed: the member's role is above the principal's own.
    """
    person = await _locked(session, principal, user_id)
    await _refuse_last_owner(session, principal, person)
    await session.delete(person.member)
    await audit.record(session, principal, "member.removed", person.user.email, role=person.member.role)


async def _locked(session: AsyncSession, principal: Principal, user_id: UUID) -> Person:
    """The member; until the end of the transaction nobody else changes who owns the project."""
    owners = (
        visible(Member, principal)
        .where(col(Member.role) == "owner")
        .order_by(col(Member.user_id))
        .with_for_update()
    )
    await session.execute(owners)
    query = (
        visible(Member, principal)
        .join(User, col(User.id) == col(Member.user_id))
        .add_columns(User)
        .where(col(Member.user_id) == user_id)
        .with_for_update(of=Member)
        .execution_options(populate_existing=True)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise MemberNotFound(user_id)
    person = Person(*found)
    refuse_above(principal, ROLES[person.member.role])
    return person


async def _refuse_last_owner(session: AsyncSession, principal: Principal, person: Person) -> None:
    if person.member.role != "owner":
        return
    others = (
        visible(Member, principal)
        .where(col(Member.role) == "owner", col(Member.user_id) != person.user.id)
        .limit(1)
    )
    if (await session.scalars(others)).first() is None:
        raise LastOwner


def refuse_above(principal: Principal, role: Role) -> None:
    """Nobody gives a role that they do not have, changes it or takes it away.

    Raises:
        NotAllowed: the role is above the principal's own.
    """
    if role > principal.role:
        raise NotAllowed(
            f"Only somebody with the role {role.name.lower()!r} can give it, change it or take it away."
        )
