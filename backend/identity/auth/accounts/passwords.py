"""Change passwords: by the user, who knows the current one, or with a one-time link of an operator."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningDelete
from sqlmodel import col

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.identity.auth import audit
from backend.identity.auth.accounts import sessions, users
from backend.identity.auth.accounts.users import WrongPassword
from backend.identity.auth.actors import OPERATOR_LABEL, SignedIn
from backend.identity.auth.errors import CurrentPasswordWrong, ResetClosed
from backend.identity.tables import PasswordReset, User

RESET_LIFETIME: Final = timedelta(hours=1)
FIRST_LIFETIME: Final = timedelta(days=7)
"""Lifetime of the link with which a new user sets the first password."""


async def change(database: Database, signed_in: SignedIn, *, current: str, new: str) -> None:
    """Change the user's password and end all their other sessions.

    Raises:
        CurrentPasswordWrong: The current password is wrong.
        Invalid: The new password is too easy to guess.
    """
    try:
        proof = await users.verify_password(database, email=signed_in.email, password=current)
        async with database.transaction() as session:
            user = await users.verified_user(session, proof)
            await users.set_password(user, new)
            await _delete_links(session, user)
            await audit.record_instance(session, signed_in.label, "password.changed", f"user:{user.email}")
            why = "the password was changed"
            await sessions.revoke_all(
                session, user.id, by=signed_in.label, keep=signed_in.session_id, why=why
            )
    except WrongPassword:
        raise CurrentPasswordWrong from None


async def issue_reset(
    session: AsyncSession, email: str, *, by: str = OPERATOR_LABEL, lifetime: timedelta = RESET_LIFETIME
) -> str:
    """Create and return a token for `/reset?token=`; earlier tokens of the user stop working.

    Raises:
        UserNotFound: No active user has the e-mail.
    """
    user = await users.get_by_email(session, email)
    await _delete_links(session, user)
    token = secrets.token_urlsafe(32)
    session.add(PasswordReset(token_hash=_hash(token), user_id=user.id, expires_at=now() + lifetime))
    await audit.record_instance(session, by, "password_reset.issued", f"user:{user.email}")
    return token


def reset_link(url: str, token: str) -> str:
    """Return the URL, in an instance at `url`, with which a user sets a password."""
    return f"{url}/reset?token={token}"


async def check_reset(session: AsyncSession, token: str) -> User:
    """Return the user whose password the link sets.

    Raises:
        ResetClosed: The token is used, expired or unknown.
    """
    return await _user_of(session, select(col(PasswordReset.user_id)).where(*_is_valid(token)))


async def reset(session: AsyncSession, token: str, password: str) -> User:
    """Set the password of the link's user, end all their sessions and delete the link.

    Raises:
        ResetClosed: The link is not valid, or a concurrent request has used it.
        Invalid: The password is too easy to guess; the link remains valid.
    """
    # Of two concurrent requests, one deletes no row. An error rolls the deletion back, so the link remains valid.
    used = delete(PasswordReset).where(*_is_valid(token)).returning(col(PasswordReset.user_id))
    user = await _user_of(session, used)
    await users.set_password(user, password)
    await _delete_links(session, user)
    await audit.record_instance(session, f"user:{user.email}", "password.reset", f"user:{user.email}")
    await sessions.revoke_all(session, user.id, by=f"user:{user.email}", why="the password was reset")
    return user


async def _user_of(session: AsyncSession, user_id_query: Select[UUID] | ReturningDelete[UUID]) -> User:
    user_id = (await session.execute(user_id_query)).scalar_one_or_none()
    user = await session.get(User, user_id) if user_id is not None else None
    if user is None or user.disabled_at is not None:
        raise ResetClosed
    return user


def _is_valid(token: str) -> tuple[ColumnElement[bool], ...]:
    return col(PasswordReset.token_hash) == _hash(token), col(PasswordReset.expires_at) > now()


async def _delete_links(session: AsyncSession, user: User) -> None:
    await session.execute(delete(PasswordReset).where(col(PasswordReset.user_id) == user.id))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
