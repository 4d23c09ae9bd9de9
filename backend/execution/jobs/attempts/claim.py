"""Claim ready jobs in the fair order of all projects. Each claim starts a new attempt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import text

from backend.core import notifications
from backend.core.db.connections import DatabaseUnavailable
from backend.core.db.engine import AnySession, one_transaction
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.jobs import transitions
from backend.execution.jobs.reservations import NONE, Reserved, reserve
from backend.execution.jobs.transitions import QUARANTINE_THRESHOLD
from backend.identity.environments import PRODUCTION, Environment
from backend.money.budgets.usage import Limit

KeyEnd = Literal["revoked", "expired"]


@dataclass(frozen=True, slots=True)
class JobAttempt:
    """One attempt of one job, owned by the worker that claimed it until the attempt ends."""

    job_id: UUID
    attempt: int
    """The fencing token: every later write of this attempt carries it."""
    project_id: UUID
    project_number: int
    skillpack_id: UUID
    deployment_id: UUID | None
    skill_name: str
    type: str
    inputs: dict[str, Any]
    limits: dict[str, Any]
    cap_micros: int
    reserved_micros: int
    """Reserved in the wallet for this attempt: the maximum that can be charged."""
    retries: int
    stamp: int
    created_at: datetime
    due_at: datetime
    """The time from which the attempt could have run: submission, `run_at`, or the end of a retry delay."""
    secrets_stamp: str = ""
    """Changes whenever a secret of the project does."""
    request_id: str = ""
    """ID of the request that submitted the job."""
    traceparent: str = ""
    """The span that submitted the job, while traces are on."""
    lowered_by: Limit | None = None
    """The budget or daily cap that lowered the reservation; None: the cap of the job or the wallet decided."""
    model: str | None = None
    """The language model that was requested instead of the one that the skill names."""
    prompt: str | None = None
    """The prompt of a job without a skill."""
    parent_job_id: UUID | None = None
    """The job that called this one, which runs in its slot, or the flow of which it is a step."""
    is_step: bool = False
    """The parent is a flow: the job has a slot of its own."""
    needs_approval: bool = False
    """The job starts only after a user has approved it."""
    source: str = ""
    """The origin of the job."""
    listing_id: UUID | None = None
    """The marketplace listing that was requested, if any."""
    listing: str = ""
    """Slug of the listing."""
    listing_version: int | None = None
    publisher_id: UUID | None = None
    """The project that owns the code and the secrets, if it is another one. Its caller sees little of them."""
    session_id: UUID | None = None
    """The session whose turn the job is."""
    environment: Environment = PRODUCTION
    input_versions: dict[str, str] | None = None
    """For files that the inputs name: the only version that may be read, where that is limited."""
    price_micros: int = 0
    """Price of the listing. It is part of the cap and of the reservation, and the run must not spend it."""
    earning_micros: int = 0
    key_ended: KeyEnd | None = None
    """Why the API key that submitted the job is no longer valid, while no code of the job has run."""
    is_wallet_too_small: bool = False
    """The whole wallet cannot pay cap and price: the job must not start."""
    reply_to: str = ""
    """The process that started the job in a slot, and is notified of the end of the attempt; empty: it was claimed."""

    @property
    def owner_id(self) -> UUID:
        """Return the project that owns the code and the secrets."""
        return self.publisher_id or self.project_id

    @property
    def secrets_environment(self) -> Environment:
        """Return the environment whose secrets the job receives; a listing runs in production."""
        return self.environment if self.publisher_id is None else PRODUCTION

    @property
    def uses_own_slot(self) -> bool:
        """Return whether the job runs in a slot of its own, and not in that of the job that called it."""
        return self.parent_job_id is None or self.is_step


_COMPUTED: Final = frozenset(
    (
        "job_id",
        "reserved_micros",
        "lowered_by",
        "is_wallet_too_small",
        "needs_approval",
        "key_ended",
        "reply_to",
    )
)
_COLUMNS: Final = tuple(column.name for column in fields(JobAttempt) if column.name not in _COMPUTED)
"""Fields that the row of a claimed job contains as columns of the same name."""
_values: Final = attrgetter(*_COLUMNS)

_HAS_RUN = text("""
select exists (
  select from job_events r cross join lateral (
    select r.type, r.payload
    union all
    select x.event ->> 1, x.event -> 2 from jsonb_array_elements(r.earlier) as x(event)
  ) e
  where r.job_id = :job_id and e.type not in (
      'queued', 'started', 'forked', 'continued', 'rail', 'waiting', 'approval_required', 'approval_decided'
    )
    and not (e.type = 'requeued' and e.payload->>'reason' in ('wallet_empty', 'wallet_held'))
)
""")
"""Whether code of a job may have run. It has not in attempts that only waited for approval or for money."""

_RESERVE_QUARANTINED = text("""
update job_queue set held_by = :worker_id
where job_id = (
    select job_id from job_queue q
    where q.lane = any(:lanes) and q.stamp is not null and q.suspect
      and (q.held_by is null or not exists (select from workers w where w.id = q.held_by))
    order by q.stamp limit 1 for update skip locked
  )
  and not exists (
    select from job_queue o join workers w on w.id = o.held_by
    where o.stamp is not null and o.suspect and o.held_by <> :worker_id
  )
  and 0 = (  -- not `exists`, which would make PostgreSQL expect one early and read all jobs
    select count(*) from jobs j
    where j.worker_id = any(array(select w.id from workers w)) and j.finished_at is null
      and j.losses >= :quarantine_threshold
  )
