"""Record the end of a subjob in the events of its parent."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED

_RECORD_END = text("""
with child as (
  select id, project_id, parent_job_id, jsonb_strip_nulls(jsonb_build_object(
           'label', coalesce(metadata ->> 'label', skill_name), 'job_id', id, 'skill', skill_name,
           'tool_use_id', metadata ->> 'tool_use_id', 'status', status, 'error_code', error_code,
           'used_micros', used_micros + called_used_micros,
           'duration_ms', round(extract(epoch from finished_at - created_at) * 1000, 3))) as facts
  from jobs where id = :job_id and finished_at is not null
), parent as (
  update jobs p set event_seq = p.event_seq + 1 from child
  where p.id = child.parent_job_id and p.project_id = child.project_id and p.finished_at is null
  returning p.id, p.event_seq
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select parent.id, parent.event_seq, clock_timestamp(), 'subagent_end', child.facts from parent, child
)
select id, event_seq from parent
""")


async def record_end(session: AnySession, job_id: UUID) -> None:
    """Append the end of a job to the events of its parent, in the transaction of that end."""
    parent = (await session.execute(_RECORD_END, {"job_id": job_id})).one_or_none()
    if parent is not None:
        notifications.note(session, notifications.EventNotification(parent.id, parent.event_seq))
        transactional.note(session, EVENTS_APPENDED)
