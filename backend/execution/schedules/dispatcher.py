"""Submit the jobs of due schedules, each once: every worker process checks once a second, and one locks the schedule.

The run's row, the job and the next moment are written in one transaction; a run is unique for its schedule and due
moment. The reason why a job is rejected is recorded instead of it, and sent to webhooks. A run of a schedule with
`overlap: queue` whose previous job has not ended is recorded as `queued`, and submitted when nothing of it runs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col, select

from backend.config.quotas import DEFAULTS
from backend.core import background_tasks, logs
from backend.core.background_tasks import PeriodicTask
from backend.core.db.connections import why_away
from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.core.metrics import transactional
from backend.core.metrics.instruments import SCHEDULE_RUNS
from backend.execution.jobs.cancel import cancel_by
from backend.execution.jobs.submit import submit
from backend.execution.schedules import calendar, service, target
from backend.execution.schedules.misfires import Patience, Turn, turns
from backend.execution.schedules.tables import Schedule
from backend.identity.auth.principal import Principal, Role
from backend.identity.webhook_outbox import outbox
from backend.money.pricing import PriceList

log = logs.get(__name__)

EVERY_S: Final = 1.0
MAX_AT_ONCE: Final = 100
MAX_QUEUED_RUNS: Final = 100
"""Of one schedule."""

_DUE = text("""
select s.id, s.project_id from schedules s
where s.next_at <= coalesce(cast(:at as timestamptz), now())
  and (select p.deleted_at from projects p where p.id = s.project_id) is null
order by s.next_at limit :most
""")
_LIVE = text("""
select j.id from (
  select job_id from schedule_runs
  where schedule_id = :schedule_id and project_id = :project_id and job_id is not null
  order by due_at desc limit 100
) r join jobs j on j.id = r.job_id and j.project_id = :project_id and j.finished_at is null
""")
_QUEUED = text("""
select count(*) from schedule_runs
where schedule_id = :schedule_id and project_id = :project_id and outcome = 'queued'
""")
_RELEASABLE = text("""
select s.id, s.project_id from schedules s
where s.id in (select schedule_id from schedule_runs where outcome = 'queued')
  and (select p.deleted_at from projects p where p.id = s.project_id) is null
  and (not s.enabled or not exists (
    select from (
      select job_id from schedule_runs
      where schedule_id = s.id and project_id = s.project_id and job_id is not null
      order by due_at desc limit 100
    ) r join jobs j on j.id = r.job_id and j.project_id = s.project_id and j.finished_at is null
  ))
limit :most
""")
_NEXT_QUEUED = text("""
select id, due_at, reason from schedule_runs
where schedule_id = :schedule_id and project_id = :project_id and outcome = 'queued'
order by due_at limit 1 for update
""")
_LEAVE_QUEUE = text("""
update schedule_runs set outcome = 'skipped', code = 'schedule_off', reason = 'The schedule was turned off.'
where schedule_id = :schedule_id and project_id = :project_id and outcome = 'queued'
""")
_NOW = text("select coalesce(cast(:at as timestamptz), now())")
_NOTE_RUN = text("""
insert into schedule_runs (id, schedule_id, project_id, due_at, by_hand, outcome, job_id, reason, code, created_at)
values (:id, :schedule_id, :project_id, :due_at, false, 'submitted', null, '', '', clock_timestamp())
on conflict (schedule_id, due_at) do nothing returning id
""")
_RUN_CAME_TO = text("""
update schedule_runs set outcome = :outcome, job_id = :job_id, reason = :reason, code = :code
where id = :id and project_id = :project_id
""")


@dataclass(frozen=True, slots=True)
class Terms:
    """What the instance's settings say about jobs that it submits by itself."""

    prices: PriceList
    most_queued: int = DEFAULTS.queued_jobs


@dataclass(frozen=True, slots=True)
class CameTo:
    """What a due moment came to."""

    outcome: str
    job_id: UUID | None = None
    reason: str = ""
    code: str = ""


def periodic_task(database: Database, terms: Terms) -> PeriodicTask:
    """Return the task that submits what is due, once a second."""
    return PeriodicTask("schedules", EVERY_S, partial(_fire_due, database, terms))


