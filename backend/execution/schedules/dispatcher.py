"""Submit the jobs of due schedules, each once: every worker process checks once a second, and one locks the schedule.

The row of the run, the job and the next time are written in one transaction. A run is unique for its schedule and due
time. If the job is rejected, the run records the reason, and webhooks receive it. With `overlap: queue`, a run whose
previous job has not ended is recorded as `queued`, and submitted when no job of the schedule runs.
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
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.core.errors import PurasError
from backend.core.metrics import transactional
from backend.core.metrics.instruments import SCHEDULE_RUNS
from backend.execution.jobs.cancel import cancel_by
from backend.execution.jobs.submit import submit
from backend.execution.schedules import calendar, service, target
from backend.execution.schedules.misfires import DueRun, MisfirePolicy, due_runs
from backend.execution.schedules.tables import Schedule
from backend.identity.auth.principal import Principal, Role
from backend.identity.webhook_outbox import outbox
from backend.money.pricing import PriceList

log = logs.get(__name__)

EVERY_S: Final = 1.0
MAX_BATCH: Final = 100
MAX_QUEUED_RUNS: Final = 100
"""Maximum queued runs of one schedule."""

_DUE = text("""
select s.id, s.project_id from schedules s
where s.next_at <= coalesce(cast(:at as timestamptz), now())
  and (select p.deleted_at from projects p where p.id = s.project_id) is null
order by s.next_at limit :limit
""")
_UNFINISHED = text("""
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
limit :limit
""")
_FIRST_QUEUED = text("""
select id, due_at, reason from schedule_runs
where schedule_id = :schedule_id and project_id = :project_id and outcome = 'queued'
order by due_at limit 1 for update
""")
_SKIP_QUEUED = text("""
update schedule_runs set outcome = 'skipped', code = 'schedule_off', reason = 'The schedule was turned off.'
where schedule_id = :schedule_id and project_id = :project_id and outcome = 'queued'
""")
_NOW = text("select coalesce(cast(:at as timestamptz), now())")
_INSERT_RUN = text("""
insert into schedule_runs (id, schedule_id, project_id, due_at, by_hand, outcome, job_id, reason, code, created_at)
values (:id, :schedule_id, :project_id, :due_at, false, 'submitted', null, '', '', clock_timestamp())
on conflict (schedule_id, due_at) do nothing returning id
""")
_STORE_RESULT = text("""
update schedule_runs set outcome = :outcome, job_id = :job_id, reason = :reason, code = :code
where id = :id and project_id = :project_id
""")


@dataclass(frozen=True, slots=True)
class JobDefaults:
    """Settings of the instance for the jobs that it submits itself."""

    prices: PriceList
    max_queued: int = DEFAULTS.queued_jobs


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a due time."""

    outcome: str
    job_id: UUID | None = None
    reason: str = ""
    code: str = ""


def periodic_task(database: Database, defaults: JobDefaults) -> PeriodicTask:
    """Return the task that submits what is due, once a second."""
    return PeriodicTask("schedules", EVERY_S, partial(_fire_due, database, defaults))


async def _fire_due(database: Database, defaults: JobDefaults) -> None:
    try:
        await fire_due(database, defaults)
    except SQLAlchemyError as error:
        log.warning("schedules delayed: database unavailable", why=error_summary(error))


async def fire_due(database: Database, defaults: JobDefaults, *, at: datetime | None = None) -> int:
    """Submit what is due now, or at the time `at`, and return the number of due schedules.

    The clock of the database is used, because the clocks of several hosts differ.
    """
    async with database.single() as session:
        due = (await session.execute(_DUE, {"at": at, "limit": MAX_BATCH})).all()
        releasable = (await session.execute(_RELEASABLE, {"limit": MAX_BATCH})).all()
    for row in releasable:
        with background_tasks.log_and_continue("schedule", schedule_id=str(row.id)):
            await _release(database, defaults, row.project_id, row.id)
    for row in due:
        with background_tasks.log_and_continue("schedule", schedule_id=str(row.id)):
            await _fire(database, defaults, row.project_id, row.id, at)
    return len(due)


