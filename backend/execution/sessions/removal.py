"""Remove deleted sessions with their jobs, in small transactions, as retention removes jobs."""

from __future__ import annotations

from typing import Final

from sqlalchemy import text

from backend.core import logs
from backend.core.db.engine import Database

log = logs.get(__name__)

MAX_BATCH: Final = 20

_DUE: Final = text("""
select s.id, s.project_id from agent_sessions s
where s.deleted_at is not null and not exists (
  select from session_turns t join jobs j on j.id = t.job_id and j.project_id = t.project_id
  where t.session_id = s.id and t.project_id = s.project_id and j.finished_at is null
)
order by s.deleted_at limit :limit
""")
# The jobs that a turn has called are removed with it: they have ended, since the turn has.
_REMOVE: Final = text("""
with recursive old as (
  select j.id from jobs j where j.project_id = :project_id and j.session_id = :session_id
  union
  select j.id from jobs j join old on j.parent_job_id = old.id where j.project_id = :project_id
), events as (
  delete from job_events e using old where e.job_id = old.id
), usage as (
  delete from usage_events u using old where u.job_id = old.id and u.project_id = :project_id
), gone as (
  delete from jobs j using old where j.id = old.id and j.project_id = :project_id
)
delete from agent_sessions where project_id = :project_id and id = :session_id
""")


async def remove_deleted(database: Database) -> int:
    """Remove deleted sessions whose jobs have ended, and return how many."""
    async with database.transaction() as session:
        due = (await session.execute(_DUE, {"limit": MAX_BATCH})).all()
    for row in due:
        async with database.transaction() as session:
            await session.execute(_REMOVE, {"project_id": row.project_id, "session_id": row.id})
    if due:
        log.info("deleted sessions removed", count=len(due))
    return len(due)
