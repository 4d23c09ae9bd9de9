"""Create, list, change and delete schedules. Each change is audited."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, Problem
from backend.execution.jobs.submit import environment_of
from backend.execution.schedules import calendar, cron, target
from backend.execution.schedules.cron import BadCron
from backend.execution.schedules.errors import (
    CronInvalid,
    RestrictedKey,
    ScheduleNameTaken,
    ScheduleNeverFires,
    ScheduleNotFound,
    TooManySchedules,
)
from backend.execution.schedules.schemas import ScheduleCreate, ScheduleUpdate
from backend.execution.schedules.tables import Schedule
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import PRODUCTION
from backend.skills.job_limits import JobLimits

MAX_SCHEDULES: Final = 200
"""Maximum schedules of one project."""
_NOT_COPIED: Final = {
    "skill",
    "skillpack",
    "listing_id",
    "environment",
    "max_price_micros",
    "most_price_micros",
    "limits",
    "metadata",
}
"""Fields of a request that the table has under another name or with another value."""


async def create(session: AsyncSession, principal: Principal, body: ScheduleCreate) -> Schedule:
    """Create a schedule.

    Raises:
        CronInvalid: The expression or the time zone is not valid.
        ScheduleNeverFires: The expression names only days that do not exist.
        Missing: The skill, the version or the listing does not exist.
        Invalid: The inputs are not valid for the skill.
        FileNotAllowed: The inputs name a file of the drive that the principal may not read.
        ScheduleNameTaken: Another schedule has the name.
        TooManySchedules: The project has the maximum number of schedules.
    """
    _require_writer(principal)
    environment = environment_of(principal, body.environment)
    target_now = await target.requested(session, principal, body, environment)
    counted = visible(Schedule, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_SCHEDULES:
        raise TooManySchedules(MAX_SCHEDULES)
    schedule = Schedule(
        project_id=principal.project_id,
        skillpack_id=target_now.skillpack_id,
        skill_name=target_now.skill.name,
        listing=target_now.listing,
        max_price_micros=target_now.price_micros if body.max_price_micros is None else body.max_price_micros,
        limits=body.limits.model_dump(exclude_none=True),
        job_metadata=body.metadata,
        started_by_agent=principal.is_agent,
        created_by=principal.label,
        environment=environment,
        **body.model_dump(exclude=_NOT_COPIED),
    )
    await target.check_inputs(session, principal, schedule)
    schedule.next_at = next_at(schedule)
    session.add(schedule)
    await _flush(session, schedule.name)
    details = {"name": schedule.name, "skill": schedule.skill_name, "cron": schedule.cron}
    if environment != PRODUCTION:
        details["environment"] = environment
    if schedule.listing:
        details["listing"] = schedule.listing
    await _record(session, principal, "schedule.created", schedule, time_zone=schedule.time_zone, **details)
    return schedule


async def list_all(session: AsyncSession, principal: Principal) -> Sequence[Schedule]:
    """Return the schedules of the project, sorted by name."""
    principal.require(Role.VIEWER, "schedules:read")
    return (await session.scalars(visible(Schedule, principal).order_by(col(Schedule.name)))).all()


async def get(session: AsyncSession, principal: Principal, schedule_id: UUID) -> Schedule:
    """Return a schedule.

    Raises:
        ScheduleNotFound: The project has no such schedule.
    """
    principal.require(Role.VIEWER, "schedules:read")
    return await _one(session, principal, schedule_id)


async def update(
    session: AsyncSession, principal: Principal, schedule_id: UUID, body: ScheduleUpdate
) -> Schedule:
    """Change a schedule. New times, or turning it on, take effect from now.

    Raises:
        ScheduleNotFound: The project has no such schedule.
        CronInvalid: The expression or the time zone is not valid.
        Invalid: The inputs are not valid for the skill, or a maximum price is given for a skill, which has no price.
        FileNotAllowed: New inputs name a file of the drive that the principal may not read.
        ScheduleNameTaken: Another schedule has the name.
    """
    schedule = await get_locked(session, principal, schedule_id)
    values = body.model_dump(exclude_unset=True)
    changes: dict[str, Any] = {
        name: value for name, value in values.items() if value is not None or name == "version"
    }
    if "limits" in changes:
        changes["limits"] = (body.limits or JobLimits()).model_dump(exclude_none=True)
    if "max_price_micros" in changes and not schedule.listing:
        message = "This is only for listings of the marketplace. Omit it."
        raise Invalid(f"'max_price_micros': {message}", [Problem("max_price_micros", message)])
    if "metadata" in changes:
        changes["job_metadata"] = changes.pop("metadata")
    for name, value in changes.items():
        setattr(schedule, name, value)
    if changes.keys() & {"version", "inputs", "limits", "job_metadata"}:
        are_new = bool(changes.keys() & {"version", "inputs"})
        await target.check_inputs(session, principal, schedule, are_new=are_new)
    if changes.keys() & {"cron", "time_zone", "enabled"}:
        schedule.next_at = next_at(schedule)
    schedule.started_by_agent = schedule.started_by_agent or principal.is_agent
    schedule.updated_at = now()
    await _flush(session, schedule.name)
    audited = {
        name: value for name, value in changes.items() if name not in ("inputs", "job_metadata", "limits")
    }
    await _record(session, principal, "schedule.changed", schedule, changed=sorted(values), **audited)
    return schedule


async def delete(session: AsyncSession, principal: Principal, schedule_id: UUID) -> None:
    """Delete a schedule. Jobs that it submitted continue.

    Raises:
        ScheduleNotFound: The project has no such schedule.
    """
    schedule = await get_locked(session, principal, schedule_id)
    await session.delete(schedule)
    await _record(session, principal, "schedule.deleted", schedule, name=schedule.name)


async def get_locked(session: AsyncSession, principal: Principal, schedule_id: UUID) -> Schedule:
    """Return the schedule, locked until the end of the transaction.

    Raises:
        ScheduleNotFound: The project has no such schedule.
    """
    _require_writer(principal)
    return await _one(session, principal, schedule_id, is_locked=True)


def next_at(schedule: Schedule) -> datetime | None:
    """Return the next time from now on; None while the schedule is off.

    Raises:
        CronInvalid: The expression or the time zone is not valid.
        ScheduleNeverFires: The expression names only days that do not exist.
    """
    parsed, zone = parse_clock(schedule.cron, schedule.time_zone)
    target_now = calendar.after(parsed, zone, now())
    if target_now is None:
        raise ScheduleNeverFires(schedule.cron)
    return target_now if schedule.enabled else None


def parse_clock(expression: str, time_zone: str) -> calendar.Clock:
    """Parse an expression and a time zone.

    Raises:
        CronInvalid: One of them is not valid.
    """
    try:
        parsed = cron.parse(expression)
    except BadCron as problem:
        raise CronInvalid("cron", str(problem)) from None
    try:
        return calendar.Clock(parsed, calendar.zone_of(time_zone))
    except BadCron as problem:
        raise CronInvalid("time_zone", str(problem)) from None


async def _one(
    session: AsyncSession, principal: Principal, schedule_id: UUID, *, is_locked: bool = False
) -> Schedule:
    query = visible(Schedule, principal).where(col(Schedule.id) == schedule_id)
    if is_locked:
        query = query.with_for_update()
    target_now: Schedule | None = (await session.scalars(query)).one_or_none()
    if target_now is None:
        raise ScheduleNotFound(schedule_id)
    return target_now


def _require_writer(principal: Principal) -> None:
    principal.require(Role.DEVELOPER, "schedules:write", "jobs:submit")
    is_capped, expires = principal.daily_cap_micros is not None, principal.expires_at is not None
    if is_capped or expires or principal.skill_allowlist:
        raise RestrictedKey


async def _flush(session: AsyncSession, name: str) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise ScheduleNameTaken(name) from error


async def _record(
    session: AsyncSession, principal: Principal, action: str, schedule: Schedule, **details: Any
) -> None:
    await audit.record(session, principal, action, f"schedule:{schedule.id}", **details)
