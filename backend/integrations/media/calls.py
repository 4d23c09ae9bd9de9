"""What is kept of a call while it is made, and after: so that none is ordered or paid twice.

Every write holds the job's row first: calls of one job take their turn, and see what the others may still cost.
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

LEFT_AFTER: Final = timedelta(seconds=30)
"""Nobody works on a call that was not renewed for so long."""

_FIND: Final = text("""
select fingerprint, attempt, ordered, answer, renewed_at > now() - :left_after as is_busy
from media_calls where job_id = :job_id and key = :key
""")
_HELD: Final = text("""
select cast(coalesce(sum(held_micros), 0) as bigint) from media_calls where job_id = :job_id and key <> :key
""")
_TAKE: Final = text("""
insert into media_calls (job_id, key, fingerprint, attempt, held_micros, renewed_at, created_at)
values (:job_id, :key, :fingerprint, :attempt, :held_micros, now(), now())
on conflict (job_id, key) do update
set attempt = excluded.attempt, held_micros = excluded.held_micros, renewed_at = now()
""")
_NOTE: Final = text("""
update media_calls set ordered = cast(:ordered as jsonb), renewed_at = now()
where job_id = :job_id and key = :key and attempt = :attempt
""")
_RENEW: Final = text("""
update media_calls c set renewed_at = now() from jobs j
where c.job_id = :job_id and c.key = :key and c.attempt = :attempt
  and j.id = c.job_id and j.attempt = c.attempt and j.status = 'running'
returning 1
""")
_ANSWER: Final = text("""
update media_calls set answer = cast(:answer as jsonb), held_micros = 0
where job_id = :job_id and key = :key and attempt = :attempt
""")
_LEAVE: Final = text("""
update media_calls set held_micros = 0, renewed_at = '-infinity'
where job_id = :job_id and key = :key and attempt = :attempt and answer is null
""")
_DROP: Final = text("""
delete from media_calls where job_id = :job_id and key = :key and attempt = :attempt and answer is null
""")
_ORDER: Final = text("""
select ordered from media_calls where job_id = :job_id and key = :key and attempt = :attempt and answer is null
""")
_IS_OVER: Final = text(
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
        """As parameters of a statement."""
        return {"job_id": self.job_id, "attempt": self.attempt, "key": self.key}


class Begun(NamedTuple):
    """What is known of a call when it is taken up."""

    answer: dict[str, Any] | None = None
    """It is done."""
    ordered: dict[str, str] | None = None
    """It was ordered before."""


async def begin(
    session: AsyncSession, call: Call, *, fingerprint: str, model: str, needed_micros: int
) -> Begun:
    """Take the call up, and hold what it may cost.

    Raises:
        JobNotRunning: the attempt is not the running one any more.
        KeyReused: the key was used for something else.
        MediaInProgress: somebody works on it.
        MediaCostExceedsLimit: it may cost more than is left for the job.
    """
    noted = await ledger.job_spending(session, call)
    if noted is None:
        raise JobNotRunning
    found = (await session.execute(_FIND, {**call.values, "left_after": LEFT_AFTER})).one_or_none()
    if found is not None:
        if found.fingerprint != fingerprint:
            raise KeyReused
        if found.answer is not None:
            return Begun(answer=found.answer)
        if found.is_busy and found.attempt == call.attempt:
            raise MediaInProgress
    held: int = (await session.execute(_HELD, call.values)).scalar_one()
    left = max(0, noted.remaining_micros - held)
    if needed_micros > left:
        has_reservation = noted.remaining_micros + noted.used_micros > 0
        raise MediaCostExceedsLimit(
            model, needed_micros=needed_micros, left_micros=left, has_reservation=has_reservation
        )
    taken = {**call.values, "fingerprint": fingerprint, "held_micros": needed_micros}
    await session.execute(_TAKE, taken)
    return Begun(ordered=found.ordered if found is not None else None)


async def held_micros(session: AsyncSession, job_id: UUID) -> int:
    """What the calls of a job that are being made may still cost."""
    held: int = (await session.execute(_HELD, {"job_id": job_id, "key": ""})).scalar_one()
    return held


async def note_order(session: AsyncSession, call: Call, ordered: Mapping[str, str]) -> None:
    """Keep what finds the order again."""
    await session.execute(_NOTE, {**call.values, "ordered": storable(dict(ordered))})


async def renew(session: AsyncSession, call: Call) -> None:
    """Say that somebody works on it.

    Raises:
        JobNotRunning: the attempt is not the running one any more.
    """
    if (await session.execute(_RENEW, call.values)).scalar_one_or_none() is None:
        raise JobNotRunning


async def hold(session: AsyncSession, call: Call) -> None:
    """Keep the job from ending, and from being charged, until the transaction does.

    Raises:
        JobNotRunning: the attempt is not the running one any more.
    """
    if await ledger.job_spending(session, call) is None:
        raise JobNotRunning


async def finish(session: AsyncSession, call: Call, used: LineItem, answer: Mapping[str, Any]) -> None:
    """Write down what was made and what it costs; the job's row is held.

    Raises:
        JobNotRunning: the attempt is not the running one any more.
    """
    if await ledger.record_usage(session, call, [used]) is None:
        raise JobNotRunning
    await session.execute(_ANSWER, {**call.values, "answer": storable(dict(answer))})


async def leave(session: AsyncSession, call: Call) -> None:
    """Nobody works on it for now; its order stands."""
    await session.execute(_LEAVE, call.values)


async def drop(session: AsyncSession, call: Call) -> None:
    """Nothing comes of it; a call that another attempt has taken up stays."""
    await session.execute(_DROP, call.values)


async def order_of(session: AsyncSession, call: Call) -> dict[str, str] | None:
    """What finds the order of a call that this attempt has in hand."""
    return (await session.execute(_ORDER, call.values)).scalar_one_or_none()


async def is_over(session: AsyncSession, job_id: UUID) -> bool:
    """Whether nobody will ask for what the job has ordered."""
    found: bool | None = (await session.execute(_IS_OVER, {"job_id": job_id})).scalar_one_or_none()
    return found is None or found
