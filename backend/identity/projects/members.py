"""List, add, change and remove the members of a project. A project always keeps an owner."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import NotAllowed
from backend.identity.auth import audit
from backend.identity.auth.accounts.users import normalize_email
from backend.identity.auth.errors import UserNotFound
from backend.identity.auth.membership import ROLES
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.projects.errors import AlreadyMember, LastOwner, MemberNotFound
from backend.identity.tables import Member, User


class MemberWithUser(NamedTuple):
    """A member with its user account."""

    member: Member
    user: User


async def list_members(session: AsyncSession, principal: Principal) -> list[MemberWithUser]:
    """Return all members of the project, by e-mail."""
    query = (
        visible(Member, principal)
        .join(User, col(User.id) == col(Member.user_id))
        .add_columns(User)
        .order_by(col(User.email))
    )
    return [MemberWithUser(member, user) for member, user in (await session.execute(query)).all()]


async def add(session: AsyncSession, principal: Principal, *, email: str, role: Role) -> MemberWithUser:
    """Add a user of this instance to the project. Only for operators, since the result reveals whether the user exists.

    Raises:
        UserNotFound: No account has the e-mail.
        AlreadyMember: The user is in the project.
        NotAllowed: The role is above the principal's own.
    """
    require_at_least(principal, role)
    email = normalize_email(email)
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
    return MemberWithUser(member, user)


async def change_role(
    session: AsyncSession, principal: Principal, user_id: UUID, role: Role
) -> MemberWithUser:
    """Change the role of a member.

    Raises:
        MemberNotFound: The user is not in the project.
        LastOwner: The project would be left without an owner.
        NotAllowed: The member's role, before or after, is above the principal's own.
    """
    member_user = await _locked(session, principal, user_id)
    require_at_least(principal, role)
    if role < Role.OWNER:
        await _require_other_owner(session, principal, member_user)
    before, member_user.member.role = member_user.member.role, role.name.lower()
    await audit.record(
        session,
        principal,
        "member.changed",
        member_user.user.email,
        role_before=before,
        role=member_user.member.role,
    )
    return member_user


async def remove(session: AsyncSession, principal: Principal, user_id: UUID) -> None:
    """Remove a member from the project; every member may leave.

    Raises:
        MemberNotFound: The user is not in the project.
        LastOwner: The project would be left without an owner.
        NotAllowed: The member's role is above the principal's own.
    """
    member_user = await _locked(session, principal, user_id)
    await _require_other_owner(session, principal, member_user)
    await session.delete(member_user.member)
    await audit.record(
        session, principal, "member.removed", member_user.user.email, role=member_user.member.role
    )


async def _locked(session: AsyncSession, principal: Principal, user_id: UUID) -> MemberWithUser:
    """Return the member, and lock the owners of the project until the end of the transaction."""
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
    member_user = MemberWithUser(*found)
    require_at_least(principal, ROLES[member_user.member.role])
    return member_user


async def _require_other_owner(
    session: AsyncSession, principal: Principal, member_user: MemberWithUser
) -> None:
    if member_user.member.role != "owner":
        return
    others = (
        visible(Member, principal)
        .where(col(Member.role) == "owner", col(Member.user_id) != member_user.user.id)
        .limit(1)
    )
    if (await session.scalars(others)).first() is None:
        raise LastOwner


def require_at_least(principal: Principal, role: Role) -> None:
    """Check that the principal may assign, change or remove the role: only roles up to its own.

    Raises:
        NotAllowed: The role is above the principal's own.
    """
    if role > principal.role:
        raise NotAllowed(
            f"Only a member with the role {role.name.lower()!r} can assign, change or remove this role."
        )
