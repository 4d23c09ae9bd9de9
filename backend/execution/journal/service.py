"""Write and read the journal of an agent's run.

Every write is fenced by the attempt and idempotent. The entry, its events, its cost and the counts of the job are
written by one statement, so that none is stored without the others.
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
from backend.execution.events.append import EVENT_COLUMNS, EVENT_ROWS, EVENT_VALUES, PendingEvent, as_rows
from backend.money.ledger.service import LineItem

Kind = Literal["opening", "reply", "started", "result", "note", "verdict"]

OPENING_STEP = 0
NOTE_PLACE = 1_000
"""Position of the note that follows the results of a step; no reply requests that many calls."""
CLEARED_PLACE = 1_001
"""First position of the notes about results that were removed from the conversation after a step: one before the next
request, one after its model rejected the conversation as too long."""
TOOLS_PLACE = 1_003
"""Position of the note with the descriptions of the tools of the next request, if they differ from those before."""
TEXT_PLACE = 1_004
"""Position of the note with the text of the runtime that follows a reply without tool calls in the next request."""
VERDICT_PLACE = 2_000
"""Position of the first grader's verdict, in step 0, because it belongs to no step."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One result of a run that is not repeated."""

    step: int
    place: int
    kind: Kind
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class JournalWrite:
    """Entries that belong together, and everything that is stored with them."""

    entries: Sequence[Entry]
    """At least one. The first one decides whether they are stored already."""
    events: Sequence[PendingEvent] = ()
    used: Sequence[LineItem] = ()
    """Line items of the entries."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """New values of the counts of the job."""


class StoredEntry(NamedTuple):
    """A stored entry."""

    entry: Entry
    attempt: int
    created_at: datetime


class Journal(NamedTuple):
    """The journal of a run."""

    entries: list[StoredEntry]
    spent_micros: int
    """The bill of everything that the job has used."""


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
                            billed_micros, label, is_estimated, step, created_at)
  select u.id, job.project_id, job.id, :attempt, u.kind, u.provider, u.model, u.quantity, u.upstream_nanos,
         u.billed_micros, u.label, u.is_estimated, :step, clock_timestamp()
  from job, jsonb_to_recordset(cast(:used as jsonb)) as u(
    id uuid, kind text, provider text, model text, quantity jsonb, upstream_nanos bigint, billed_micros bigint,
    label text, is_estimated boolean
  )
), event as (
  insert into job_events (job_id, seq, {EVENT_COLUMNS})
  select job.id, job.event_seq - :count + e.n, {EVENT_VALUES} from job, {EVENT_ROWS}
)
select event_seq, used_micros + :reserved_micros - reserved_micros as spent_micros from job
""")  # noqa: S608 - interpolated values are constants

_STORED_SPENT = text("""
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

_COPY = text("""
insert into journal_entries (job_id, step, place, kind, attempt, content, created_at)
select :job_id, e.step, e.place, e.kind, 0, e.content, clock_timestamp()
from json_to_recordset(cast(:entries as json)) as e(step int, place int, kind text, content json)
""")

_CLEAR = text("""
with approval as (delete from approvals where job_id = :job_id)
delete from journal_entries where job_id = :job_id
""")


async def write(
    session: AnySession, *, job_id: UUID, attempt: int, reserved_micros: int, writing: JournalWrite
) -> int | None:
    """Store the entries unless they are stored already, and return what the job has spent, in micros.

    That is what the job and its subjobs have used, plus the part of the `reserved_micros` of its claim that is lent to
    running subjobs.

    Returns:
        None if the attempt is not the running one any more. Nothing is stored then.
    """
    first = writing.entries[0]
    key = {
        "job_id": job_id,
        "attempt": attempt,
        "step": first.step,
        "place": first.place,
        "kind": first.kind,
        "reserved_micros": reserved_micros,
    }
    billed = sum(item.billed_micros for item in writing.used)
    written = await session.execute(
        _WRITE,
        {
            **key,
            "entries": storable([_as_row(entry) for entry in writing.entries]),
            "used": storable([_item_row(item) for item in writing.used]),
            "billed_micros": billed,
            "usage": storable(dict(writing.usage)),
            "count": len(writing.events),
            "events": as_rows(writing.events),
        },
    )
    row = written.one_or_none()
    if row is None:
        stored: int | None = (await session.execute(_STORED_SPENT, key)).scalar_one_or_none()
        return stored
    if writing.events:
        notifications.note(session, notifications.EventNotification(job_id, row.event_seq))
        transactional.note(session, EVENTS_APPENDED, len(writing.events))
    spent: int = row.spent_micros
    return spent


async def read(session: AnySession, job_id: UUID, *, reserved_micros: int) -> Journal:
    """Return all entries of a run in order, and what the job has spent."""
    rows = (await session.execute(_READ, {"job_id": job_id})).all()
    spent: int = (
        await session.execute(_SPENT, {"job_id": job_id, "reserved_micros": reserved_micros})
    ).scalar_one()
    stored = [
        StoredEntry(Entry(row.step, row.place, row.kind, row.content), row.attempt, row.created_at)
        for row in rows
    ]
    return Journal(stored, spent)


async def copy_entries(session: AnySession, job_id: UUID, entries: Sequence[Entry]) -> None:
    """Store entries of another job for a job that is not claimed yet. They belong to attempt 0 and are not charged."""
    values = {"job_id": job_id, "entries": storable([_as_row(entry) for entry in entries])}
    await session.execute(_COPY, values)


async def clear(session: AnySession, job_id: UUID) -> None:
    """Delete the journal and the approvals, so that the next attempt starts again. What was spent stays charged."""
    await session.execute(_CLEAR, {"job_id": job_id})


def _as_row(entry: Entry) -> dict[str, Any]:
    return {"step": entry.step, "place": entry.place, "kind": entry.kind, "content": entry.content}


def _item_row(item: LineItem) -> dict[str, Any]:
    return {
        "id": str(uuid4()),
        "kind": item.kind,
        "provider": item.provider,
        "model": item.model,
        "quantity": item.quantity,
        "upstream_nanos": item.upstream_nanos,
        "billed_micros": item.billed_micros,
        "label": item.label,
        "is_estimated": item.is_estimated,
    }
