"""Execute requests with an `Idempotency-Key` once, and store their responses for repeats.

The row of the key is inserted in the transaction that executes the request. Concurrent requests wait on its unique
index until that transaction has ended. Then they find the response or, after a rollback, execute the request.
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

RETENTION: Final = timedelta(hours=24)
MAX_CHARACTERS: Final = 255


class StoredResponse(NamedTuple):
    """A response as it is stored."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Claim:
    """The key is new: execute the request, then store the result."""

    scope: str
    key: str


@dataclass(frozen=True, slots=True)
class Replayed:
    """The request was executed before: return the job that it created, or the stored response."""

    job_id: UUID | None
    encrypted_response: str | None
    status: int | None

    def response(self, vault: Vault) -> StoredResponse:
        """Return the first response of a request that has not created a job.

        Raises:
            Conflict: The request has created a job.
        """
        if self.encrypted_response is None or self.status is None:
            raise Conflict("This Idempotency-Key was used for a request of another kind. Use a new key.")
        return StoredResponse(self.status, vault.decrypt(self.encrypted_response))


class KeyReused(Invalid):
    """The key was used with another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(
            "This Idempotency-Key was used for another request in the last 24 hours. Use a new key for a new request.",
            [Problem("header.Idempotency-Key", "Use a new key, or send the same method, path and body.")],
        )


async def claim(session: AsyncSession, caller: Caller, key: str, fingerprint: str) -> Claim | Replayed:
    """Claim the key for the request that this transaction executes, unless it was executed before.

    Raises:
        KeyReused: The key was used with another request.
        Malformed: The key is empty or too long.
    """
    if not 1 <= len(key) <= MAX_CHARACTERS or not key.isprintable():
        raise Malformed(f"An Idempotency-Key has 1 to {MAX_CHARACTERS} printable characters.")
    scope = _scope(caller)
    at = now()
    values = {"scope": scope, "key": key, "fingerprint": fingerprint, "at": at, "expired": at - RETENTION}
    if (await session.execute(_CLAIM, values)).first() is not None:
        return Claim(scope, key)
    query = select(IdempotencyKey).where(col(IdempotencyKey.scope) == scope, col(IdempotencyKey.key) == key)
    row = (await session.scalars(query)).one()
    if row.fingerprint != fingerprint:
        raise KeyReused
    return Replayed(row.job_id, row.answer, row.status)


async def store_job(session: AsyncSession, claimed_key: Claim, job_id: UUID) -> None:
    """Store the job that the request created; a repeat returns the job in its state at that time."""
    await _store(session, claimed_key, job_id=job_id)


async def store_response(
    session: AsyncSession, vault: Vault, claimed_key: Claim, response: StoredResponse
) -> None:
    """Store the response, encrypted because it may contain a new API key."""
    await _store(session, claimed_key, status=response.status, answer=vault.encrypt(response.body))


async def sweep(session: AsyncSession) -> int:
    """Delete the keys that are older than a day, and return how many."""
    old = (
        delete(IdempotencyKey)
        .where(col(IdempotencyKey.created_at) < now() - RETENTION)
        .returning(col(IdempotencyKey.key))
    )
    return len((await session.execute(old)).all())


def fingerprint(method: str, path: str, body: bytes) -> str:
    """Return a hash of the request: its method, its path with the query, and its exact body."""
    head = f"{method} {path}\n".encode()
    return hashlib.sha256(head + body).hexdigest()


_CLAIM: Final = text(
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


async def _store(session: AsyncSession, claimed_key: Claim, **values: object) -> None:
    statement = update(IdempotencyKey).where(
        col(IdempotencyKey.scope) == claimed_key.scope, col(IdempotencyKey.key) == claimed_key.key
    )
    await session.execute(statement.values(**values))