async def _fire_due(database: Database, terms: Terms) -> None:
    try:
        await fire_due(database, terms)
    except SQLAlchemyError as error:
        log.warning("schedules wait for the database", why=why_away(error))


async def fire_due(database: Database, terms: Terms, *, at: datetime | None = None) -> int:
    """Submit what is due, now or at the moment `at`; says how many schedules were looked at.

    It is the database's clock that counts: those of several machines differ.
    """
    async with database.single() as single:
        due = (await single.execute(_DUE, {"at": at, "most": MAX_AT_ONCE})).all()
        releasable = (await single.execute(_RELEASABLE, {"most": MAX_AT_ONCE})).all()
    for row in releasable:
        with background_tasks.log_and_continue("schedule", schedule_id=str(row.id)):
            await _release(database, terms, row.project_id, row.id)
    for row in due:
        with background_tasks.log_and_continue("schedule", schedule_id=str(row.id)):
            await _fire(database, terms, row.project_id, row.id, at)
    return len(due)


async def _fire(
    database: Database, terms: Terms, project_id: UUID, schedule_id: UUID, at: datetime | None
) -> None:
    async with database.transaction() as session:
        schedule = await _held(session, project_id, schedule_id, at)
        if schedule is None:
            return
        previous = await _live(session, schedule) if schedule.overlap == "cancel_previous" else []
    for job_id in previous:  # each by itself: whoever ends one holds its row and wants the project's
        async with database.transaction() as session:
            await cancel_by(session, job_id, who=f"the next run of the schedule {schedule.name!r}")
    async with database.transaction() as session:
        schedule = await _held(session, project_id, schedule_id, at)
        if schedule is not None:
            await _take_turns(session, terms, schedule, at)


async def _held(
    session: AsyncSession, project_id: UUID, schedule_id: UUID, at: datetime | None
) -> Schedule | None:
    """The schedule while it is due; none when another process has it, or has been here."""
    moment = (await session.execute(_NOW, {"at": at})).scalar_one()
    query = select(Schedule).where(
        col(Schedule.id) == schedule_id,
        col(Schedule.project_id) == project_id,
        col(Schedule.next_at) <= moment,
    )
    found: Schedule | None = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
    return found


async def _release(database: Database, terms: Terms, project_id: UUID, schedule_id: UUID) -> None:
    """Submit the first queued run of a schedule if no job of it runs; skip all of them if it is off."""
    async with database.transaction() as session:
        own = {"schedule_id": schedule_id, "project_id": project_id}
        query = select(Schedule).where(
            col(Schedule.id) == schedule_id, col(Schedule.project_id) == project_id
        )
        schedule = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
        if schedule is None:
            return
        if not schedule.enabled:
            await session.execute(_LEAVE_QUEUE, own)
            return
        if await _live(session, schedule):
            return
        queued = (await session.execute(_NEXT_QUEUED, own)).one_or_none()
        if queued is not None:
            turn = Turn(queued.due_at)
            await _settle(
                session, schedule, turn, queued.id, await _submitted(session, terms, schedule, turn)
            )


async def _take_turns(session: AsyncSession, terms: Terms, schedule: Schedule, at: datetime | None) -> None:
    moment: datetime = (await session.execute(_NOW, {"at": at})).scalar_one()
    clock = service.read(schedule.cron, schedule.time_zone)
    missed: Any = schedule.missed  # one of the words of `Missed`, as the table's check has it
    patience = Patience(missed, timedelta(seconds=schedule.catch_up_s))
    due = schedule.next_at or moment
    for turn in turns(clock.cron, clock.zone, next_at=due, at=moment, patience=patience):
        await _take(session, terms, schedule, turn)
    schedule.next_at = calendar.after(clock.cron, clock.zone, moment)


async def _take(session: AsyncSession, terms: Terms, schedule: Schedule, turn: Turn) -> None:
    run_id = uuid4()
    own = {"schedule_id": schedule.id, "project_id": schedule.project_id, "due_at": turn.due_at}
    if (await session.execute(_NOTE_RUN, {"id": run_id, **own})).first() is None:
        return  # it was taken before
    await _settle(session, schedule, turn, run_id, await _came_to(session, terms, schedule, turn))


