"""Record a delivery for each webhook that subscribes to an event, in the transaction of the event."""

from __future__ import annotations

from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.jsonb import storable

Event = Literal[
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.waiting",
    "deployment.activated",
    "budget.alert",
    "schedule.failed",
    "alert.raised",
    "alert.resolved",
    "comment.mentioned",
]
RETRY_PERIOD: Final = "interval '3 days'"


def insert_deliveries_sql(source: str, *, event: str, data: str, skill: str = "cast(null as text)") -> str:
    """Return SQL that inserts the deliveries for the rows of `source`, as a part of the statement that writes them.

    `source` is the name of a relation with the column `project_id`; the other arguments are expressions over its
    columns. For a project without webhooks the statement costs one index lookup.
    """
    return f"""
insert into webhook_deliveries (id, webhook_id, project_id, event, body, status, attempts, next_at, retry_until,
                                created_at)
select gen_random_uuid(), w.id, w.project_id, f.event,
       cast(json_build_object('type', f.event, 'timestamp', clock_timestamp(), 'data', f.data) as text),
       'pending', 0, clock_timestamp(), clock_timestamp() + {RETRY_PERIOD}, clock_timestamp()
from (select project_id, {event} as event, {skill} as skill, {data} as data from {source} source_rows) f
join webhooks w on w.project_id = f.project_id
where w.enabled and (w.events = '{{}}' or f.event = any(w.events))
  and (w.skills = '{{}}' or f.skill is null or f.skill = any(w.skills))
"""  # noqa: S608 - all parts are constants of the code


JOB_DATA: Final = """json_build_object(
  'job_id', id, 'project_id', project_id, 'skill', skill_name, 'status', status, 'error_code', error_code,
  'source', source, 'parent_job_id', parent_job_id, 'session_id', session_id, 'metadata', metadata,
  'environment', environment
)"""
"""Data of a row of `jobs`: enough for the receiver to read the job, and no more."""

_RECORD = text(f"""
with fact as (
  select cast(:project_id as uuid) as project_id, cast(:event as text) as event, cast(:skill as text) as skill_name,
         cast(:data as json) as data
)
{insert_deliveries_sql("fact", event="event", data="data", skill="skill_name")}
""")


def insert_job_deliveries_sql(jobs: str, event: str = "'job.' || status") -> str:
    """Return SQL that inserts the deliveries for rows of `jobs` in their current state."""
    return insert_deliveries_sql(jobs, event=event, data=JOB_DATA, skill="skill_name")


async def record(
    session: AnySession, project_id: UUID, event: Event, data: dict[str, Any], *, skill: str | None = None
) -> None:
    """Insert the deliveries of one event."""
    values = {"project_id": project_id, "event": event, "skill": skill, "data": storable(data)}
    await session.execute(_RECORD, values)