async def _fire(
    database: Database, defaults: JobDefaults, project_id: UUID, schedule_id: UUID, at: datetime | None
) -> None:
    async with database.transaction() as session:
        schedule = await _lock_due(session, project_id, schedule_id, at)
        if schedule is None:
            return
        previous = await _unfinished_jobs(session, schedule) if schedule.overlap == "cancel_previous" else []
    for job_id in (
        previous
    ):  # one transaction each: a cancellation locks the row of the job and then those of the project
        async with database.transaction() as session:
            await cancel_by(session, job_id, actor=f"the next run of the schedule {schedule.name!r}")
    async with database.transaction() as session:
        schedule = await _lock_due(session, project_id, schedule_id, at)
        if schedule is not None:
            await _run_due(session, defaults, schedule, at)


async def _lock_due(
    session: AsyncSession, project_id: UUID, schedule_id: UUID, at: datetime | None
) -> Schedule | None:
    """Lock and return the schedule if it is due; None if another process has it or has run it."""
    current_time = (await session.execute(_NOW, {"at": at})).scalar_one()
    query = select(Schedule).where(
        col(Schedule.id) == schedule_id,
        col(Schedule.project_id) == project_id,
        col(Schedule.next_at) <= current_time,
    )
    found: Schedule | None = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
    return found


async def _release(database: Database, defaults: JobDefaults, project_id: UUID, schedule_id: UUID) -> None:
    """Submit the first queued run of a schedule if no job of it runs; skip all of them if it is off."""
    async with database.transaction() as session:
        ids = {"schedule_id": schedule_id, "project_id": project_id}
        query = select(Schedule).where(
            col(Schedule.id) == schedule_id, col(Schedule.project_id) == project_id
        )
        schedule = (await session.scalars(query.with_for_update(skip_locked=True))).one_or_none()
        if schedule is None:
            return
        if not schedule.enabled:
            await session.execute(_SKIP_QUEUED, ids)
            return
        if await _unfinished_jobs(session, schedule):
            return
        queued = (await session.execute(_FIRST_QUEUED, ids)).one_or_none()
        if queued is not None:
            due_run = DueRun(queued.due_at)
            await _settle(
                session, schedule, due_run, queued.id, await _submit(session, defaults, schedule, due_run)
            )


async def _run_due(
    session: AsyncSession, defaults: JobDefaults, schedule: Schedule, at: datetime | None
) -> None:
    current_time: datetime = (await session.execute(_NOW, {"at": at})).scalar_one()
    clock = service.parse_clock(schedule.cron, schedule.time_zone)
    missed: Any = schedule.missed  # a value of `Missed`: the table has a check constraint
    policy = MisfirePolicy(missed, timedelta(seconds=schedule.catch_up_s))
    due = schedule.next_at or current_time
    for due_run in due_runs(clock.cron, clock.zone, next_at=due, at=current_time, policy=policy):
        await _run_once(session, defaults, schedule, due_run)
    schedule.next_at = calendar.after(clock.cron, clock.zone, current_time)


async def _run_once(
    session: AsyncSession, defaults: JobDefaults, schedule: Schedule, due_run: DueRun
) -> None:
    run_id = uuid4()
    ids = {"schedule_id": schedule.id, "project_id": schedule.project_id, "due_at": due_run.due_at}
    if (await session.execute(_INSERT_RUN, {"id": run_id, **ids})).first() is None:
        return  # the run exists already
    await _settle(session, schedule, due_run, run_id, await _result(session, defaults, schedule, due_run))


async def _settle(
    session: AsyncSession, schedule: Schedule, due_run: DueRun, run_id: UUID, result: RunResult
) -> None:
    """Store the result of a run."""
    values: dict[str, Any] = {"outcome": result.outcome, "job_id": result.job_id}
    values |= {"reason": result.reason[:1_000], "code": result.code}
    await session.execute(_STORE_RESULT, {"id": run_id, "project_id": schedule.project_id, **values})
    transactional.note(session, SCHEDULE_RUNS.labels(result.outcome))
    if result.outcome in ("refused", "missed"):
        await _report_failure(session, schedule, due_run, result)


