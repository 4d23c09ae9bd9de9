"""Store the events of a project, and end the waits that they fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.jsonb import storable
from backend.execution.waits import service
from backend.execution.waits.errors import EventIdUsed, EventTooLarge
from backend.execution.waits.matching import fits, lock_key
from backend.execution.waits.tables import ProjectEvent
from backend.identity.auth.principal import Principal, visible
from backend.identity.environments import Environment

MAX_DATA_BYTES: Final = 64 << 10
"""Maximum size of the data of an event, as JSON."""
MAX_TYPE_CHARACTERS: Final = 200
MAX_ID_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class Sent:
    """A stored event."""

    seq: int
    id: str
    type: str
    data: Any
    sent_by: str
    received_at: datetime
    is_new: bool
    """False: an equal event with this ID was stored before."""


_LOCK_TYPE = text("select pg_advisory_xact_lock(:key)")

_INSERT = text("""
insert into project_events (project_id, id, type, data, sent_by, received_at, environment)
values (:project_id, :id, :type, cast(:data as jsonb), :sent_by, clock_timestamp(), :environment)
on conflict (project_id, id) do nothing
returning seq, received_at
""")

_STORED = text("""
select seq, id, type, data, sent_by, received_at,
       type = :type and data = cast(:data as jsonb) and environment = :environment as is_equal
from project_events where project_id = :project_id and id = :id
""")

_OPEN = """
w.kind = 'event' and w.event_type = :type and w.event_seq is null
and (w.wake_at is null or w.wake_at > clock_timestamp()) and not (cast(:seq as bigint) = any(w.skipped))
"""

# A job that is locked is about to change; the sweep resumes it if that does not.
_SUSPENDED = text(f"""
select j.id from jobs j
where j.project_id = :project_id and j.status = 'waiting' and j.environment = :environment and j.id in (
  select w.job_id from job_waits w
  where w.project_id = :project_id and w.is_suspended and {_OPEN} and {fits("w.match", "cast(:data as jsonb)")}
)
order by j.created_at, j.id limit :limit for update skip locked
""")  # noqa: S608 - the interpolated values are constants

_END_WAITS = text(f"""
update job_waits w set event_seq = :seq, wake_at = clock_timestamp()
where w.project_id = :project_id and {_OPEN} and {fits("w.match", "cast(:data as jsonb)")}
  and exists (select from jobs j where j.id = w.job_id and j.environment = :environment)
""")  # noqa: S608 - the interpolated values are constants


async def send(
    session: AsyncSession,
    *,
    project_id: UUID,
    environment: Environment,
    event_id: str,
    event_type: str,
    data: Any,
    sent_by: str,
) -> Sent:
    """Store an event, and let the jobs of its environment continue that wait for it.

    An event with the same ID is stored once.

    Raises:
        EventTooLarge: The data is larger than `MAX_DATA_BYTES`.
        EventIdUsed: Another event has this ID.
    """
    written = storable(data)
    if len(written) > MAX_DATA_BYTES:
        raise EventTooLarge(len(written), MAX_DATA_BYTES)
    await session.execute(_LOCK_TYPE, {"key": lock_key(project_id, event_type)})
    scope = {"project_id": project_id, "environment": environment}
    values = {**scope, "id": event_id, "type": event_type, "data": written}
    row = (await session.execute(_INSERT, {**values, "sent_by": sent_by})).one_or_none()
    if row is None:
        stored = (await session.execute(_STORED, values)).one()
        if not stored.is_equal:
            raise EventIdUsed(event_id)
        return Sent(
            stored.seq,
            stored.id,
            stored.type,
            stored.data,
            stored.sent_by,
            stored.received_at,
            is_new=False,
        )
    search = {**scope, "type": event_type, "data": written, "seq": row.seq}
    suspended = await session.execute(_SUSPENDED, {**search, "limit": service.MAX_RESUMED})
    job_ids = list(suspended.scalars().all())
    await session.execute(_END_WAITS, search)
    if job_ids:
        await service.resume(session, project_id, job_ids)
    return Sent(row.seq, event_id, event_type, data, sent_by, row.received_at, is_new=True)


async def list_newest(
    session: AsyncSession, principal: Principal, *, event_type: str | None, limit: int, below: int | None
) -> Sequence[ProjectEvent]:
    """Return the events of the principal's project, newest first."""
    query = visible(ProjectEvent, principal)
    if event_type is not None:
        query = query.where(col(ProjectEvent.type) == event_type)
    if below is not None:
        query = query.where(col(ProjectEvent.seq) < below)
    query = query.order_by(col(ProjectEvent.seq).desc()).limit(limit)
    return (await session.scalars(query)).all()
