"""Claiming: a worker takes the jobs that fairness says, not given ones; each claim is a new attempt."""

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
from backend.core.db.engine import AnySession, together
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED
from backend.execution.jobs import transitions
from backend.execution.jobs.reservations import NONE, Reserved, reserve
from backend.execution.jobs.transitions import SUSPECT_LOSSES
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
    """Held in the wallet for this attempt: the most that it can be charged."""
    losses: int
    retries: int
    stamp: int
    created_at: datetime
    due_at: datetime
    """From when on the attempt could have run: its submit, its `run_at`, the end of a pause between tries."""
    secrets_stamp: str = ""
    """Changes whenever a secret of the project does."""
    request_id: str = ""
    """Of the request that submitted the job."""
    traceparent: str = ""
    """The span that submitted the job, while traces are on."""
    lowered_by: Limit | None = None
    """The budget or daily cap that left no more than what is reserved; none: the cap or the wallet decided."""
    model: str | None = None
    """The language model that was asked for, in the place of the skill's."""
    prompt: str | None = None
    """Of an inline prompt."""
    parent_job_id: UUID | None = None
    """The job that called it, in whose slot it runs."""
    needs_approval: bool = False
    """It starts only once a user has approved that."""
    source: str = ""
    """Where it came from."""
    listing_id: UUID | None = None
    """What was named, when it is a listing of the marketplace."""
    listing: str = ""
    """The slug of that."""
    listing_version: int | None = None
    publisher_id: UUID | None = None
    """The project whose code and secrets these are, when it is another one; then its caller is told little of them."""
    input_versions: dict[str, str] | None = None
    """Of files that the inputs name: the version that may be read, where that is limited."""
    price_micros: int = 0
    """Of the listing; a part of the cap and of what is reserved, which the run itself must not spend."""
    earning_micros: int = 0
    key_ended: KeyEnd | None = None
    """Why the API key that submitted the job is no longer valid, while no code of the job has run."""
    is_wallet_too_small: bool = False
    """The wallet could not pay cap and price though nothing else ran: the job must not begin."""

    @property
    def owner_id(self) -> UUID:
        """The project whose code and secrets these are."""
        return self.publisher_id or self.project_id


_COMPUTED: Final = frozenset(
    ("job_id", "reserved_micros", "lowered_by", "is_wallet_too_small", "needs_approval", "key_ended")
)
_COLUMNS: Final = tuple(one.name for one in fields(JobAttempt) if one.name not in _COMPUTED)
"""Fields that the row of a claimed job contains as columns of the same name."""
_values: Final = attrgetter(*_COLUMNS)

_HAS_RUN = text("""
select exists (
  select from job_events e
  where e.job_id = :job_id and e.type not in (
      'queued', 'started', 'forked', 'continued', 'rail', 'waiting', 'approval_required', 'approval_decided'
    )
    and not (e.type = 'requeued' and e.payload->>'reason' in ('wallet_empty', 'wallet_held'))
)
""")
"""Whether code of a job may have run: not in attempts that waited for an approval of the start or for money."""

_HOLD_SUSPECT = text("""
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
  and not exists (
    select from jobs j join workers w on w.id = j.worker_id where j.status = 'running' and j.losses >= :suspect_losses
  )
returning lane
""")


async def claim(session: AnySession, *, worker_id: UUID, lane: str, most: int) -> list[JobAttempt]:
    """Take up to `most` ready jobs of a lane, in the order of fairness, and start an attempt of each.

    The search begins at the lowest stamp each time: a job can become ready below those that were claimed before, since
    its transaction was slow, or since its wallet got money again. Index entries of jobs that are gone cost little: the
    database marks them with the first search that meets them.

    Jobs that can cost nothing take one statement, up to the first job that may cost something. For the others, start
    and reservation are one transaction: in between, admission would count the job's cap neither among those of ready
    jobs nor in what the wallet holds, and let in one job too many.
    """
    rows = await transitions.claim_free(session, worker_id=worker_id, lane=lane, limit=most)
    free = await _started(session, rows)
    if not rows[0].is_paid_next:
        return free
    try:
        async with together(session):
            left = most - len(free)
            rows = await transitions.claim(session, worker_id=worker_id, lane=lane, limit=left)
            return [*free, *await _started(session, rows)]
    except DatabaseUnavailable:
        if not free:
            raise
        return free  # they have started; the next sweep claims again


async def hold_suspect(session: AnySession, *, worker_id: UUID, lanes: list[str]) -> str | None:
    """Promise to run the next suspect alone; says its lane. One process of the instance does so at a time."""
    found = await session.execute(
        _HOLD_SUSPECT, {"worker_id": worker_id, "lanes": lanes, "suspect_losses": SUSPECT_LOSSES}
    )
    lane: str | None = found.scalar_one_or_none()
    return lane


async def claim_held(session: AnySession, *, worker_id: UUID, lane: str) -> list[JobAttempt]:
    """Start the suspect that this worker holds; only call it while nothing else runs here."""
    rows = await transitions.claim_suspect(session, worker_id=worker_id, lane=lane)
    return await _started(session, rows)


async def _started(session: AnySession, found: Sequence[Any]) -> list[JobAttempt]:
    rows = [row for row in found if row.id is not None]  # one row says that there is none
    notifications.note(session, *(notifications.EventNotification(row.id, row.event_seq) for row in rows))
    transactional.note(session, EVENTS_APPENDED, len(rows))
    held = await reserve(session, rows)
    return [
        attempt_of(row, reserved=held.get(row.id, NONE), key_ended=await _key_ended(session, row))
        for row in rows
    ]


async def _key_ended(session: AnySession, row: Any) -> KeyEnd | None:
    """Return how the key of a started job has ended, unless the job's code may have run before."""
    ended: KeyEnd | None = row.key_ended
    if ended is None or row.attempt == 1:
        return ended
    has_run = (await session.execute(_HAS_RUN, {"job_id": row.id})).scalar_one()
    return None if has_run else ended


def attempt_of(row: Any, *, reserved: Reserved, key_ended: KeyEnd | None = None) -> JobAttempt:
    """The attempt that a row of a running job tells of."""
    return JobAttempt(
        job_id=row.id,
        **dict(zip(_COLUMNS, _values(row), strict=True)),
        reserved_micros=reserved.micros,
        lowered_by=reserved.lowered_by,
        is_wallet_too_small=reserved.is_wallet_too_small,
        needs_approval=row.approval == "needed",
        key_ended=key_ended,
    )
