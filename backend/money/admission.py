"""Decide which jobs may run next: each project has a window, and a fair order of all projects in virtual time.

A project's window (`admissions.concurrency_limit`) contains its jobs that are ready or running; the others
are pending in its own order. Admission stamps a job with a start-time-fair virtual time: the project's tail,
or the clock if that is later. The clock is a sequence that claims advance, so that no row is locked for it.
The smallest stamp runs next.

A job is admitted only when the wallet can hold its cap in addition to what runs and is ready, so that it is
claimed once. A job whose cap is above the whole balance is admitted alone. Jobs that cost nothing wait for no money:
they also run while the wallet is empty.

Every submission locks the row of the project while it checks the window. So a transaction that frees a slot
searches for pending jobs after it has locked that row, and finds a job that was queued in between without
waiting for a sweep.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.engine import AnySession

TICK = 1_000_000
"""Virtual time that one job of a project with weight 1 takes."""

MAX_BATCH = 100
"""Maximum jobs that one statement admits. A literal, so that the planner knows it and uses the index of
pending jobs."""


def reservable_micros(wallet: str) -> str:
    """Return SQL for what the wallet can reserve for one more job.

    This is the part that is not reserved for running jobs, and not needed for ready ones.
    """
    return f"""({wallet}.balance_micros - {wallet}.reserved_micros - (
      select coalesce(sum(r.cap_micros), 0) from job_queue r
      where r.project_id = {wallet}.project_id and r.stamp is not null
    ))"""  # noqa: S608 - the interpolated value is the name of a table


def can_reserve(cap: str, wallet: str) -> str:
    """Return SQL for whether the wallet can reserve a cap. It reads nothing for a job without a cost."""
    return f"""case when {cap} = 0 then true
      else {reservable_micros(wallet)} >= least({cap}, {wallet}.balance_micros) end"""


_LOCK_WINDOW = text("select from admissions where project_id = :project_id for update")
"""A separate statement, so that the next one sees the jobs that the previous lock holder made ready."""

_ADMIT = text(f"""
with project as (
  select a.project_id, a.concurrency_limit - a.admitted as room, a.weight, w.balance_micros,
         {reservable_micros("w")} as unheld_micros, w.balance_micros > w.reserved_micros as has_money,
         greatest(a.tail, (select last_value from fair_clock)) as base
  from admissions a join wallets w on w.project_id = a.project_id
  where a.project_id = :project_id and a.admitted < a.concurrency_limit
  for update of a
), pending as (
  select q.job_id, q.priority, q.submitted_at, q.cap_micros,
         sum(q.cap_micros) over (order by q.priority desc, q.submitted_at, q.job_id) - q.cap_micros as before_micros
  from (
    select job_id, priority, submitted_at, cap_micros from job_queue
    where stamp is null and job_id = any(array(
      select job_id from job_queue
      where project_id = :project_id and stamp is null and not is_later and (not_before is null or not_before <= now())
        and (cap_micros = 0 or (select has_money from project))
      order by priority desc, submitted_at, job_id limit {MAX_BATCH}
    ))
    order by priority desc, submitted_at, job_id
    limit (select room from project) for update skip locked
  ) q
), next as (
  select q.job_id, row_number() over (order by q.priority desc, q.submitted_at, q.job_id) as place
  from pending q, project p
  where q.cap_micros = 0 or p.unheld_micros - q.before_micros >= least(q.cap_micros, p.balance_micros)
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
with pending as (
  update job_queue set stamp = null
  where job_id = any(array(  -- what is being claimed or cancelled leaves by itself, and who does so may wait for us
    select job_id from job_queue where project_id = :project_id and stamp is not null and cap_micros > 0
    for update skip locked
  ))
  returning job_id
)
update admissions set admitted = admitted - (select count(*) from pending),
                      parked = admissions.parked + (select count(*) from pending)
where project_id = :project_id
""")

_WITH_CAPACITY = text("""
select a.project_id from admissions a join wallets w on w.project_id = a.project_id
where a.admitted < a.concurrency_limit
  and exists (
    select from job_queue q
    where q.project_id = a.project_id and q.stamp is null and not q.is_later
      and (q.cap_micros = 0 or w.balance_micros > w.reserved_micros)
      and (q.not_before is null or q.not_before <= now())
  )
""")


_DUE = text("""
update job_queue set is_later = false
where job_id = any(array(
  select job_id from job_queue where is_later and not_before <= now()
  order by not_before limit :limit for update skip locked
))
""")
MAX_DUE: Final = 5_000
"""The maximum number of due jobs that one sweep releases."""


HELD_UNTIL: Final = datetime(9999, 12, 31, tzinfo=UTC)
"""The `not_before` of a job that waits for an event of unknown time, until `release_held`."""
_RELEASE_HELD = text("""
update job_queue set is_later = false, not_before = null, submitted_at = clock_timestamp()
where job_id = :job_id and project_id = :project_id and stamp is null and not_before = :held_until
returning job_id
""")

_LIMIT = text("select concurrency_limit from admissions where project_id = :project_id")


async def release_due(session: AnySession) -> None:
    """Make jobs whose `not_before` has passed available for admission."""
    await session.execute(_DUE, {"limit": MAX_DUE})


async def release_held(session: AnySession, project_id: UUID, job_id: UUID) -> bool:
    """Make a held job available for admission, and admit it if there is room; return whether it was held."""
    values = {"project_id": project_id, "job_id": job_id, "held_until": HELD_UNTIL}
    if (await session.execute(_RELEASE_HELD, values)).scalar_one_or_none() is None:
        return False
    await admit(session, project_id)
    return True


async def admit(session: AnySession, project_id: UUID) -> int:
    """Admit pending jobs of a project as far as its window and its wallet allow, and return how many."""
    total = 0
    await session.execute(_LOCK_WINDOW, {"project_id": project_id})
    while True:
        admitted = (await session.execute(_ADMIT, {"project_id": project_id})).all()
        notifications.note(session, *(notifications.WorkerWakeup(row.lane) for row in admitted))
        total += len(admitted)
        if len(admitted) < MAX_BATCH:
            return total


async def park_ready(session: AnySession, project_id: UUID) -> None:
    """Return the ready jobs of a project that may cost something to its pending jobs, because its wallet is empty."""
    await session.execute(_PARK_READY, {"project_id": project_id})


async def admit_everywhere(session: AnySession) -> int:
    """Admit pending jobs of every project with a free slot.

    This finds jobs that a race condition has left pending.
    """
    projects = (await session.execute(_WITH_CAPACITY)).all()
    return sum([await admit(session, row.project_id) for row in projects])


async def concurrency_limit(session: AnySession, project_id: UUID) -> int:
    """Return how many jobs of the project may be ready or running at the same time."""
    limit: int = (await session.execute(_LIMIT, {"project_id": project_id})).scalar_one()
    return limit
