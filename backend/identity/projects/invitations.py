"""Invitations into a project: a link for whoever has, or will have, the account with an e-mail.

Nobody is asked here whether there is such an account, so an admin of a project never learns it: the answer, its time
and the list are the same. The inviter passes the link on; who opens it and is signed in with that e-mail may join.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota, Quotas
from backend.core.clock import now
from backend.identity.auth import audit, membership
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.auth.users import normal_email
from backend.identity.limits.quota_check import make_room
from backend.identity.projects.errors import (
    AlreadyMember,
    InvitationClosed,
    InvitationForAnother,
    InvitationNotFound,
)
from backend.identity.projects.members import refuse_above
from backend.identity.tables import Invitation, Member, Project, User

LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """An invitation that was just made, with the token of its link, which nobody can read again."""

    invitation: Invitation
    token: str = field(repr=False)


class Invited(NamedTuple):
    """What a link opens."""

    invitation: Invitation
    project: Project


async def invite(
    session: AsyncSession, principal: Principal, *, email: str, role: Role, quotas: Quotas | None = None
) -> NewInvitation:
    """Invite whoever has the e-mail into the project; a link that was given out for it before stops working.

    Raises:
        AlreadyMember: somebody with the e-mail is in the project.
        NotAllowed: the role is above the principal's own.
        QuotaReached: the project has as many members and invitations as it may.
    """
    refuse_above(principal, role)
    email = normal_email(email)
    await _refuse_member(session, principal, email)
    others = visible(Invitation, principal).where(col(Invitation.email) != email)
    counted = (
        visible(Member, principal)
        .with_only_columns(col(Member.user_id))
        .union_all(others.with_only_columns(col(Invitation.id)))
    )
    await make_room(session, principal, Quota.MEMBERS, quotas, counted)
    token = secrets.token_urlsafe(32)
    made = Invitation(
        project_id=principal.project_id,
        email=email,
        role=role.name.lower(),
        token_hash=_hash(token),
        created_by=principal.label,
        expires_at=now() + LIFETIME,
    )
    values = made.model_dump()
    renewed = {name: value for name, value in values.items() if name not in ("project_id", "email")}
    row = insert(Invitation).values(values)
    await session.execute(row.on_conflict_do_update(index_elements=["project_id", "email"], set_=renewed))
    await audit.record(session, principal, "member.invited", email, role=made.role)
    return NewInvitation(made, token)


async def open_invitations(session: AsyncSession, principal: Principal) -> Sequence[Invitation]:
    """The project's invitations that can still be accepted, by e-mail."""
    query = visible(Invitation, principal).where(col(Invitation.expires_at) > now())
    return (await session.scalars(query.order_by(col(Invitation.email)))).all()


async def withdraw(session: AsyncSession, principal: Principal, invitation_id: UUID) -> None:
    """Make the link of an invitation worthless.

    Raises:
        InvitationNotFound: the project has no such invitation.
        NotAllowed: it is for a role above the principal's own.
    """
    query = visible(Invitation, principal).where(col(Invitation.id) == invitation_id).with_for_update()
    found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise InvitationNotFound(invitation_id)
    refuse_above(principal, membership.ROLES[found.role])
    await session.delete(found)
    await audit.record(session, principal, "invitation.withdrawn", found.email, role=found.role)


async def opened(session: AsyncSession, token: str) -> Invited:
    """What the link with the token is for.

    Raises:
        InvitationClosed: it was used, has expired, was withdrawn or made up.
    """
    query = (
        select(Invitation, Project)
        .join(Project, col(Project.id) == col(Invitation.project_id))
        .where(
            col(Invitation.token_hash) == _hash(token),
            col(Invitation.expires_at) > now(),
            col(Project.deleted_at).is_(None),
        )
        .with_for_update(of=Invitation)
    )
    found = (await session.execute(query)).one_or_none()
    if found is None:
        raise InvitationClosed
    return Invited(*found)


async def accept(session: AsyncSession, person: SignedIn, token: str) -> Project:
    """Make the person, whose e-mail was invited, a member; the link is used up.

    Raises:
        InvitationClosed: the link is not valid any more.
        InvitationForAnother: it is for another e-mail than the person's.
    """
    invitation, project = await opened(session, token)
    if invitation.email != person.email:
        raise InvitationForAnother(invitation.email, person.email)
    member = {
        "project_id": project.id,
        "user_id": person.user_id,
        "role": invitation.role,
        "created_at": now(),
    }
    await session.execute(insert(Member).values(member).on_conflict_do_nothing())
    await session.delete(invitation)
    principal = await membership.act_in(session, person, str(project.id))
    await audit.record(session, principal, "member.joined", person.email, role=invitation.role)
    return project


async def _refuse_member(session: AsyncSession, principal: Principal, email: str) -> None:
    query = (
        visible(Member, principal)
        .join(User, col(User.id) == col(Member.user_id))
        .where(col(User.email) == email)
        .with_only_columns(col(Member.user_id))
    )
    if await session.scalar(query) is not None:
        raise AlreadyMember(email)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
