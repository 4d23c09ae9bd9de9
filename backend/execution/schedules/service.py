"""What people do with schedules; each change is audited."""

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
from backend.skills.job_limits import JobLimits

MAX_SCHEDULES: Final = 200
"""Of one project."""
_KEPT_OTHERWISE: Final = {"skill", "skillpack", "listing_id", "most_price_micros", "limits", "metadata"}
"""Of what is asked for, what the table has under another name or from elsewhere."""


async def create(session: AsyncSession, principal: Principal, asked: ScheduleCreate) -> Schedule:
    """Have jobs submitted by the clock from now on.

    Raises:
        CronInvalid: the expression or the time zone is wrong.
        ScheduleNeverFires: it names days that never come.
        Missing: there is no such skill, version or listing.
        Invalid: the inputs do not fit the skill.
        FileNotAllowed: they name a file of the drive that the principal may not read.
        ScheduleNameTaken: another one has the name.
        TooManySchedules: there are as many as may be.
    """
    _require_writer(principal)
    found = await target.asked_for(session, principal, asked)
    counted = visible(Schedule, principal).with_only_columns(func.count())
    if (await session.execute(counted)).scalar_one() >= MAX_SCHEDULES:
        raise TooManySchedules(MAX_SCHEDULES)
    schedule = Schedule(
        project_id=principal.project_id,
        skillpack_id=found.skillpack_id,
        skill_name=found.skill.name,
        listing=found.listing,
        most_price_micros=found.price_micros if asked.most_price_micros is None else asked.most_price_micros,
        limits=asked.limits.model_dump(exclude_none=True),
        job_metadata=asked.metadata,
        started_by_agent=principal.is_agent,
        created_by=principal.label,
        **asked.model_dump(exclude=_KEPT_OTHERWISE),
    )
    await target.check_inputs(session, principal, schedule)
    schedule.next_at = next_at(schedule)
    session.add(schedule)
    await _flush(session, schedule.name)
    facts = {"name": schedule.name, "skill": schedule.skill_name, "cron": schedule.cron}
    if schedule.listing:
        facts["listing"] = schedule.listing
    await _record(session, principal, "schedule.created", schedule, time_zone=schedule.time_zone, **facts)
    return schedule


async def list_all(session: AsyncSession, principal: Principal) -> Sequence[Schedule]:
    """The project's schedules, by name."""
    principal.require(Role.VIEWER, "schedules:read")
    return (await session.scalars(visible(Schedule, principal).order_by(col(Schedule.name)))).all()


async def get(session: AsyncSession, principal: Principal, schedule_id: UUID) -> Schedule:
    """One schedule.

    Raises:
        ScheduleNotFound: the project has none such.
    """
    principal.require(Role.VIEWER, "schedules:read")
    return await _one(session, principal, schedule_id)


async def change(
    session: AsyncSession, principal: Principal, schedule_id: UUID, asked: ScheduleUpdate
) -> Schedule:
    """Change a schedule; with another clock, or switched on, it begins anew from now.

    Raises:
        ScheduleNotFound: the project has none such.
        CronInvalid: the expression or the time zone is wrong.
        Invalid: the inputs do not fit the skill, or a price is agreed to for a skill, which has none.
        FileNotAllowed: new inputs name a file of the drive that the principal may not read.
        ScheduleNameTaken: another one has the name.
    """
    schedule = await held(session, principal, schedule_id)
    given = asked.model_dump(exclude_unset=True)
    changes: dict[str, Any] = {
        name: value for name, value in given.items() if value is not None or name == "version"
    }
    if "limits" in changes:
        changes["limits"] = (asked.limits or JobLimits()).model_dump(exclude_none=True)
    if "most_price_micros" in changes and not schedule.listing:
        why = "This is for listings of the marketplace; leave it out."
        raise Invalid(f"'most_price_micros': {why}", [Problem("most_price_micros", why)])
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
    told = {
        name: value for name, value in changes.items() if name not in ("inputs", "job_metadata", "limits")
    }
    await _record(session, principal, "schedule.changed", schedule, changed=sorted(given), **told)
    return schedule


async def delete(session: AsyncSession, principal: Principal, schedule_id: UUID) -> None:
    """Forget a schedule; jobs that it has submitted go on.

    Raises:
        ScheduleNotFound: the project has none such.
    """
    schedule = await held(session, principal, schedule_id)
    await session.delete(schedule)
    await _record(session, principal, "schedule.deleted", schedule, name=schedule.name)


async def held(session: AsyncSession, principal: Principal, schedule_id: UUID) -> Schedule:
    """The schedule, about which nobody else does anything until the transaction ends.

    Raises:
        ScheduleNotFound: the project has none such.
    """
    _require_writer(principal)
    return await _one(session, principal, schedule_id, is_held=True)


def next_at(schedule: Schedule) -> datetime | None:
    """When it comes next, from now on; none while it is off.

    Raises:
        CronInvalid: the expression or the time zone is wrong.
        ScheduleNeverFires: it names days that never come.
    """
    parsed, zone = read(schedule.cron, schedule.time_zone)
    found = calendar.after(parsed, zone, now())
    if found is None:
        raise ScheduleNeverFires(schedule.cron)
    return found if schedule.enabled else None


def read(expression: str, time_zone: str) -> calendar.Clock:
    """An expression and a time zone.

    Raises:
        CronInvalid: one of them is wrong.
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
    session: AsyncSession, principal: Principal, schedule_id: UUID, *, is_held: bool = False
) -> Schedule:
    query = visible(Schedule, principal).where(col(Schedule.id) == schedule_id)
    if is_held:
        query = query.with_for_update()
    found: Schedule | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise ScheduleNotFound(schedule_id)
    return found


def _require_writer(principal: Principal) -> None:
    principal.require(Role.DEVELOPER, "schedules:write", "jobs:submit")
    is_capped, is_ending = principal.daily_cap_micros is not None, principal.expires_at is not None
    if is_capped or is_ending or principal.skill_allowlist:
        raise RestrictedKey


async def _flush(session: AsyncSession, name: str) -> None:
    try:
        await session.flush()
    except IntegrityError as error:
        raise ScheduleNameTaken(name) from error


async def _record(
    session: AsyncSession, principal: Principal, action: str, schedule: Schedule, **facts: Any
) -> None:
    await audit.record(session, principal, action, f"schedule:{schedule.id}", **facts)