async def _result(
    session: AsyncSession, defaults: JobDefaults, schedule: Schedule, due_run: DueRun
) -> RunResult:
    if due_run.is_missed:
        since = due_run.made_up_since or due_run.due_at
        return RunResult(
            "missed", reason=f"No worker was running for the times since {since.isoformat()}.", code="missed"
        )
    if schedule.overlap == "skip" and (unfinished := await _unfinished_jobs(session, schedule)):
        return RunResult(
            "skipped", reason=f"The job {unfinished[0]} of this schedule has not ended.", code="overlap"
        )
    if schedule.overlap == "queue" and (queued_result := await _queue_result(session, schedule)) is not None:
        return queued_result
    return await _submit(session, defaults, schedule, due_run)


async def _queue_result(session: AsyncSession, schedule: Schedule) -> RunResult | None:
    """Return the result of a run that has to wait for earlier ones; None if it does not."""
    ids = {"schedule_id": schedule.id, "project_id": schedule.project_id}
    queued_count: int = (await session.execute(_QUEUED, ids)).scalar_one()
    unfinished = await _unfinished_jobs(session, schedule)
    if queued_count >= MAX_QUEUED_RUNS:
        reason = (
            f"{queued_count} runs are queued, the maximum. Change the schedule to run less often, or set "
            "another `overlap`."
        )
        return RunResult("skipped", reason=reason, code="queue_full")
    if queued_count:
        return RunResult("queued", reason=f"{queued_count} runs are queued before it.")
    return (
        RunResult("queued", reason=f"The job {unfinished[0]} of this schedule has not ended.")
        if unfinished
        else None
    )


async def _submit(
    session: AsyncSession, defaults: JobDefaults, schedule: Schedule, due_run: DueRun
) -> RunResult:
    metadata = {"schedule_id": str(schedule.id), "schedule_due_at": due_run.due_at.isoformat()}
    try:
        async with session.begin_nested():
            job_id = await submit_job(session, defaults, schedule, metadata)
    except PurasError as error:
        return RunResult("refused", reason=error.detail, code=error.code)
    reason = (
        f"It replaces the missed runs since {due_run.made_up_since.isoformat()}."
        if due_run.made_up_since
        else ""
    )
    return RunResult("submitted", job_id, reason)


async def submit_job(
    session: AsyncSession,
    defaults: JobDefaults,
    schedule: Schedule,
    metadata: dict[str, str],
    *,
    by_agent: bool = False,
) -> UUID:
    """Submit the job of a schedule and return its ID.

    Args:
        session: The transaction.
        defaults: Settings of the instance for the job.
        schedule: The schedule.
        metadata: Metadata of the job in addition to that of the schedule.
        by_agent: Whether an agent outside of this instance requests this run.

    Raises:
        PurasError: The job is rejected.
    """
    principal = Principal(
        kind="system",
        id=schedule.id,
        project_id=schedule.project_id,
        label=f"schedule:{schedule.name}",
        role=Role.DEVELOPER,
    )
    spec = await target.job_spec(
        session, principal, schedule, metadata, prices=defaults.prices, max_queued=defaults.max_queued
    )
    if by_agent:
        spec = replace(spec, started_by_agent=True)
    return (await submit(session, principal, spec)).job_id


async def _unfinished_jobs(session: AsyncSession, schedule: Schedule) -> list[UUID]:
    values = {"schedule_id": schedule.id, "project_id": schedule.project_id}
    return list((await session.execute(_UNFINISHED, values)).scalars().all())


async def _report_failure(
    session: AsyncSession, schedule: Schedule, due_run: DueRun, result: RunResult
) -> None:
    log.warning("schedule run failed", schedule_id=str(schedule.id), code=result.code)
    payload = {
        "schedule_id": str(schedule.id),
        "project_id": str(schedule.project_id),
        "name": schedule.name,
        "skill": schedule.skill_name,
        "environment": schedule.environment,
        "due_at": due_run.due_at.isoformat(),
        "outcome": result.outcome,
        "code": result.code,
        "reason": result.reason,
    }
    await outbox.record(session, schedule.project_id, "schedule.failed", payload, skill=schedule.skill_name)
