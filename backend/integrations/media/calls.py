"""Store the state of each call, so that none is ordered or paid twice.

Every write locks the job's row first: calls of one job are serialized, and see what the others may still cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.jsonb import storable
from backend.identity.idempotency.service import KeyReused
from backend.integrations.media.errors import JobNotRunning, MediaCostExceedsLimit, MediaInProgress
from backend.money.ledger import service as ledger
from backend.money.ledger.service import LineItem

LEASE: Final = timedelta(seconds=30)
"""A call that was not renewed for this time is not in progress any more."""

_FIND: Final = text("""
select fingerprint, attempt, ordered, answer, renewed_at > now() - :left_after as is_busy
from media_calls where job_id = :job_id and key = :key
""")
_RESERVED: Final = text("""
select cast(coalesce(sum(held_micros), 0) as bigint) from media_calls where job_id = :job_id and key <> :key
""")
_START: Final = text("""
insert into media_calls (job_id, key, fingerprint, attempt, held_micros, renewed_at, created_at)
values (:job_id, :key, :fingerprint, :attempt, :held_micros, now(), now())
on conflict (job_id, key) do update
set attempt = excluded.attempt, held_micros = excluded.held_micros, renewed_at = now()
""")
_RECORD_ORDER: Final = text("""
update media_calls set ordered = cast(:ordered as jsonb), renewed_at = now()
where job_id = :job_id and key = :key and attempt = :attempt
""")
_RENEW: Final = text("""
update media_calls c set renewed_at = now() from jobs j
where c.job_id = :job_id and c.key = :key and c.attempt = :attempt
  and j.id = c.job_id and j.attempt = c.attempt and j.status = 'running'
returning 1
""")
_STORE_RESULT: Final = text("""
update media_calls set answer = cast(:answer as jsonb), held_micros = 0
where job_id = :job_id and key = :key and attempt = :attempt
""")
_SUSPEND: Final = text("""
update media_calls set held_micros = 0, renewed_at = '-infinity'
where job_id = :job_id and key = :key and attempt = :attempt and answer is null
""")
_DISCARD: Final = text("""
delete from media_calls where job_id = :job_id and key = :key and attempt = :attempt and answer is null
""")
_ORDER: Final = text("""
select ordered from media_calls where job_id = :job_id and key = :key and attempt = :attempt and answer is null
""")
_IS_JOB_ENDED: Final = text(
    "select finished_at is not null or cancel_requested_at is not null from jobs where id = :job_id"
)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of one attempt of a job."""

    job_id: UUID
    attempt: int
    key: str

    @property
    def values(self) -> dict[str, Any]:
        """Return the parameters of a statement."""
        return {"job_id": self.job_id, "attempt": self.attempt, "key": self.key}


class CallState(NamedTuple):
    """The stored state of a call when it is started."""

    result: dict[str, Any] | None = None
    """The result, if the call has finished."""
    ordered: dict[str, str] | None = None
    """The order, if it was placed before."""


async def start(
    session: AsyncSession, call: Call, *, fingerprint: str, model: str, needed_micros: int
) -> CallState:
    """Start the call, and reserve its maximum cost.

    Raises:
        JobNotRunning: The attempt does not run any more.
        KeyReused: The key was used for another request.
        MediaInProgress: The call is in progress.
        MediaCostExceedsLimit: It may cost more than the job may still spend.
    """
    spending = await ledger.job_spending(session, call)
    if spending is None:
        raise JobNotRunning
    found = (await session.execute(_FIND, {**call.values, "left_after": LEASE})).one_or_none()
    if found is not None:
        if found.fingerprint != fingerprint:
            raise KeyReused
        if found.answer is not None:
            return CallState(result=found.answer)
        if found.is_busy and found.attempt == call.attempt:
            raise MediaInProgress
    reserved: int = (await session.execute(_RESERVED, call.values)).scalar_one()
    remaining_micros = max(0, spending.remaining_micros - reserved)
    if needed_micros > remaining_micros:
        has_reservation = spending.remaining_micros + spending.used_micros > 0
        raise MediaCostExceedsLimit(
            model, needed_micros=needed_micros, left_micros=remaining_micros, has_reservation=has_reservation
        )
    values = {**call.values, "fingerprint": fingerprint, "held_micros": needed_micros}
    await session.execute(_START, values)
    return CallState(ordered=found.ordered if found is not None else None)


async def reserved_micros(session: AsyncSession, job_id: UUID) -> int:
    """Return what the calls in progress of a job may still cost."""
    reserved: int = (await session.execute(_RESERVED, {"job_id": job_id, "key": ""})).scalar_one()
    return reserved


async def record_order(session: AsyncSession, call: Call, ordered: Mapping[str, str]) -> None:
    """Store what is needed to find the order again."""
    await session.execute(_RECORD_ORDER, {**call.values, "ordered": storable(dict(ordered))})


async def renew(session: AsyncSession, call: Call) -> None:
    """Renew the lease of the call.

    Raises:
        JobNotRunning: The attempt does not run any more.
    """
    if (await session.execute(_RENEW, call.values)).scalar_one_or_none() is None:
        raise JobNotRunning


async def lock_job(session: AsyncSession, call: Call) -> None:
    """Lock the job until the transaction ends, so that it neither ends nor is charged.

    Raises:
        JobNotRunning: The attempt does not run any more.
    """
    if await ledger.job_spending(session, call) is None:
        raise JobNotRunning


async def finish(session: AsyncSession, call: Call, used: LineItem, result: Mapping[str, Any]) -> None:
    """Store the result and its cost; the job's row is locked.

    Raises:
        JobNotRunning: The attempt does not run any more.
    """
    if await ledger.record_usage(session, call, [used]) is None:
        raise JobNotRunning
    await session.execute(_STORE_RESULT, {**call.values, "answer": storable(dict(result))})


async def suspend(session: AsyncSession, call: Call) -> None:
    """Release the call and its reservation, but keep its order."""
    await session.execute(_SUSPEND, call.values)


async def discard(session: AsyncSession, call: Call) -> None:
    """Delete the call, unless another attempt has started it."""
    await session.execute(_DISCARD, call.values)


async def order_of(session: AsyncSession, call: Call) -> dict[str, str] | None:
    """Return the order of a call of this attempt."""
    return (await session.execute(_ORDER, call.values)).scalar_one_or_none()


async def is_job_ended(session: AsyncSession, job_id: UUID) -> bool:
    """Return whether the job has ended or is being cancelled, so that it does not need its orders."""
    found: bool | None = (await session.execute(_IS_JOB_ENDED, {"job_id": job_id})).scalar_one_or_none()
    return found is None or found
