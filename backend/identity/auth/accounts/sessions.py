"""Manage sessions of the studio: an httpOnly cookie, of which the database stores only the hash."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID

from sqlalchemy import Select, bindparam, delete, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col
from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import Scope

from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.http.client_ip import address_of
from backend.identity.auth import audit
from backend.identity.auth.actors import SignedIn
from backend.identity.auth.errors import InvalidSession, SessionNotFound
from backend.identity.tables import Session, User

LIFETIME: Final = timedelta(days=30)
"""Maximum age of a session."""
IDLE: Final = timedelta(days=7)
"""A session ends after this time without use."""
_MAX_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True)
class NewSession:
    """A new session with its token, which only the cookie contains."""

    signed_in: SignedIn
    token: str = field(repr=False)


class ClientInfo(NamedTuple):
    """IP address and user agent of a browser that signs in."""

    address: str = ""
    user_agent: str = ""


def client(scope: Scope) -> ClientInfo:
    """Return the IP address and the user agent of a request."""
    return ClientInfo(address_of(scope)[:64], Headers(scope=scope).get("user-agent", "")[:400])


async def start(
    session: AsyncSession, user: User, *, client: ClientInfo | None = None, replaces: str | None = None
) -> NewSession:
    """Sign the user in with a new token, which prevents session fixation; end the session of the token `replaces`."""
    if replaces:
        await _delete(session, replaces)
    await session.execute(
        delete(Session).where(col(Session.user_id) == user.id, col(Session.expires_at) <= now())
    )
    token = secrets.token_urlsafe(32)
    address, user_agent = client or ClientInfo()
    row = Session(
        user_id=user.id,
        token_hash=_hash(token),
        csrf_token=secrets.token_urlsafe(32),
        user_agent=user_agent,
        address=address,
        expires_at=now() + LIFETIME,
    )
    session.add(row)
    await session.flush()
    signed_in = _signed_in(row, user)
    await audit.record_instance(session, signed_in.label, "session.began", address=address)
    return NewSession(signed_in, token)


async def find(reader: AnySession, token: str | None) -> SignedIn:
    """Return the user whose session has the token.

    Raises:
        InvalidSession: No session has the token, or the session has ended.
    """
    if not token or len(token) > _MAX_CHARACTERS:
        raise InvalidSession
    found = (await reader.execute(_FIND, {"token_hash": _hash(token)})).one_or_none()
    at = now()
    if (
        found is None
        or found.expires_at <= at
        or found.last_seen_at <= at - IDLE
        or found.disabled_at is not None
    ):
        raise InvalidSession
    return SignedIn(
        user_id=found.user_id,
        session_id=found.session_id,
        email=found.email,
        name=found.name,
        is_operator=found.is_operator,
        csrf_token=found.csrf_token,
    )


async def end(session: AsyncSession, token: str) -> None:
    """Sign out: the token becomes invalid."""
    await _delete(session, token)


async def list_active(session: AsyncSession, user_id: UUID) -> list[Session]:
    """Return the active sessions of the user, the last used first."""
    at = now()
    query = select(Session).where(
        col(Session.user_id) == user_id,
        col(Session.expires_at) > at,
        col(Session.last_seen_at) > at - IDLE,
    )
    return list(
        (await session.scalars(query.order_by(col(Session.last_seen_at).desc(), col(Session.id)))).all()
    )


async def revoke(session: AsyncSession, user_id: UUID, session_id: UUID, *, by: str) -> None:
    """End one session of the user.

    Raises:
        SessionNotFound: The user has no such session.
    """
    statement = delete(Session).where(col(Session.user_id) == user_id, col(Session.id) == session_id)
    if (await session.execute(statement.returning(col(Session.id)))).first() is None:
        raise SessionNotFound(session_id)
    await audit.record_instance(session, by, "session.revoked", f"session:{session_id}", user_id=str(user_id))


async def revoke_all(
    session: AsyncSession, user_id: UUID, *, by: str, keep: UUID | None = None, why: str = ""
) -> int:
    """End all sessions of the user except `keep`, and return how many ended."""
    statement = delete(Session).where(col(Session.user_id) == user_id)
    if keep is not None:
        statement = statement.where(col(Session.id) != keep)
    ended = len((await session.execute(statement.returning(col(Session.id)))).all())
    details = {"ended": ended, "user_id": str(user_id), **({"why": why} if why else {})}
    await audit.record_instance(session, by, "sessions.revoked", f"user:{user_id}", **details)
    return ended


def cookie_name(url: str) -> str:
    """Return the name of the cookie of the instance at `url`.

    Browsers share cookies between the ports of a host, so the name contains the port.
    """
    parts = urlsplit(url)
    return "__Host-puras_session" if parts.scheme == "https" else f"puras_session_{parts.port or 80}"


def token_from(cookie_header: str | None, url: str) -> str | None:
    """Return the session token in a `Cookie` header, if the instance at `url` has set one."""
    return cookie_parser(cookie_header).get(cookie_name(url)) if cookie_header else None


_FIND: Final[Select[*tuple[Any, ...]]] = (
    select(
        col(Session.id).label("session_id"),
        col(Session.csrf_token),
        col(Session.expires_at),
        col(Session.last_seen_at),
        col(User.id).label("user_id"),
        col(User.email),
        col(User.name),
        col(User.is_operator),
        col(User.disabled_at),
    )
    .join(User, col(User.id) == col(Session.user_id))
    .where(col(Session.token_hash) == bindparam("token_hash"))
)


async def _delete(session: AsyncSession, token: str) -> None:
    await session.execute(delete(Session).where(col(Session.token_hash) == _hash(token)))


def _signed_in(row: Session, user: User) -> SignedIn:
    return SignedIn(
        user_id=user.id,
        session_id=row.id,
        email=user.email,
        name=user.name,
        is_operator=user.is_operator,
        csrf_token=row.csrf_token,
    )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()
