"""Who may run next: each project has a window, and time in it is virtual.

A project's window (`admissions.concurrency_limit`) holds its jobs that are ready or running; the others are parked in
its own order. Admission stamps a job with a start-time-fair virtual time: the project's tail, or the clock if that is
later. The clock is a sequence that claims push on, so that no row is locked for it. The smallest stamp runs next.

Every submit holds the project's row while it looks for room, so whoever frees a place looks for parked jobs again once
it has had that row too: a job that was parked in between is never left until the sweeper comes.
"""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import text

from backend import queue
from backend.db import AnySession

TICK = 1_000_000
"""Virtual time that one job of a project with weight 1 takes."""

MOST_AT_ONCE = 100
"""Jobs that one statement admits: a number that the planner can see, so that it walks the index of the parked ones."""

_ADMIT = text(f"""
with project as (
  select a.project_id, a.concurrency_limit - a.admitted as room, a.weight,
         greatest(a.tail, (select last_value from fair_clock)) as base
  from admissions a join wallets w on w.project_id = a.project_id
  where a.project_id = :project_id and a.admitted < a.concurrency_limit and w.balance_micros > w.reserved_micros
  for update of a
), next as (
  select q.job_id, row_number() over (order by q.priority desc, q.submitted_at, q.job_id) as place
  from (
    select job_id, priority, submitted_at from job_queue
    where stamp is null and job_id = any(array(
      select job_id from job_queue
      where project_id = :project_id and stamp is null and (not_before is null or not_before <= now())
      order by priority desc, submitted_at, job_id limit {MOST_AT_ONCE}
    ))
    order by priority desc, submitted_at, job_id
    limit (select room from project) for update skip locked
  ) q
), taken as (
  update admissions a
  set admitted = a.admitted + (select count(*) from next), parked = a.parked - (select count(*) from next),
      tail = p.base + (select count(*) from next) * {TICK} / a.weight
  from project p where a.project_id = p.project_id and exists (select from next)
  returning p.base, a.weight
)
update job_queue q set stamp = t.base + (n.place - 1) * {TICK} / t.weight
from next n, taken t where q.job_id = n.job_id
returning q.lane
""")  # noqa: S608 - interpolated values are constants

_PARK_READY = text("""
with parked as (
  update job_queue set stamp = null
  where job_id = any(array(  -- what is being claimed or cancelled leaves by itself, and who does so may wait for us
    select job_id from job_queue where project_id = :project_id and stamp is not null for update skip locked
  ))
  returning job_id
)
update admissions set admitted = admitted - (select count(*) from parked),
                      parked = admissions.parked + (select count(*) from parked)
where project_id = :project_id
""")

_WITH_ROOM = text("""
select a.project_id from admissions a join wallets w on w.project_id = a.project_id
where a.admitted < a.concurrency_limit and w.balance_micros > w.reserved_micros
  and exists (
    select from job_queue q
    where q.project_id = a.project_id and q.stamp is null and (q.not_before is null or q.not_before <= now())
  )
""")


async def admit(session: AnySession, project_id: UUID) -> int:
    """Fill the project's window with its parked jobs, as far as its wallet allows; says how many it took."""
    total = 0
    while True:
        admitted = (await session.execute(_ADMIT, {"project_id": project_id})).all()
        queue.note(session, *(queue.Ticket(row.lane) for row in admitted))
        total += len(admitted)
        if len(admitted) < MOST_AT_ONCE:
            return total


async def park_ready(session: AnySession, project_id: UUID) -> None:
    """Take the project's ready jobs out of its window again: its wallet is empty."""
    await session.execute(_PARK_READY, {"project_id": project_id})


async def admit_everywhere(session: AnySession) -> int:
    """Fill every window that has room and something to take; what a lost race left behind is found here."""
    projects = (await session.execute(_WITH_ROOM)).all()
    return sum([await admit(session, row.project_id) for row in projects])
