"""Writing and reading a run's journal. Every write is fenced by the attempt, and done once however often it is tried.

An entry, the events that tell of it, what it cost and the job's own counts are one statement: one without the others
does not exist.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.events.append import EVENT_ROWS, PendingEvent, as_rows
from backend.money.ledger.service import Used

Kind = Literal["opening", "reply", "started", "result", "note", "verdict"]

OPENING_STEP = 0
NOTE_PLACE = 1_000
"""Of a note that goes with the results of a step: no reply asks for so many calls."""
CLEARED_PLACE = 1_001
"""Of the notes of what was taken out of the conversation behind a step, to make room: one before the next reply was
asked for, one after its model found the conversation too long."""
VERDICT_PLACE = 2_000
"""Of the first grader's verdict, beside the opening: it belongs to no step."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of a run that is not done again."""

    step: int
    place: int
    kind: Kind
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Writing:
    """Entries that belong together, and all that is to be stored with them."""

    entries: Sequence[Entry]
    """At least one; the first says whether they are there already."""
    events: Sequence[PendingEvent] = ()
    used: Sequence[Used] = ()
    """Priced things that were used for them."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """What becomes of the job's own counts."""


class Kept(NamedTuple):
    """An entry as it was read."""

    entry: Entry
    attempt: int
    created_at: datetime


class Journalled(NamedTuple):
    """What a run has done so far."""

    entries: list[Kept]
    spent_micros: int
    """What all of it, and everything else that was used for the job, was billed."""


_WRITE = text(f"""
with job as (
  update jobs
  set event_seq = event_seq + :count, steps = greatest(steps, :step), usage = usage || cast(:usage as jsonb),
      used_micros = used_micros + :billed_micros
  where id = :job_id and attempt = :attempt and status = 'running' and not exists (
    select from journal_entries
    where job_id = :job_id and step = :step and place = :place and (kind = :kind or kind = 'result')
  )
  returning id, project_id, event_seq, used_micros + called_used_micros as used_micros, reserved_micros
), entry as (
  insert into journal_entries (job_id, step, place, kind, attempt, content, created_at)
  select job.id, e.step, e.place, e.kind, :attempt, e.content, clock_timestamp()
  from job, json_to_recordset(cast(:entries as json)) as e(step int, place int, kind text, content json)
  on conflict (job_id, step, place) do update
  set kind = excluded.kind, attempt = excluded.attempt, content = excluded.content, created_at = excluded.created_at
), used as (
  insert into usage_events (id, project_id, job_id, attempt, kind, provider, model, quantity, upstream_nanos,
                            billed_micros, label, step, created_at)
  select u.id, job.project_id, job.id, :attempt, u.kind, u.provider, u.model, u.quantity, u.upstream_nanos,
         u.billed_micros, u.label, :step, clock_timestamp()
  from job, jsonb_to_recordset(cast(:used as jsonb)) as u(
    id uuid, kind text, provider text, model text, quantity jsonb, upstream_nanos bigint, billed_micros bigint,
    label text
  )
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select job.id, job.event_seq - :count + e.n, e.ts, e.type, e.payload from job, {EVENT_ROWS}
)
select event_seq, used_micros + :reserved_micros - reserved_micros as spent_micros from job
""")  # noqa: S608 - interpolated values are constants

_IS_KEPT = text("""
select j.used_micros + j.called_used_micros + :reserved_micros - j.reserved_micros
from journal_entries e join jobs j on j.id = e.job_id
where e.job_id = :job_id and e.step = :step and e.place = :place and e.attempt = :attempt
  and e.kind in (:kind, 'result')
""")

_READ = text("""
select step, place, kind, attempt, content, created_at from journal_entries where job_id = :job_id
order by step, place
""")

_SPENT = text("""
select used_micros + called_used_micros + :reserved_micros - reserved_micros from jobs where id = :job_id
""")

_BEGIN_WITH = text("""
insert into journal_entries (job_id, step, place, kind, attempt, content, created_at)
select :job_id, e.step, e.place, e.kind, 0, e.content, clock_timestamp()
from json_to_recordset(cast(:entries as json)) as e(step int, place int, kind text, content json)
""")

_FORGET = text("""
with approval as (delete from approvals where job_id = :job_id)
delete from journal_entries where job_id = :job_id
""")


async def write(
    session: AnySession, *, job_id: UUID, attempt: int, reserved_micros: int, writing: Writing
) -> int | None:
    """Store it unless it is stored already; gives what the job has spent by now, in micros.

    That is what it and the jobs that it called have used, and what of the `reserved_micros` of its claim is lent to
    those that run.

    None: the attempt is not the running one any more, and nothing is stored.
    """
    first = writing.entries[0]
    found = {
        "job_id": job_id,
        "attempt": attempt,
        "step": first.step,
        "place": first.place,
        "kind": first.kind,
        "reserved_micros": reserved_micros,
    }
    billed = sum(one.billed_micros for one in writing.used)
    written = await session.execute(
        _WRITE,
        {
            **found,
            "entries": storable([_as_row(entry) for entry in writing.entries]),
            "used": storable([_used_row(one) for one in writing.used]),
            "billed_micros": billed,
            "usage": storable(dict(writing.usage)),
            "count": len(writing.events),
            "events": as_rows(writing.events),
        },
    )
    row = written.one_or_none()
    if row is None:
        kept: int | None = (await session.execute(_IS_KEPT, found)).scalar_one_or_none()
        return kept
    if writing.events:
        notifications.note(session, notifications.EventNotification(job_id, row.event_seq))
        transactional.note(session, EVENTS_APPENDED, len(writing.events))
    spent: int = row.spent_micros
    return spent


async def read(session: AnySession, job_id: UUID, *, reserved_micros: int) -> Journalled:
    """All that a run has written, in order, and what the job has spent."""
    rows = (await session.execute(_READ, {"job_id": job_id})).all()
    spent: int = (
        await session.execute(_SPENT, {"job_id": job_id, "reserved_micros": reserved_micros})
    ).scalar_one()
    kept = [
        Kept(Entry(row.step, row.place, row.kind, row.content), row.attempt, row.created_at) for row in rows
    ]
    return Journalled(kept, spent)


async def begin_with(session: AnySession, job_id: UUID, entries: Sequence[Entry]) -> None:
    """Let a job that nobody has claimed yet begin with what another has done: of no attempt, and paid already."""
    values = {"job_id": job_id, "entries": storable([_as_row(entry) for entry in entries])}
    await session.execute(_BEGIN_WITH, values)


async def forget(session: AnySession, job_id: UUID) -> None:
    """Let the job's next attempt begin anew; what was spent stays spent, and no consent holds for other calls."""
    await session.execute(_FORGET, {"job_id": job_id})


def _as_row(entry: Entry) -> dict[str, Any]:
    return {"step": entry.step, "place": entry.place, "kind": entry.kind, "content": entry.content}


def _used_row(one: Used) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "kind": one.kind,
        "provider": one.provider,
        "model": one.model,
        "quantity": one.quantity,
        "upstream_nanos": one.upstream_nanos,
        "billed_micros": one.billed_micros,
        "label": one.label,
    }
