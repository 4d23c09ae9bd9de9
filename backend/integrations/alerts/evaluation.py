"""Evaluate alert rules that are due, and record an event when an alert is raised or ends.

Any worker process evaluates a rule, one process at a time. The clock of the database is used.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Final, NamedTuple
from uuid import UUID

from sqlalchemy import Executable, Select, String, TextClause, bindparam, case, func, or_, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core import background_tasks, logs
from backend.core.background_tasks import PeriodicTask
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.execution.jobs.failures import states
from backend.execution.jobs.failures.tables import FailureCluster
from backend.execution.jobs.tables import Job
from backend.identity.auth import audit
from backend.identity.webhook_outbox import outbox
from backend.integrations.alerts.tables import AlertState, Metric

log = logs.get(__name__)

EVERY_S: Final = 5.0
MAX_BATCH: Final = 100
"""Rules that one turn evaluates."""
MIN_INTERVAL_S: Final = 60
"""Shortest time between two evaluations of a rule. It grows with the window, to 1 % of it."""

_DUE: Final = text("""
select r.id, r.project_id from alert_rules r
where r.enabled and r.next_at <= now()
  and (select p.deleted_at from projects p where p.id = r.project_id) is null
order by r.next_at limit :limit
""")
_LOCK: Final = text("""
select id, project_id, name, metric, skill, environment, threshold, window_minutes, min_jobs, state
from alert_rules
where id = :id and project_id = :project_id and enabled and next_at <= now()
for update skip locked
""")
_STORE: Final = text("""
update alert_rules
set value = :value, jobs = :jobs, state = cast(:state as text), evaluated_at = now(),
    state_changed_at = case when state = cast(:state as text) then state_changed_at else now() end,
    next_at = now() + make_interval(secs => greatest(:min_interval_s, window_minutes * 60 / 100.0))
where id = :id and project_id = :project_id
""")
# Runs of drafts, of prompts without a skill and of eval suites are experiments, so only their cost counts.
_PUBLISHED: Final = "deployment_version is not null and source <> 'eval'"


def _of_ended_jobs(value: str, condition: str) -> TextClause:
    """Return the statement that reads a value of the jobs that ended within the window."""
    return text(f"""
select {value} as value, count(*) as jobs from jobs
where project_id = :project_id and finished_at > now() - make_interval(mins => :window_minutes)
  and (cast(:skill as text) is null or skill_name = :skill)
  and (cast(:environment as text) is null or environment = :environment)
  and {condition}
""")  # noqa: S608 - both parts are constants of this module


def _new_errors() -> Select[int, int]:
    """Return the statement that reads the open errors that are new within the window, or have returned within it."""
    start = func.now() - func.make_interval(0, 0, 0, 0, 0, bindparam("window_minutes"))
    returned = states.returned_at()
    fresh = (
        select(
            col(FailureCluster.signature),
            case((col(FailureCluster.state) == "resolved", col(FailureCluster.state_changed_at))).label(
                "since"
            ),
        )
        .where(
            col(FailureCluster.project_id) == bindparam("project_id"),
            or_(col(FailureCluster.first_seen_at) > start, col(FailureCluster.state) != "open"),
            func.greatest(col(FailureCluster.first_seen_at), returned) > start,
            states.current(returned) == "open",
        )
        .cte("fresh")
    )
    skill, environment = bindparam("skill", type_=String), bindparam("environment", type_=String)
    return (
        select(func.count(col(Job.error_signature).distinct()).label("value"), func.count().label("jobs"))
        .join(fresh, fresh.c.signature == col(Job.error_signature))
        .where(
            col(Job.project_id) == bindparam("project_id"),
            col(Job.finished_at) > start,
            or_(fresh.c.since.is_(None), col(Job.created_at) > fresh.c.since),
            or_(skill.is_(None), col(Job.skill_name) == skill),
            or_(environment.is_(None), col(Job.environment) == environment),
            text(_PUBLISHED),
        )
    )


_MEASURES: Final[dict[Metric, Executable]] = {
    "error_rate": _of_ended_jobs(
        "100.0 * count(*) filter (where status = 'failed') / nullif(count(*), 0)",
        f"{_PUBLISHED} and status in ('succeeded', 'failed')",
    ),
    "latency_p95": _of_ended_jobs(
        "percentile_cont(0.95) within group (order by extract(epoch from finished_at - first_started_at))",
        f"{_PUBLISHED} and status = 'succeeded' and first_started_at is not null",
    ),
    "spend": _of_ended_jobs(
        "coalesce(sum(cost_micros + called_cost_micros), 0) / 1e6",
        "bill = 'own'",
    ),
    "new_errors": _new_errors(),
    "queue_age": text("""
