"""Another password: by the person, who knows the old one, or by a one-time link that an operator has made."""

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
from backend.identity.auth import audit, sessions, users
from backend.identity.auth.actors import OPERATOR_LABEL, SignedIn
from backend.identity.auth.errors import CurrentPasswordWrong, ResetClosed
from backend.identity.auth.users import WrongPassword
from backend.identity.tables import PasswordReset, User

RESET_LIFETIME: Final = timedelta(hours=1)
FIRST_LIFETIME: Final = timedelta(days=7)
"""Of the link with which somebody new sets a first password."""


async def change(database: Database, person: SignedIn, *, current: str, new: str) -> None:
    """Give the person another password; every other session of theirs ends.

    Raises:
        CurrentPasswordWrong: the current one is another.
        Invalid: the new one is too easy to guess.
    """
    try:
        proof = await users.prove(database, email=person.email, password=current)
        async with database.transaction() as session:
            user = await users.proven(session, proof)
            await users.set_password(user, new)
            await _forget_links(session, user)
            await audit.record_instance(session, person.label, "password.changed", f"user:{user.email}")
            why = "the password was changed"
            await sessions.revoke_all(session, user.id, by=person.label, but=person.session_id, why=why)
    except WrongPassword:
        raise CurrentPasswordWrong from None


async def issue_reset(
    session: AsyncSession, email: str, *, by: str = OPERATOR_LABEL, lifetime: timedelta = RESET_LIFETIME
) -> str:
    """A new token for `/reset?token=`; earlier ones of the user stop working.

    Raises:
        UserNotFound: nobody who may sign in has the e-mail.
    """
    user = await users.by_email(session, email)
    await _forget_links(session, user)
    token = secrets.token_urlsafe(32)
    session.add(PasswordReset(token_hash=_hash(token), user_id=user.id, expires_at=now() + lifetime))
    await audit.record_instance(session, by, "password_reset.issued", f"user:{user.email}")
    return token


def reset_link(url: str, token: str) -> str:
    """The address, in an instance at `url`, at which the token's reader sets a password."""
    return f"{url}/reset?token={token}"


async def check_reset(session: AsyncSession, token: str) -> User:
    """Whose password the link would set.

    Raises:
        ResetClosed: nobody's: it is used, expired or made up.
    """
    return await _user_of(session, select(col(PasswordReset.user_id)).where(*_works(token)))


async def reset(session: AsyncSession, token: str, password: str) -> User:
    """Set the password of the link's user and end all of their sessions; the link is used up.

    Raises:
        ResetClosed: the link does not work, or somebody was faster.
        Invalid: the password is too easy to guess; the link still works.
    """
    # Of two who delete it at once one deletes nothing; an error rolls it back, and the link works on.
    used = delete(PasswordReset).where(*_works(token)).returning(col(PasswordReset.user_id))
    user = await _user_of(session, used)
    await users.set_password(user, password)
    await _forget_links(session, user)
    await audit.record_instance(session, f"user:{user.email}", "password.reset", f"user:{user.email}")
    await sessions.revoke_all(session, user.id, by=f"user:{user.email}", why="the password was reset")
    return user


async def _user_of(session: AsyncSession, finding: Select[UUID] | ReturningDelete[UUID]) -> User:
    user_id = (await session.execute(finding)).scalar_one_or_none()
    user = await session.get(User, user_id) if user_id is not None else None
    if user is None or user.disabled_at is not None:
        raise ResetClosed
    return user


def _works(token: str) -> tuple[ColumnElement[bool], ...]:
    return col(PasswordReset.token_hash) == _hash(token), col(PasswordReset.expires_at) > now()


async def _forget_links(session: AsyncSession, user: User) -> None:
    await session.execute(delete(PasswordReset).where(col(PasswordReset.user_id) == user.id))


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
