"""Store what the steps of a flow wait for, in the table of the waits of jobs.

The transaction of the attempt has locked the row of the flow. Rows of waits for events are changed with the shared
lock of their type, before rows of the wallet and the window are locked: who stores an event takes them in this order.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.core.jsonb import storable
from backend.execution.flows.pauses import Event, accepts, required_values
from backend.execution.flows.state import NO_ITEM, Pause, Start
from backend.execution.waits.matching import fits, lock_key

_MAX_EXAMINED: Final = 50
"""Maximum events that one transaction examines for one wait."""
_MAX_STEPS: Final = 200_000
"""Steps of evaluations after which a transaction examines no further event: about 0.2 seconds."""

_LOCK_TYPE = text("select pg_advisory_xact_lock_shared(:key)")
_REGISTER = text("""
insert into job_waits (job_id, key, project_id, name, kind, wake_at, event_type, match, created_at)
values (:job_id, :key, :project_id, :name, :kind,
        coalesce(cast(:until as timestamptz),
                 clock_timestamp() + make_interval(secs => cast(:after_s as double precision))),
        cast(:event_type as text), cast(:match as jsonb), clock_timestamp())
on conflict (job_id, key) do update set wake_at = excluded.wake_at, created_at = excluded.created_at
where job_waits.kind = 'time'
""")
_NEXT = text(f"""
select e.seq, e.id, e.type, e.data
from job_waits w join jobs j on j.id = w.job_id join project_events e on e.project_id = w.project_id
where w.job_id = :job_id and w.key = :key and w.project_id = :project_id and e.type = w.event_type
  and e.received_at >= j.created_at and e.seq >= coalesce(w.event_seq, 0) and not e.id = any(cast(:received as text[]))
  and (cast(:after_s as double precision) is null
       or e.received_at <= w.created_at + make_interval(secs => cast(:after_s as double precision)))
  and {fits("w.match", "e.data")}
order by e.seq limit :limit
""")  # noqa: S608 - the interpolated value is a constant
_EXAMINE_LATER = text("""
update job_waits set event_seq = :seq, wake_at = clock_timestamp()
where job_id = :job_id and key = :key and project_id = :project_id
""")
_WAIT_ON = text("""
update job_waits
set event_seq = null, wake_at = created_at + make_interval(secs => cast(:after_s as double precision))
where job_id = :job_id and key = :key and project_id = :project_id
""")
_EXPIRE = text("""
update job_waits set wake_at = null
where job_id = :job_id and project_id = :project_id and key = any(:keys)
""")
"""So that the flow is not queued again for a time that it has noticed."""
_DELETE_ENDED = text("""
delete from job_waits w
where w.job_id = :job_id and w.project_id = :project_id and not exists (
  select from flow_steps s
  where s.job_id = w.job_id and s.project_id = w.project_id and s.status = 'running' and s.step || ':' || s.item = w.key
)
""")
_DELETE_ALL = text("delete from job_waits where job_id = :job_id and project_id = :project_id")


def key_of(step: str, item: int) -> str:
    """Return the key of the wait of a step or an element."""
    return f"{step}:{item}"


async def lock_types(session: AnySession, project_id: UUID, pauses: Sequence[Pause]) -> None:
    """Let no event be stored, until the commit, of the types that the waits are for; always in the same order."""
    types = {one.event_type for one in pauses if one.event_type is not None}
    for key in sorted(lock_key(project_id, one) for one in types):
        await session.execute(_LOCK_TYPE, {"key": key})


async def settle(
    session: AnySession, project_id: UUID, job_id: UUID, pause: Pause
) -> tuple[Event | None, bool]:
    """Register a wait unless it is registered, and examine the events that it has not examined.

    Returns:
        The event that ends it, and whether further events have to be examined.
    """
    wait = {"job_id": job_id, "key": key_of(pause.step.id, NO_ITEM), "project_id": project_id}
    values = {
        **wait,
        "name": pause.step.title or pause.step.id,
        "kind": "time" if pause.event_type is None else "event",
        "until": pause.until,
        "after_s": pause.after_s,
        "event_type": pause.event_type,
        "match": storable({} if pause.event_type is None else required_values(pause)),
    }
    await session.execute(_REGISTER, values)
    if pause.event_type is None:
        return None, False
    limits = {"received": list(pause.received), "after_s": pause.after_s, "limit": _MAX_EXAMINED + 1}
    rows = (await session.execute(_NEXT, {**wait, **limits})).all()
    spent = 0
    for count, row in enumerate(rows):
        if count == _MAX_EXAMINED or spent > _MAX_STEPS:
            await session.execute(_EXAMINE_LATER, {**wait, "seq": row.seq})
            return None, True
        event = Event(row.seq, row.id, row.type, row.data)
        is_accepted, steps = accepts(pause, event)
        if is_accepted:
            return event, False
        spent += steps
    await session.execute(_WAIT_ON, {**wait, "after_s": pause.after_s})
    return None, False


async def limit_time(session: AnySession, project_id: UUID, job_id: UUID, start: Start) -> None:
    """Start the time of a job of a step, which includes its time in the queue, from its start time on."""
    timeout_s = start.step.timeout_s
    if timeout_s is None:
        return
    values = {
        "job_id": job_id,
        "key": key_of(start.step.id, start.item),
        "project_id": project_id,
        "name": start.step.title or start.step.id,
        "kind": "time",
        "until": None,
        "after_s": timeout_s + start.delay_s,
        "event_type": None,
        "match": "{}",
    }
    await session.execute(_REGISTER, values)


async def expire(
    session: AnySession, project_id: UUID, job_id: UUID, steps: Sequence[tuple[str, int]]
) -> None:
    """Record that the flow has noticed that the time of steps is over."""
    keys = [key_of(step, item) for step, item in steps]
    await session.execute(_EXPIRE, {"job_id": job_id, "project_id": project_id, "keys": keys})


async def delete_ended(session: AnySession, project_id: UUID, job_id: UUID) -> None:
    """Delete the waits of steps that have ended."""
    await session.execute(_DELETE_ENDED, {"job_id": job_id, "project_id": project_id})


async def delete_all(session: AnySession, project_id: UUID, job_id: UUID) -> None:
    """Delete the waits of a flow that fails."""
    await session.execute(_DELETE_ALL, {"job_id": job_id, "project_id": project_id})