async def _settle(
    session: AsyncSession, schedule: Schedule, turn: Turn, run_id: UUID, came_to: CameTo
) -> None:
    """Record what became of a run."""
    values: dict[str, Any] = {"outcome": came_to.outcome, "job_id": came_to.job_id}
    values |= {"reason": came_to.reason[:1_000], "code": came_to.code}
    await session.execute(_RUN_CAME_TO, {"id": run_id, "project_id": schedule.project_id, **values})
    transactional.note(session, SCHEDULE_RUNS.labels(came_to.outcome))
    if came_to.outcome in ("refused", "missed"):
        await _tell(session, schedule, turn, came_to)


async def _came_to(session: AsyncSession, terms: Terms, schedule: Schedule, turn: Turn) -> CameTo:
    if turn.is_missed:
        since = turn.made_up_since or turn.due_at
        return CameTo(
            "missed", reason=f"No worker was there for what was due since {since.isoformat()}.", code="missed"
        )
    if schedule.overlap == "skip" and (live := await _live(session, schedule)):
        return CameTo("skipped", reason=f"Its job {live[0]} has not ended.", code="overlap")
    if schedule.overlap == "queue" and (waits := await _queued(session, schedule)) is not None:
        return waits
    return await _submitted(session, terms, schedule, turn)


async def _queued(session: AsyncSession, schedule: Schedule) -> CameTo | None:
    """Return what becomes of a run that has to wait for earlier ones; None if it need not."""
    own = {"schedule_id": schedule.id, "project_id": schedule.project_id}
    before: int = (await session.execute(_QUEUED, own)).scalar_one()
    live = await _live(session, schedule)
    if before >= MAX_QUEUED_RUNS:
        reason = f"{before} runs are queued already, which is the maximum. Run it less often, or set another overlap."
        return CameTo("skipped", reason=reason, code="queue_full")
    if before:
        return CameTo("queued", reason=f"{before} runs are queued before it.")
    return CameTo("queued", reason=f"Its job {live[0]} has not ended.") if live else None


async def _submitted(session: AsyncSession, terms: Terms, schedule: Schedule, turn: Turn) -> CameTo:
    request_of = {"schedule_id": str(schedule.id), "schedule_due_at": turn.due_at.isoformat()}
    try:
        async with session.begin_nested():
            job_id = await run(session, terms, schedule, request_of)
    except PurasError as refused:
        return CameTo("refused", reason=refused.detail, code=refused.code)
    reason = (
        f"It makes up for what was due since {turn.made_up_since.isoformat()}." if turn.made_up_since else ""
    )
    return CameTo("submitted", job_id, reason)


async def run(
    session: AsyncSession,
    terms: Terms,
    schedule: Schedule,
    metadata: dict[str, str],
    *,
    by_agent: bool = False,
) -> UUID:
    """Submit the schedule's job; whatever a submit may raise.

    Args:
        session: Of the transaction.
        terms: What the instance says about the job.
        schedule: Whose job it is.
        metadata: For the job, in addition to that of the schedule.
        by_agent: Whether an agent outside of this instance asks for this run.

    Raises:
        PurasError: the job is refused.
    """
    principal = Principal(
        kind="system",
        id=schedule.id,
        project_id=schedule.project_id,
        label=f"schedule:{schedule.name}",
        role=Role.DEVELOPER,
    )
    spec = await target.spec(
        session, principal, schedule, metadata, prices=terms.prices, most_queued=terms.most_queued
    )
    if by_agent:
        spec = replace(spec, started_by_agent=True)
    return (await submit(session, principal, spec)).job_id


async def _live(session: AsyncSession, schedule: Schedule) -> list[UUID]:
    values = {"schedule_id": schedule.id, "project_id": schedule.project_id}
    return list((await session.execute(_LIVE, values)).scalars().all())


async def _tell(session: AsyncSession, schedule: Schedule, turn: Turn, came_to: CameTo) -> None:
    log.warning("a schedule's run did not come about", schedule_id=str(schedule.id), code=came_to.code)
    told = {
        "schedule_id": str(schedule.id),
        "project_id": str(schedule.project_id),
        "name": schedule.name,
        "skill": schedule.skill_name,
        "due_at": turn.due_at.isoformat(),
        "outcome": came_to.outcome,
        "code": came_to.code,
        "reason": came_to.reason,
    }
    await outbox.record(session, schedule.project_id, "schedule.failed", told, skill=schedule.skill_name)
