"""Create the owner account with a one-time link, the only way to create the first account over HTTP."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Final

from sqlalchemy import ColumnElement, delete, func, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Conflict
from backend.identity.auth import audit
from backend.identity.auth.accounts import users
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.identity.auth.errors import SetupClosed
from backend.identity.projects import service as projects
from backend.identity.tables import SetupLink, User

LIFETIME: Final = timedelta(days=1)
_LOCK: Final = text("select pg_advisory_xact_lock(7236837265231)")
"""Serializes the set-up, so that concurrent uses of links create only one owner."""


class AlreadySetUp(Conflict):
    """The instance has an owner."""

    code = "already_set_up"
    message = (
        "This instance has an owner already. Sign in at /sign-in. Create more accounts with `puras-studio user "
        "create`."
    )


async def is_open(session: AsyncSession) -> bool:
    """Return whether no account exists yet."""
    return await session.scalar(select(col(User.id)).limit(1)) is None


async def issue(session: AsyncSession) -> str:
    """Create and return a token for `/setup?token=`; earlier tokens stop working.

    Raises:
        AlreadySetUp: An account exists.
    """
    await session.execute(_LOCK)
    if not await is_open(session):
        raise AlreadySetUp
    await session.execute(delete(SetupLink).where(col(SetupLink.used_at).is_(None)))
    token = secrets.token_urlsafe(32)
    session.add(SetupLink(token_hash=_hash(token), expires_at=now() + LIFETIME))
    await audit.record_instance(session, OPERATOR_LABEL, "setup_link.issued")
    return token


async def check(session: AsyncSession, token: str) -> None:
    """Check that the token is valid.

    Raises:
        SetupClosed: The token is not valid, or an account exists.
    """
    query = select(func.count()).select_from(SetupLink).where(*_is_valid(token))
    if not await session.scalar(query) or not await is_open(session):
        raise SetupClosed


async def consume(session: AsyncSession, token: str, *, email: str, password: str, name: str = "") -> User:
    """Create the owner of this instance and of projects without members, and mark the token as used.

    Raises:
        SetupClosed: The token is not valid, or a concurrent request has used it.
        Invalid: The e-mail or the password is not valid; the token remains valid.
    """
    await session.execute(_LOCK)
    used = (
        update(SetupLink).where(*_is_valid(token)).values(used_at=now()).returning(col(SetupLink.token_hash))
    )
    if (await session.execute(used)).first() is None or not await is_open(session):
        raise SetupClosed
    user = await users.create(session, email=email, password=password, name=name, is_operator=True)
    adopted = await projects.adopt(session, user.id)
    await audit.record_instance(session, f"user:{user.email}", "instance.set_up", adopted_projects=adopted)
    return user


def _is_valid(token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(SetupLink.token_hash) == _hash(token),
        col(SetupLink.used_at).is_(None),
        col(SetupLink.expires_at) > now(),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
