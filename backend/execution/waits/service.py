"""Register what a job waits for, let the job leave its worker, and put it back into the queue.

A wait is registered while the job runs, so that its time counts from then on whatever happens to the worker. The time
comes from the clock of the database only. A wait has ended once its `wake_at` has passed; an event sets `wake_at` to
the time at which it was received. So one condition decides which jobs continue, and each sweep checks it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import logs, notifications
from backend.core.db.engine import AnySession, Database
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.events.append import NewEvent, PendingEvent
from backend.execution.events.types import OMITTED, WaitingEvent
from backend.execution.jobs import transitions
from backend.execution.jobs.attempts import subjobs
from backend.execution.jobs.cancel import cancel_by
from backend.execution.waits.matching import fits, lock_key
from backend.money import admission

log = logs.get(__name__)

MAX_RESUMED: Final = 200
"""Maximum jobs that one transaction queues again."""
MAX_BATCHES: Final = 10
"""Maximum batches of one sweep."""


@dataclass(frozen=True, slots=True)
class Wait:
    """A wait for a time, for an event, or for an event until a time."""

    key: str
    """Names the wait in its job: the same in each attempt."""
    name: str
    """The name of the step, for users."""
    after_s: float | None = None
    """Wait until this time has passed; for an event, the maximum time."""
    until: datetime | None = None
    """Wait until this time; for an event, the time limit."""
    event_type: str | None = None
    match: Mapping[str, Any] = field(default_factory=dict)
    """Values that the data of the event must have, by their paths, such as `order.id`."""
    skipped: Sequence[int] = ()
    """The `seq` of events that this wait must not receive."""


@dataclass(frozen=True, slots=True)
class ReceivedEvent:
    """The event that ended a wait."""

    seq: int
    id: str
    type: str
    data: Any
    received_at: datetime


@dataclass(frozen=True, slots=True)
class WaitState:
    """A wait as it is stored."""

    key: str
    name: str
    event_type: str | None
    remaining_s: float | None
    """Not positive: the wait has ended. None: it has no time limit."""
    waited_s: float
    wake_at: datetime | None
    event: ReceivedEvent | None

    @property
    def has_ended(self) -> bool:
        """Whether its time has come, or its event was received."""
        return self.remaining_s is not None and self.remaining_s <= 0


_LOCK_TYPE = text("select pg_advisory_xact_lock_shared(:key)")

_REGISTER = text(f"""
with wait as (
  insert into job_waits (job_id, key, project_id, name, kind, wake_at, event_type, match, skipped, created_at)
  select j.id, :key, j.project_id, :name, :kind,
         coalesce(cast(:until as timestamptz),
                  clock_timestamp() + make_interval(secs => cast(:after_s as double precision))),
         cast(:event_type as text), cast(:match as jsonb), cast(:skipped as bigint[]), clock_timestamp()
  from jobs j where j.id = :job_id and j.attempt = :attempt and j.status = 'running'
  on conflict (job_id, key) do nothing
  returning project_id
)
select (
  select e.seq from project_events e join jobs j on j.project_id = e.project_id
  where j.id = :job_id and e.project_id = (select project_id from wait) and e.type = :event_type
    and e.environment = j.environment and e.received_at >= j.created_at and not e.seq = any(cast(:skipped as bigint[]))
    and {fits("cast(:match as jsonb)", "e.data")}
  order by e.received_at, e.seq limit 1
) as event_seq
""")  # noqa: S608 - the interpolated value is a constant

_SET_EVENT = text("""
update job_waits set event_seq = :event_seq, wake_at = clock_timestamp()
where job_id = :job_id and key = :key and project_id = :project_id
""")

_STATES = text("""
select w.key, w.name, w.event_type, w.wake_at,
       extract(epoch from w.wake_at - clock_timestamp())::double precision as remaining_s,
       extract(epoch from clock_timestamp() - w.created_at)::double precision as waited_s,
       e.seq, e.id, e.type, e.data, e.received_at
