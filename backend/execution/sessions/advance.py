"""Continue sessions: store the reply of a turn that has ended, and release the job of the next one.

Both happen in one transaction that locks the session, as sending a message does. So the next turn starts only after the
reply before it is stored, and two messages have one order.
"""

from __future__ import annotations

from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core import logs, notifications
from backend.core.db.engine import AnySession, Database
from backend.money import admission

log = logs.get(__name__)

MAX_BATCH: Final = 200

_LOCK: Final = text("""
select message_count from agent_sessions where project_id = :project_id and id = :session_id for update
""")
_SETTLE: Final = text("""
with ended as (
  update session_turns t
  set status = coalesce(j.status, 'failed'), reply = j.result,
      error = case when j.id is null then 'The job was deleted.' else j.error end,
      error_code = case when j.id is null then 'internal_error' else j.error_code end,
      cost_micros = coalesce(j.cost_micros + j.called_cost_micros, 0), version = j.deployment_version,
      ended_at = coalesce(j.finished_at, clock_timestamp()),
      partial = case when j.status in ('failed', 'cancelled') then (
        select string_agg(said.words, E'\\n\\n' order by e.seq) from job_events e cross join lateral (
          select coalesce(e.payload ->> 'text', (
            select string_agg(b.block ->> 'text', '')
            from jsonb_array_elements(
              case jsonb_typeof(e.payload -> 'blocks') when 'array' then e.payload -> 'blocks' else '[]' end
            ) b(block) where b.block ->> 'type' = 'text'
          )) as words
        ) said
        where e.job_id = j.id and e.type in ('model_response', 'model_interrupted') and said.words <> ''
      ) end
  from session_turns o left join jobs j on j.id = o.job_id and j.project_id = o.project_id
  where o.id = t.id and t.project_id = :project_id and t.session_id = :session_id and t.ended_at is null
    and (j.id is null or j.finished_at is not null)
  returning t.cost_micros
)
update agent_sessions
set updated_at = clock_timestamp(), cost_micros = cost_micros + (select sum(ended.cost_micros) from ended)
where project_id = :project_id and id = :session_id and exists (select from ended)
""")
_OPEN: Final = text("""
select id, number, job_id from session_turns
where project_id = :project_id and session_id = :session_id and ended_at is null order by number
""")
_DUE: Final = text("""
select distinct t.project_id, t.session_id from session_turns t left join jobs j on j.id = t.job_id
where t.ended_at is null and (j.id is null or j.finished_at is not null) limit :limit
""")


async def lock(session: AnySession, project_id: UUID, session_id: UUID) -> bool:
    """Lock a session until the transaction ends, before any other row; return whether it exists."""
    values = {"project_id": project_id, "session_id": session_id}
    return (await session.execute(_LOCK, values)).one_or_none() is not None


async def settle(session: AnySession, project_id: UUID, session_id: UUID) -> list[UUID]:
    """Store the replies of turns that have ended, and return the jobs of the others in their order.

    The session is locked.
    """
    values = {"project_id": project_id, "session_id": session_id}
    await session.execute(_SETTLE, values)
    return [row.job_id for row in (await session.execute(_OPEN, values)).all()]


async def release_next(session: AnySession, project_id: UUID, session_id: UUID) -> None:
    """Store the replies of turns that have ended, and release the job of the next one. The session is locked."""
    open_jobs = await settle(session, project_id, session_id)
    if open_jobs:
        await admission.release_held(session, project_id, open_jobs[0])
    notifications.note(session, notifications.EventNotification(session_id, 0))


async def advance(database: Database, project_id: UUID, session_id: UUID) -> None:
    """Continue a session after a turn has ended. Calling it at any time, or several times, is harmless."""
    async with database.transaction() as session:
        if await lock(session, project_id, session_id):
            await release_next(session, project_id, session_id)


async def advance_due(database: Database) -> int:
    """Continue the sessions whose turn has ended without the worker doing so, and return how many."""
    async with database.transaction() as session:
        due = (await session.execute(_DUE, {"limit": MAX_BATCH})).all()
    for row in due:
        await advance(database, row.project_id, row.session_id)
    if due:
        log.info("sessions continued", count=len(due))
    return len(due)
