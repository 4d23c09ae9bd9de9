"""The worker's side: a run that needs the consent of people leaves its worker, and later reads what they said."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.approvals.types import Wanted
from backend.execution.events.append import EVENT_ROWS, NewEvent, as_rows
from backend.execution.jobs import subjobs
from backend.execution.jobs.cancel import cancel_by
from backend.identity.webhook_outbox.outbox import telling_of_jobs
from backend.money import admission

MOST_ECHOED_CHARACTERS: Final = 4_000
"""Of the input, in the event; the approval itself has the whole."""


class Decision(NamedTuple):
    """What became of a call that somebody was asked about."""

    status: str
    reason: str
    effect: str | None = ""
    """What the call was that was asked about, see `Wanted`; None: a version that did not record it has asked."""


_WAIT = text(f"""
with held as (
  select id, reserved_micros from jobs
  where id = :job_id and attempt = :attempt and status = 'running' for update
), waiting as (
  update jobs j
  set status = 'waiting', worker_id = null, started_at = null, reserved_micros = 0, event_seq = j.event_seq + :count
  from held where j.id = held.id
  returning j.id, j.project_id, j.event_seq, j.cancel_requested_at, j.parent_job_id, held.reserved_micros,
            j.skill_name, j.status, j.error_code, j.source
), told as ({telling_of_jobs("waiting")}
), asked as (
  insert into approvals (id, project_id, job_id, step, place, tool, tool_use_id, input, effect, status, reason,
                         decided_by, created_at, expires_at)
  select a.id, w.project_id, w.id, a.step, a.place, a.tool, a.tool_use_id, a.input, a.effect, 'pending', '', '',
         clock_timestamp(), cast(:expires_at as timestamptz)
  from waiting w, json_to_recordset(cast(:wanted as json)) as a(id uuid, step int, place int, tool text,
                                                               tool_use_id text, input json, effect text)
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select w.id, w.event_seq - :count + e.n, e.ts, e.type, e.payload from waiting w, {EVENT_ROWS}
), wallet as (
  update wallets w set reserved_micros = w.reserved_micros - waiting.reserved_micros
  from waiting where w.project_id = waiting.project_id and waiting.reserved_micros > 0
  returning 1
), slot as (
  update admissions a set admitted = a.admitted - 1
  from waiting where a.project_id = waiting.project_id and waiting.parent_job_id is null
    and (select count(*) from wallet) >= 0  -- the wallet's row first
)
select project_id, event_seq, cancel_requested_at from waiting
""")  # noqa: S608 - interpolated values are constants

_DECISIONS = text("""
select step, place, status, reason, effect from approvals
where project_id = :project_id and job_id = :job_id and status <> 'pending'
""")


async def wait_for_consent(
    session: AsyncSession,
    *,
    job_id: UUID,
    attempt: int,
    wanted: Sequence[Wanted],
    expires_at: datetime,
    events: Sequence[NewEvent] = (),
) -> bool:
    """Ask people about the calls, and let the job wait without a worker, a place in the window or held money.

    False when the attempt is not the running one any more, and then nobody is asked.
    """
    rows = [{"id": str(uuid4()), **_as_row(one)} for one in wanted]
    asked = [NewEvent("approval_required", _facts(row, expires_at)) for row in rows]
    waiting = NewEvent("waiting", {"reason": "approval", "approvals": len(rows)})
    everything = [*events, *asked, waiting]
    values = {
        "job_id": job_id,
        "attempt": attempt,
        "wanted": storable(rows),
        "expires_at": expires_at,
        "count": len(everything),
        "events": as_rows(everything),
    }
    await subjobs.unlend(session, job_id=job_id, attempt=attempt)
    row = (await session.execute(_WAIT, values)).one_or_none()
    if row is None:
        return False
    notifications.note(session, notifications.EventNotification(job_id, row.event_seq))
    transactional.note(session, EVENTS_APPENDED, len(everything))
    if row.cancel_requested_at is not None:  # asked for while it ran: its worker cannot end it any more
        await cancel_by(session, job_id, who="a request while it ran")
    await admission.admit(session, row.project_id)
    return True


async def decisions(
    session: AnySession, *, project_id: UUID, job_id: UUID
) -> dict[tuple[int, int], Decision]:
    """What was decided about the job's calls, by step and place."""
    rows = (await session.execute(_DECISIONS, {"project_id": project_id, "job_id": job_id})).all()
    return {(row.step, row.place): Decision(row.status, row.reason, row.effect) for row in rows}


def _as_row(one: Wanted) -> dict[str, Any]:
    return {
        "step": one.step,
        "place": one.place,
        "tool": one.tool,
        "tool_use_id": one.tool_use_id,
        "input": one.input,
        "effect": one.effect,
    }


def _facts(row: dict[str, Any], expires_at: datetime) -> dict[str, Any]:
    facts = {
        "approval_id": row["id"],
        "step": row["step"],
        "tool": row["tool"],
        "tool_use_id": row["tool_use_id"],
        "expires_at": expires_at.isoformat(),
    }
    written = json.dumps(row["input"], ensure_ascii=False)
    if len(written) <= MOST_ECHOED_CHARACTERS:
        return {**facts, "input": row["input"]}
    return {**facts, "input_begins": written[:MOST_ECHOED_CHARACTERS]}
