"""Deleting somebody's account; projects keep an owner, and the audit keeps what was done."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import Conflict
from backend.identity.auth import audit
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.identity.auth.errors import UserNotFound
from backend.identity.auth.users import normal_email
from backend.identity.tables import Member, Project, User

_ONE_AT_A_TIME: Final = text("select pg_advisory_xact_lock(7236837265232)")
"""Operators who delete each other would both see the other stay."""


class StillNeeded(Conflict):
    """A project, or the instance, would have no owner."""

    code = "user_still_needed"


async def delete(session: AsyncSession, email: str) -> UUID:
    """Delete the account with its sessions and memberships; gives its id.

    Raises:
        UserNotFound: nobody has an account with this e-mail.
        StillNeeded: it is the only owner of a project, or the last account that is an operator.
    """
    email = normal_email(email)
    user = (
        await session.scalars(select(User).where(col(User.email) == email).with_for_update())
    ).one_or_none()
    if user is None:
        raise UserNotFound(email)
    await _refuse_only_owner(session, user)
    if user.is_operator:
        await _refuse_last_operator(session, user)
    await session.delete(user)
    await audit.record_instance(session, OPERATOR_LABEL, "user.deleted", email)
    return user.id


async def _refuse_only_owner(session: AsyncSession, user: User) -> None:
    own = select(col(Member.project_id)).where(col(Member.user_id) == user.id, col(Member.role) == "owner")
    owners = select(Member).where(col(Member.project_id).in_(own), col(Member.role) == "owner")
    # Until the end of the transaction nobody else changes who owns these projects.
    rows = (await session.scalars(owners.order_by(col(Member.project_id)).with_for_update())).all()
    with_others = {row.project_id for row in rows if row.user_id != user.id}
    alone = {row.project_id for row in rows} - with_others
    living = select(col(Project.slug)).where(col(Project.id).in_(alone), col(Project.deleted_at).is_(None))
    slugs = sorted((await session.scalars(living)).all())
    if slugs:
        raise StillNeeded(
            f"{user.email} is the only owner of {', '.join(slugs[:5])}. Make somebody else an owner first "
            "(`puras-studio project member`), or delete the projects (`puras-studio project delete`).",
            projects=slugs,
        )


async def _refuse_last_operator(session: AsyncSession, user: User) -> None:
    await session.execute(_ONE_AT_A_TIME)
    others = select(func.count()).where(
        col(User.is_operator), col(User.disabled_at).is_(None), col(User.id) != user.id
    )
    if not await session.scalar(others):
        raise StillNeeded(
            f"{user.email} is the last operator of this instance. Make another one first: `puras-studio user create "
            "--operator`."
        )
