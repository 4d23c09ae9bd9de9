"""Invite users into a project with a link for the account, existing or future, with an e-mail.

Nothing here depends on whether such an account exists, so that admins of a project cannot find it out: the response,
its duration and the list are the same. The inviter passes the link on; a user who is signed in with that e-mail joins.
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
from backend.identity.auth.accounts.users import normalize_email
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.limits.quota_check import require_quota
from backend.identity.projects.errors import (
    AlreadyMember,
    InvitationClosed,
    InvitationForAnother,
    InvitationNotFound,
)
from backend.identity.projects.members import require_at_least
from backend.identity.tables import Invitation, Member, Project, User

LIFETIME: Final = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class NewInvitation:
    """A new invitation with the token of its link, which cannot be read again."""

    invitation: Invitation
    token: str = field(repr=False)


class Invited(NamedTuple):
    """An invitation with its project."""

    invitation: Invitation
    project: Project


async def invite(
    session: AsyncSession, principal: Principal, *, email: str, role: Role, quotas: Quotas | None = None
) -> NewInvitation:
    """Invite the owner of the e-mail into the project; an earlier link for the e-mail stops working.

    Raises:
        AlreadyMember: A member of the project has the e-mail.
        NotAllowed: The role is above the principal's own.
        QuotaReached: The project has the maximum number of members and invitations.
    """
    require_at_least(principal, role)
    email = normalize_email(email)
    await _reject_member(session, principal, email)
    others = visible(Invitation, principal).where(col(Invitation.email) != email)
    counted = (
        visible(Member, principal)
        .with_only_columns(col(Member.user_id))
        .union_all(others.with_only_columns(col(Invitation.id)))
    )
    await require_quota(session, principal, Quota.MEMBERS, quotas, counted)
    token = secrets.token_urlsafe(32)
    invitation = Invitation(
        project_id=principal.project_id,
        email=email,
        role=role.name.lower(),
        token_hash=_hash(token),
        created_by=principal.label,
        expires_at=now() + LIFETIME,
    )
    values = invitation.model_dump()
    updates = {name: value for name, value in values.items() if name not in ("project_id", "email")}
    row = insert(Invitation).values(values)
    await session.execute(row.on_conflict_do_update(index_elements=["project_id", "email"], set_=updates))
    await audit.record(session, principal, "member.invited", email, role=invitation.role)
    return NewInvitation(invitation, token)


async def list_open(session: AsyncSession, principal: Principal) -> Sequence[Invitation]:
    """Return the project's invitations that can still be accepted, by e-mail."""
    query = visible(Invitation, principal).where(col(Invitation.expires_at) > now())
    return (await session.scalars(query.order_by(col(Invitation.email)))).all()


async def withdraw(session: AsyncSession, principal: Principal, invitation_id: UUID) -> None:
    """Withdraw an invitation; its link stops working.

    Raises:
        InvitationNotFound: The project has no such invitation.
        NotAllowed: The invitation is for a role above the principal's own.
    """
    query = visible(Invitation, principal).where(col(Invitation.id) == invitation_id).with_for_update()
    found = (await session.scalars(query)).one_or_none()
    if found is None:
        raise InvitationNotFound(invitation_id)
    require_at_least(principal, membership.ROLES[found.role])
    await session.delete(found)
    await audit.record(session, principal, "invitation.withdrawn", found.email, role=found.role)


async def find_by_token(session: AsyncSession, token: str) -> Invited:
    """Return the invitation with the token, and its project.

    Raises:
        InvitationClosed: The invitation was used or withdrawn, has expired, or never existed.
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


async def accept(session: AsyncSession, signed_in: SignedIn, token: str) -> Project:
    """Make the signed-in user a member of the project, and delete the invitation.

    Raises:
        InvitationClosed: The link is not valid any more.
        InvitationForAnother: The invitation is for an e-mail other than the user's.
    """
    invitation, project = await find_by_token(session, token)
    if invitation.email != signed_in.email:
        raise InvitationForAnother(invitation.email, signed_in.email)
    member = {
        "project_id": project.id,
        "user_id": signed_in.user_id,
        "role": invitation.role,
        "created_at": now(),
    }
    await session.execute(insert(Member).values(member).on_conflict_do_nothing())
    await session.delete(invitation)
    principal = await membership.act_in(session, signed_in, str(project.id))
    await audit.record(session, principal, "member.joined", signed_in.email, role=invitation.role)
    return project


async def _reject_member(session: AsyncSession, principal: Principal, email: str) -> None:
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