returning lane
""")


async def claim(session: AnySession, *, worker_id: UUID, lane: str, limit: int) -> list[JobAttempt]:
    """Claim up to `limit` ready jobs of a lane in fair order, and start an attempt of each.

    Each search starts at the lowest stamp, because a job can become ready below the ones that were claimed before: its
    transaction was slow, or its wallet was topped up. Dead index entries cost little, because the first search that
    reads one marks it.

    Jobs without a cost are claimed by one statement, up to the first job that may cost something. For the others, the
    start and the reservation are one transaction. Between the two, admission would count the cap of the job neither as
    ready nor as reserved, and admit one job too many.
    """
    rows = await transitions.claim_free(session, worker_id=worker_id, lane=lane, limit=limit)
    free = await _started(session, rows)
    if not rows[0].is_paid_next:
        return free
    try:
        async with one_transaction(session):
            remaining = limit - len(free)
            rows = await transitions.claim(session, worker_id=worker_id, lane=lane, limit=remaining)
            return [*free, *await _started(session, rows)]
    except DatabaseUnavailable:
        if not free:
            raise
        return free  # these attempts have started; the next claim finds the other jobs


async def reserve_quarantined(session: AnySession, *, worker_id: UUID, lanes: list[str]) -> str | None:
    """Reserve the next quarantined job for this worker to run alone, and return its lane; None if there is none.

    One process of the instance does this at a time.
    """
    rows_found = await session.execute(
        _RESERVE_QUARANTINED,
        {"worker_id": worker_id, "lanes": lanes, "quarantine_threshold": QUARANTINE_THRESHOLD},
    )
    lane: str | None = rows_found.scalar_one_or_none()
    return lane


async def claim_quarantined(session: AnySession, *, worker_id: UUID, lane: str) -> list[JobAttempt]:
    """Start the quarantined job that is reserved for this worker. Call it only while the worker runs nothing else."""
    rows = await transitions.claim_quarantined(session, worker_id=worker_id, lane=lane)
    return await _started(session, rows)


async def _started(session: AnySession, rows_found: Sequence[Any]) -> list[JobAttempt]:
    rows = [
        row for row in rows_found if row.id is not None
    ]  # one row without an ID means that no job was claimed
    notifications.note(
        session,
        *(notifications.EventNotification(row.id, row.event_seq, project_id=row.project_id) for row in rows),
    )
    transactional.note(session, EVENTS_APPENDED, len(rows))
    reserved = await reserve(session, rows)
    return [
        attempt_of(row, reserved=reserved.get(row.id, NONE), key_ended=await _key_ended(session, row))
        for row in rows
    ]


async def _key_ended(session: AnySession, row: Any) -> KeyEnd | None:
    """Return why the API key of a started job is no longer valid, unless code of the job may have run before."""
    ended: KeyEnd | None = row.key_ended
    if ended is None or row.attempt == 1:
        return ended
    has_run = (await session.execute(_HAS_RUN, {"job_id": row.id})).scalar_one()
    return None if has_run else ended


def attempt_of(
    row: Any, *, reserved: Reserved, key_ended: KeyEnd | None = None, reply_to: str = ""
) -> JobAttempt:
    """Return the attempt of the row of a running job."""
    return JobAttempt(
        job_id=row.id,
        **dict(zip(_COLUMNS, _values(row), strict=True)),
        reserved_micros=reserved.micros,
        lowered_by=reserved.lowered_by,
        is_wallet_too_small=reserved.is_wallet_too_small,
        needs_approval=row.approval == "needed",
        key_ended=key_ended,
        reply_to=reply_to,
    )
