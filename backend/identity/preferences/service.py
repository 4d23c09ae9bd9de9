"""Read and change the settings of users."""

from __future__ import annotations

from typing import Final, Literal
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.identity.preferences.schemas import PreferencesRead, PreferencesUpdate
from backend.identity.preferences.tables import UserPreferences

MailKind = Literal["alerts", "approvals", "mentions"]
_KINDS: Final[dict[str, MailKind]] = {
    "alert.raised": "alerts",
    "alert.resolved": "alerts",
    "budget.alert": "alerts",
    "job.waiting": "approvals",
    "comment.mentioned": "mentions",
}
"""The kind of e-mail about an event; users cannot refuse that about other events."""
_WANTS: Final = text("""
select p.email_alerts as alerts, p.email_approvals as approvals, p.email_mentions as mentions
from user_preferences p join users u on u.id = p.user_id where u.email = :email
""")


async def read(session: AsyncSession, user_id: UUID) -> PreferencesRead:
    """Return the settings of a user."""
    query = select(UserPreferences).where(col(UserPreferences.user_id) == user_id)
    found = (await session.execute(query)).scalar_one_or_none()
    return PreferencesRead() if found is None else PreferencesRead.model_validate(found)


async def change(session: AsyncSession, user_id: UUID, changes: PreferencesUpdate) -> PreferencesRead:
    """Change settings of a user, and return all of them."""
    values = {**changes.model_dump(exclude_none=True), "updated_at": now()}
    defaults = {**PreferencesRead().model_dump(), **values, "user_id": user_id}
    statement = insert(UserPreferences).values(defaults)
    await session.execute(statement.on_conflict_do_update(index_elements=["user_id"], set_=values))
    return await read(session, user_id)


async def wants_mail(session: AnySession, email: str, event: str) -> bool:
    """Return whether the user with this address receives e-mail about an event."""
    kind = _KINDS.get(event)
    if kind is None:
        return True
    row = (await session.execute(_WANTS, {"email": email})).one_or_none()
    return row is None or bool(getattr(row, kind))
