"""The one-time link that makes its user the owner of this instance; the only way to the first account over HTTP."""

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
from backend.identity.auth import audit, users
from backend.identity.auth.actors import OPERATOR_LABEL
from backend.identity.auth.errors import SetupClosed
from backend.identity.projects import service as projects
from backend.identity.tables import SetupLink, User

LIFETIME: Final = timedelta(days=1)
_ONE_AT_A_TIME: Final = text("select pg_advisory_xact_lock(7236837265231)")
"""A number of our own: two that hold the same link, or two links, make one owner."""


class AlreadySetUp(Conflict):
    """The instance has an owner."""

    code = "already_set_up"
    message = (
        "This instance has an owner already. Sign in at /sign-in; more accounts: `puras-studio user create`."
    )


async def is_open(session: AsyncSession) -> bool:
    """Whether nobody has an account yet."""
    return await session.scalar(select(col(User.id)).limit(1)) is None


async def issue(session: AsyncSession) -> str:
    """A new token for `/setup?token=`; earlier ones stop working.

    Raises:
        AlreadySetUp: somebody has an account.
    """
    await session.execute(_ONE_AT_A_TIME)
    if not await is_open(session):
        raise AlreadySetUp
    await session.execute(delete(SetupLink).where(col(SetupLink.used_at).is_(None)))
    token = secrets.token_urlsafe(32)
    session.add(SetupLink(token_hash=_hash(token), expires_at=now() + LIFETIME))
    await audit.record_instance(session, OPERATOR_LABEL, "setup_link.issued")
    return token


async def check(session: AsyncSession, token: str) -> None:
    """Return if the token would still work.

    Raises:
        SetupClosed: it would not.
    """
    query = select(func.count()).select_from(SetupLink).where(*_works(token))
    if not await session.scalar(query) or not await is_open(session):
        raise SetupClosed


async def consume(session: AsyncSession, token: str, *, email: str, password: str, name: str = "") -> User:
    """Make the owner of this instance, and of the projects that nobody is in; the token is used up.

    Raises:
        SetupClosed: the token does not work, or somebody was faster.
        Invalid: the e-mail or the password will not do; the token still works.
    """
    await session.execute(_ONE_AT_A_TIME)
    used = update(SetupLink).where(*_works(token)).values(used_at=now()).returning(col(SetupLink.token_hash))
    if (await session.execute(used)).first() is None or not await is_open(session):
        raise SetupClosed
    user = await users.create(session, email=email, password=password, name=name, is_operator=True)
    adopted = await projects.adopt(session, user.id)
    await audit.record_instance(session, f"user:{user.email}", "instance.set_up", adopted_projects=adopted)
    return user


def _works(token: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(SetupLink.token_hash) == _hash(token),
        col(SetupLink.used_at).is_(None),
        col(SetupLink.expires_at) > now(),
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
