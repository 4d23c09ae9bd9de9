"""Write and read the durable steps of a job.

Every write is fenced by the attempt and idempotent. Steps and their events are stored by one statement, so that a step
costs one commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.events.append import EVENT_COLUMNS, EVENT_ROWS, EVENT_VALUES, PendingEvent, as_rows
from backend.execution.steps.tables import Kind, Status

MAX_STEPS: Final = 10_000
"""Maximum steps of one job, in all branches together."""
MAX_RESULT_BYTES: Final = 1 << 20
"""Maximum size of the result of one step, as JSON."""
MAX_JOB_BYTES: Final = 32 << 20
"""Maximum size of the results of all steps of a job, which a worker reads when the job starts again."""


@dataclass(frozen=True, slots=True)
class StepWrite:
    """The outcome of a step, or the mark that a step with `once` has started."""

    branch: str
    position: int
    name: str
    occurrence: int
    kind: Kind
    status: Status
    tries: int = 1
    result: str | None = None
    """JSON text."""
    error: dict[str, Any] | None = None
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A stored step, as a later attempt reads it."""

    branch: str
    position: int
    name: str
    occurrence: int
    kind: Kind
    status: Status
    retries: int
    result: str | None
    """JSON text."""
    error: dict[str, Any] | None


_WRITE = text(f"""
with job as (
  update jobs set event_seq = event_seq + :count
  where id = :job_id and attempt = :attempt and status = 'running' and not exists (
    select from job_steps
    where job_id = :job_id and branch = :branch and position = :position and attempt = :attempt and status = :status
  )
  returning id, event_seq
), step as (
  insert into job_steps (job_id, branch, position, name, occurrence, kind, status, attempt, retries, tries, result,
                         error, started_at, finished_at)
  select job.id, s.branch, s.position, s.name, s.occurrence, s.kind, s.status, :attempt, :retries, s.tries,
         cast(s.result as json), s.error, clock_timestamp() - make_interval(secs => s.duration_s),
         case when s.status <> 'started' then clock_timestamp() end
  from job, json_to_recordset(cast(:steps as json)) as s(
    branch text, position int, name text, occurrence int, kind text, status text, tries int, result text, error json,
    duration_s double precision
  )
  on conflict (job_id, branch, position) do update
  set name = excluded.name, occurrence = excluded.occurrence, kind = excluded.kind, status = excluded.status,
      attempt = excluded.attempt, retries = excluded.retries, tries = excluded.tries, result = excluded.result,
      error = excluded.error, started_at = excluded.started_at, finished_at = excluded.finished_at
), event as (
  insert into job_events (job_id, seq, {EVENT_COLUMNS})
  select job.id, job.event_seq - :count + e.n, {EVENT_VALUES} from job, {EVENT_ROWS}
)
select event_seq from job
""")  # noqa: S608 - interpolated values are constants

_IS_STORED = text("""
select from job_steps
where job_id = :job_id and branch = :branch and position = :position and attempt = :attempt and status = :status
""")

_READ = text("""
select branch, position, name, occurrence, kind, status, retries, cast(result as text) as result, error
from job_steps where job_id = :job_id order by branch, position
""")

_COPY = text("""
insert into job_steps (job_id, branch, position, name, occurrence, kind, status, attempt, retries, tries, result, error,
                       started_at, finished_at)
select :job_id, branch, position, name, occurrence, kind, status, 0, 0, tries, result, error, started_at, finished_at
from job_steps
where job_id = :from_job_id and status <> 'started'
order by finished_at, branch, position limit :count
""")

_COUNT = text("select count(*) from job_steps where job_id = :job_id and status <> 'started'")


async def write(
    session: AnySession,
    *,
    job_id: UUID,
    attempt: int,
    retries: int,
    steps: Sequence[StepWrite],
    events: Sequence[PendingEvent] = (),
) -> bool:
    """Store steps with their events, unless the first of them is stored already.

    Returns:
        False if the attempt is not the running one any more. Nothing is stored then.
    """
    first = steps[0]
    key = {
        "job_id": job_id,
        "attempt": attempt,
        "branch": first.branch,
        "position": first.position,
        "status": first.status,
    }
    values = {
        **key,
        "retries": retries,
        "steps": storable([_as_row(step) for step in steps]),
        "count": len(events),
        "events": as_rows(events),
    }
    seq = (await session.execute(_WRITE, values)).scalar_one_or_none()
    if seq is None:
        return (await session.execute(_IS_STORED, key)).one_or_none() is not None
    if events:
        notifications.note(session, notifications.EventNotification(job_id, seq))
        transactional.note(session, EVENTS_APPENDED, len(events))
    return True


async def read(session: AnySession, job_id: UUID) -> list[StoredStep]:
    """Return the stored steps of a job, by branch and position."""
    rows = (await session.execute(_READ, {"job_id": job_id})).all()
    return [StoredStep(*row) for row in rows]


async def count(session: AnySession, job_id: UUID) -> int:
    """Return the number of steps of a job whose outcome is stored."""
    found: int = (await session.execute(_COUNT, {"job_id": job_id})).scalar_one()
    return found


async def copy(session: AnySession, job_id: UUID, *, from_job_id: UUID, count: int) -> None:
    """Store the first steps of another job, in the order of their ends, for a job that is not claimed yet."""
    await session.execute(_COPY, {"job_id": job_id, "from_job_id": from_job_id, "count": count})


def _as_row(step: StepWrite) -> dict[str, Any]:
    return {
        "branch": step.branch,
        "position": step.position,
        "name": step.name,
        "occurrence": step.occurrence,
        "kind": step.kind,
        "status": step.status,
        "tries": step.tries,
        "result": step.result,
        "error": step.error,
        "duration_s": step.duration_s,
    }
