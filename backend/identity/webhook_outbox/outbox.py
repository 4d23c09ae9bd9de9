"""A fact becomes a delivery for every webhook that wants it: in the transaction of the fact, or not at all."""

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
]
RETRIED_FOR: Final = "interval '3 days'"


def telling(facts: str, *, event: str, data: str, skill: str = "cast(null as text)") -> str:
    """SQL that writes the deliveries of what `facts` holds: a part of the statement that makes the facts.

    `facts` is the name of something with the column `project_id`; the others are expressions over its columns. For a
    project without webhooks it costs one look into an index.
    """
    return f"""
insert into webhook_deliveries (id, webhook_id, project_id, event, body, status, attempts, next_at, retry_until,
                                created_at)
select gen_random_uuid(), w.id, w.project_id, f.event,
       cast(json_build_object('type', f.event, 'timestamp', clock_timestamp(), 'data', f.data) as text),
       'pending', 0, clock_timestamp(), clock_timestamp() + {RETRIED_FOR}, clock_timestamp()
from (select project_id, {event} as event, {skill} as skill, {data} as data from {facts} facts) f
join webhooks w on w.project_id = f.project_id
where w.enabled and (w.events = '{{}}' or f.event = any(w.events))
  and (w.skills = '{{}}' or f.skill is null or f.skill = any(w.skills))
"""  # noqa: S608 - made of constants of our own


JOB_DATA: Final = """json_build_object(
  'job_id', id, 'project_id', project_id, 'skill', skill_name, 'status', status, 'error_code', error_code,
  'source', source, 'parent_job_id', parent_job_id
)"""
"""Of a row of `jobs`: enough to know which one to ask for, and no more."""

_NOTE = text(f"""
with fact as (
  select cast(:project_id as uuid) as project_id, cast(:event as text) as event, cast(:skill as text) as skill_name,
         cast(:data as json) as data
)
{telling("fact", event="event", data="data", skill="skill_name")}
""")


def telling_of_jobs(jobs: str, event: str = "'job.' || status") -> str:
    """The same for rows of `jobs` as they are now."""
    return telling(jobs, event=event, data=JOB_DATA, skill="skill_name")


async def note(
    session: AnySession, project_id: UUID, event: Event, data: dict[str, Any], *, skill: str | None = None
) -> None:
    """Write the deliveries of one fact."""
    values = {"project_id": project_id, "event": event, "skill": skill, "data": storable(data)}
    await session.execute(_NOTE, values)
