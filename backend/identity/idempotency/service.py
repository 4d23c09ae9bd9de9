"""`Idempotency-Key`: the same request sent twice does its work once and is answered twice.

The key's row is inserted in the transaction of the work itself. Concurrent requests wait on its unique index until
that transaction has ended, and then find its answer, or, when it was rolled back, do the work themselves.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Conflict, Invalid, Malformed, Problem
from backend.core.vault.vault import Vault
from backend.identity.auth.actors import Caller, SignedIn
from backend.identity.idempotency.tables import IdempotencyKey

KEPT: Final = timedelta(hours=24)
MAX_CHARACTERS: Final = 255


class Answered(NamedTuple):
    """An answer that was given, or is to be."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Claimed:
    """Nobody has used the key: do the work, then store what came of it."""

    scope: str
    key: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """The work was done before: answer with the job it made, or with the answer it got."""

    job_id: UUID | None
    sealed_answer: str | None
    status: int | None

    def answer(self, vault: Vault) -> Answered:
        """The first answer, for everything that is not a job."""
        if self.sealed_answer is None or self.status is None:
            raise Conflict("The request with this Idempotency-Key was of another sort. Use a new key.")
        return Answered(self.status, vault.decrypt(self.sealed_answer))


class KeyReused(Invalid):
    """The idempotency key was used for another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request in the last 24 hours. Use a new key for a new request.",
            [Problem("header.Idempotency-Key", "Use a new key, or send the same method, path and body.")],
        )


async def claim(session: AsyncSession, caller: Caller, key: str, fingerprint: str) -> Claimed | Replayed:
    """Take the key for the work that this transaction is about to do, unless it was done before.

    Raises:
        KeyReused: the key came before, with another request.
        Malformed: the key is empty or too long.
    """
    if not 1 <= len(key) <= MAX_CHARACTERS or not key.isprintable():
        raise Malformed(f"An Idempotency-Key has 1 to {MAX_CHARACTERS} printable characters.")
    scope = _scope(caller)
    at = now()
    values = {"scope": scope, "key": key, "fingerprint": fingerprint, "at": at, "expired": at - KEPT}
    if (await session.execute(_TAKE, values)).first() is not None:
        return Claimed(scope, key)
    query = select(IdempotencyKey).where(col(IdempotencyKey.scope) == scope, col(IdempotencyKey.key) == key)
    row = (await session.scalars(query)).one()
    if row.fingerprint != fingerprint:
        raise KeyReused
    return Replayed(row.job_id, row.answer, row.status)


async def store_job(session: AsyncSession, claimed: Claimed, job_id: UUID) -> None:
    """Remember that the work made this job; its state at the time is what a replay answers with."""
    await _store(session, claimed, job_id=job_id)


async def store_answer(session: AsyncSession, vault: Vault, claimed: Claimed, answered: Answered) -> None:
    """Remember the answer, encrypted, since it may show a new key."""
    await _store(session, claimed, status=answered.status, answer=vault.encrypt(answered.body))


async def sweep(session: AsyncSession) -> int:
    """Forget the keys that are older than a day; returns how many."""
    old = (
        delete(IdempotencyKey)
        .where(col(IdempotencyKey.created_at) < now() - KEPT)
        .returning(col(IdempotencyKey.key))
    )
    return len((await session.execute(old)).all())


def fingerprint(method: str, path: str, body: bytes) -> str:
    """What tells this request from another one: the path with its query, and the body to the byte."""
    head = f"{method} {path}\n".encode()
    return hashlib.sha256(head + body).hexdigest()


_TAKE: Final = text(
    """
    insert into idempotency_keys as it (scope, key, fingerprint, created_at)
    values (:scope, :key, :fingerprint, :at)
    on conflict (scope, key) do update
        set fingerprint = excluded.fingerprint, created_at = excluded.created_at,
            job_id = null, status = null, answer = null
        where it.created_at < :expired
    returning it.key
    """
)


def _scope(caller: Caller) -> str:
    if isinstance(caller, SignedIn):
        return f"user:{caller.user_id}"
    return f"{caller.kind}:{caller.id}:{caller.project_id}"


async def _store(session: AsyncSession, claimed: Claimed, **values: object) -> None:
    its = update(IdempotencyKey).where(
        col(IdempotencyKey.scope) == claimed.scope, col(IdempotencyKey.key) == claimed.key
    )
    await session.execute(its.values(**values))
