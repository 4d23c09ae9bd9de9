"""Delete accounts. Each project keeps an owner, and the audit log keeps what the user did."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.errors import Conflict
from backend.identity.auth import audit
from backend.identity.auth.accounts.users import normalize_email
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.identity.auth.errors import UserNotFound
from backend.identity.tables import Member, Project, User

_ONE_AT_A_TIME: Final = text("select pg_advisory_xact_lock(7236837265232)")
"""Serializes deletions of operators: two concurrent ones would each count the other operator as remaining."""


class UserStillNeeded(Conflict):
    """The user is the only owner of a project, or the last operator of the instance."""

    code = "user_still_needed"


async def delete(session: AsyncSession, email: str) -> UUID:
    """Delete the account with its sessions and memberships, and return its ID.

    Raises:
        UserNotFound: No account has this e-mail.
        UserStillNeeded: The user is the only owner of a project, or the last operator.
    """
    email = normalize_email(email)
    user = (
        await session.scalars(select(User).where(col(User.email) == email).with_for_update())
    ).one_or_none()
    if user is None:
        raise UserNotFound(email)
    await _require_other_owner(session, user)
    if user.is_operator:
        await _require_other_operator(session, user)
    await session.delete(user)
    await audit.record_instance(session, OPERATOR_LABEL, "user.deleted", email)
    return user.id


async def _require_other_owner(session: AsyncSession, user: User) -> None:
    owned = select(col(Member.project_id)).where(col(Member.user_id) == user.id, col(Member.role) == "owner")
    owners = select(Member).where(col(Member.project_id).in_(owned), col(Member.role) == "owner")
    # The lock prevents other changes of the owners of these projects until the end of the transaction.
    rows = (await session.scalars(owners.order_by(col(Member.project_id)).with_for_update())).all()
    shared = {row.project_id for row in rows if row.user_id != user.id}
    solely_owned = {row.project_id for row in rows} - shared
    existing = select(col(Project.slug)).where(
        col(Project.id).in_(solely_owned), col(Project.deleted_at).is_(None)
    )
    slugs = sorted((await session.scalars(existing)).all())
    if slugs:
        raise UserStillNeeded(
            f"{user.email} is the only owner of {', '.join(slugs[:5])}. Make another member an owner first "
            "(`puras-studio project member`), or delete the projects (`puras-studio project delete`).",
            projects=slugs,
        )


async def _require_other_operator(session: AsyncSession, user: User) -> None:
    await session.execute(_ONE_AT_A_TIME)
    others = select(func.count()).where(
        col(User.is_operator), col(User.disabled_at).is_(None), col(User.id) != user.id
    )
    if not await session.scalar(others):
        raise UserStillNeeded(
            f"{user.email} is the last operator of this instance. Create another one first: `puras-studio user create "
            "--operator`."
        )