select coalesce(extract(epoch from now() - min(greatest(q.submitted_at, q.not_before))), 0) as value,
       count(*) as jobs
from (
  select job_id, submitted_at, not_before from job_queue where project_id = :project_id and stamp is not null
  union all
  select job_id, submitted_at, not_before from job_queue
  where project_id = :project_id and stamp is null and not is_later
) q
where coalesce(q.not_before <= now(), true)
  and (cast(:skill as text) is null and cast(:environment as text) is null or exists (
    select from jobs j
    where j.id = q.job_id and j.project_id = :project_id
      and (cast(:skill as text) is null or j.skill_name = :skill)
      and (cast(:environment as text) is null or j.environment = :environment)
  ))
"""),
}
_WITH_MIN_JOBS: Final = frozenset({"error_rate", "latency_p95"})


class Measured(NamedTuple):
    """The value of a rule."""

    value: float | None
    """In the unit of the threshold; None: too few jobs."""
    jobs: int


def periodic_task(database: Database) -> PeriodicTask:
    """Return the task that evaluates the rules that are due."""
    return PeriodicTask("alerts", EVERY_S, partial(_evaluate_due, database))


async def _evaluate_due(database: Database) -> None:
    try:
        await evaluate_due(database)
    except SQLAlchemyError as error:
        log.warning("alerts delayed: database unavailable", why=error_summary(error))


async def evaluate_due(database: Database) -> int:
    """Evaluate the rules that are due, and return their number."""
    async with database.single() as session:
        due = (await session.execute(_DUE, {"limit": MAX_BATCH})).all()
    for row in due:
        with background_tasks.log_and_continue("alert", alert_id=str(row.id)):
            await _evaluate(database, row.project_id, row.id)
    return len(due)


async def _evaluate(database: Database, project_id: UUID, rule_id: UUID) -> None:
    ids = {"id": rule_id, "project_id": project_id}
    async with database.transaction() as session:
        rule = (await session.execute(_LOCK, ids)).one_or_none()
        if rule is None:
            return
        measured = await _measure(session, rule)
        is_raised = measured.value is not None and measured.value >= rule.threshold
        state: AlertState = "raised" if is_raised else "ok"
        values = {"value": measured.value, "jobs": measured.jobs, "state": state}
        await session.execute(_STORE, ids | values | {"min_interval_s": MIN_INTERVAL_S})
        if state != rule.state:
            await _announce(session, rule, measured, state)


async def _measure(session: AsyncSession, rule: Any) -> Measured:
    metric: Metric = rule.metric
    values = {
        "project_id": rule.project_id,
        "skill": rule.skill,
        "environment": rule.environment,
    }
    if metric != "queue_age":
        values["window_minutes"] = rule.window_minutes
    found = (await session.execute(_MEASURES[metric], values)).one()
    if metric in _WITH_MIN_JOBS and found.jobs < rule.min_jobs:
        return Measured(None, found.jobs)
    return Measured(None if found.value is None else float(found.value), found.jobs)


async def _announce(session: AsyncSession, rule: Any, measured: Measured, state: AlertState) -> None:
    event: outbox.Event = "alert.raised" if state == "raised" else "alert.resolved"
    fields = {
        "name": rule.name,
        "metric": rule.metric,
        "skill": rule.skill,
        "environment": rule.environment,
        "threshold": rule.threshold,
        "window_minutes": rule.window_minutes,
        "value": measured.value,
        "jobs": measured.jobs,
    }
    data = {"alert_id": str(rule.id), "project_id": str(rule.project_id), **fields}
    await outbox.record(session, rule.project_id, event, data, skill=rule.skill)
    await audit.record_in(session, rule.project_id, "system", event, f"alert:{rule.id}", **fields)