from job_waits w left join project_events e on e.seq = w.event_seq and e.project_id = w.project_id
where w.job_id = :job_id and w.key = any(:keys) and w.project_id = :project_id
""")

_DELETE = text(
    "delete from job_waits where job_id = :job_id and key = any(:keys) and project_id = :project_id"
)

_DUE = text("""
select distinct project_id, job_id from (
  select project_id, job_id from job_waits where is_suspended and wake_at <= clock_timestamp()
  order by wake_at limit :limit
) due
order by project_id
""")


_NEXT = text("""
select extract(epoch from wake_at - clock_timestamp())::double precision as pause_s, project_id
from job_waits where is_suspended and wake_at > clock_timestamp() order by wake_at limit 1
""")


async def register(
    session: AsyncSession, *, project_id: UUID, job_id: UUID, attempt: int, wait: Wait
) -> WaitState | None:
    """Store a wait of a running job unless it is stored already, and return its state.

    Args:
        session: The transaction.
        project_id: The project of the job.
        job_id: The job.
        attempt: The running attempt.
        wait: What to wait for.

    Returns:
        None if the attempt is not the running one any more. Nothing is stored then.
    """
    if wait.event_type is not None:  # no event of this type is stored between the search and the commit
        await session.execute(_LOCK_TYPE, {"key": lock_key(project_id, wait.event_type)})
    key = {"job_id": job_id, "key": wait.key}
    values = {
        **key,
        "attempt": attempt,
        "name": wait.name,
        "kind": "time" if wait.event_type is None else "event",
        "until": wait.until,
        "after_s": wait.after_s,
        "event_type": wait.event_type,
        "match": storable(dict(wait.match)),
        "skipped": list(wait.skipped),
    }
    event_seq = (await session.execute(_REGISTER, values)).scalar_one_or_none()
    if event_seq is not None:
        await session.execute(_SET_EVENT, {**key, "project_id": project_id, "event_seq": event_seq})
    found = await states(session, project_id=project_id, job_id=job_id, keys=[wait.key])
    return found.get(wait.key)


async def states(
    session: AnySession, *, project_id: UUID, job_id: UUID, keys: Sequence[str]
) -> dict[str, WaitState]:
    """Return the states of waits by their keys."""
    values = {"project_id": project_id, "job_id": job_id, "keys": list(keys)}
    rows = (await session.execute(_STATES, values)).all()
    return {row.key: _state(row) for row in rows}


async def delete(session: AnySession, *, project_id: UUID, job_id: UUID, keys: Sequence[str]) -> None:
    """Delete waits whose end the job has stored."""
    await session.execute(_DELETE, {"project_id": project_id, "job_id": job_id, "keys": list(keys)})


async def suspend(
    session: AsyncSession,
    *,
    project_id: UUID,
    job_id: UUID,
    attempt: int,
    reason: str,
    wake_at: datetime | None,
    events: Sequence[PendingEvent] = (),
) -> bool:
    """Let a job leave its worker until one of its waits has ended; if one has ended already, queue it again.

    Args:
        session: The transaction.
        project_id: The project of the job.
        job_id: The job.
        attempt: The running attempt.
        reason: What it waits for, in one word: `sleep`, `event` and others.
        wake_at: When it continues at the latest; None without a time limit.
        events: Events that are not stored yet.

    Returns:
        False if the attempt is not the running one any more. Nothing is stored then.
    """
    waiting = WaitingEvent(
        reason=reason, approvals=0, until=OMITTED if wake_at is None else wake_at.isoformat()
    )
    all_events = [*events, NewEvent(waiting)]
    await subjobs.return_loan(session, job_id=job_id, attempt=attempt)
    row = await transitions.suspend(session, job_id=job_id, attempt=attempt, events=all_events)
    if row is None:
        return False
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq, project_id=project_id))
    transactional.note(session, EVENTS_APPENDED, len(all_events))
    if row.cancel_requested_at is not None:  # requested while it ran: its worker cannot end it any more
        await cancel_by(session, job_id, actor="a request while it ran")
    else:
        await resume(session, project_id, [job_id])
    await admission.admit(session, project_id)
    return True


async def resume(session: AsyncSession, project_id: UUID, job_ids: Sequence[UUID]) -> int:
    """Put those of the jobs back into the queue that have a wait that has ended, and return how many these are."""
    rows = await transitions.resume_due(session, project_id=project_id, job_ids=job_ids)
    notifications.note(session, *{notifications.wakeup_for(row.lane, row.parent_id) for row in rows})
    if rows:
        await admission.admit(session, project_id)
    return len(rows)


async def resume_due(database: Database) -> int:
    """Put the jobs whose waits have ended back into the queue, and return how many these are.

    Each project has its own transaction, because it locks the rows of its jobs, its wallet and its window.
    """
    resumed = 0
    for _ in range(MAX_BATCHES):
        async with database.reading() as reader:
            due = (await reader.execute(_DUE, {"limit": MAX_RESUMED})).all()
        for project_id, rows in groupby(due, key=lambda row: row.project_id):
            async with database.transaction() as session:
                resumed += await resume(session, project_id, [row.job_id for row in rows])
        if len(due) < MAX_RESUMED:
            break
    if resumed:
        log.info("waiting jobs resumed", count=resumed)
    return resumed


async def next_due_s(database: Database) -> float | None:
    """Return the seconds until the next wait of a suspended job ends; None if no time is known."""
    async with database.reading() as reader:
        found: float | None = (await reader.execute(_NEXT)).scalar_one_or_none()
    return found


def _state(row: Any) -> WaitState:
    event = None
    if row.seq is not None:
        event = ReceivedEvent(row.seq, row.id, row.type, row.data, row.received_at)
    return WaitState(row.key, row.name, row.event_type, row.remaining_s, row.waited_s, row.wake_at, event)
