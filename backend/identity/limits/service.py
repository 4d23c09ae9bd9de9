"""Set a project's limits: the operator sets ceilings, and the project can set lower limits."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final, NamedTuple

from sqlalchemy import select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import CONCURRENCY, ceiling
from backend.core import logs
from backend.core.background_tasks import PeriodicTask
from backend.core.db.connections import error_summary
from backend.core.db.engine import Database
from backend.core.errors import Problem
from backend.identity.auth import audit
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.principal import Principal
from backend.identity.limits.errors import CeilingExceeded
from backend.identity.tables import Project

log = logs.get(__name__)

EVERY_S: Final = 3600.0
_SET_WINDOW: Final = text("""
update admissions a
set concurrency_limit = least(coalesce(cast(p.limits ->> 'concurrency' as int), :ceiling),
                              cast(p.own_limits ->> 'concurrency' as int))
from projects p
where p.id = a.project_id and p.id = :project_id
""")
_STORE_LOWERED: Final = text("""
update projects p set own_limits = p.own_limits || jsonb_build_object('concurrency', a.concurrency_limit)
from admissions a
where a.project_id = p.id and not p.own_limits ? 'concurrency'
  and a.concurrency_limit > coalesce(cast(p.limits ->> 'concurrency' as int), :ceiling)
""")
_CAP_WINDOWS: Final = text("""
update admissions a set concurrency_limit = capped.maximum
from (
  select w.project_id, least(coalesce(cast(p.limits ->> 'concurrency' as int), :ceiling),
                             cast(p.own_limits ->> 'concurrency' as int)) as maximum
  from admissions w join projects p on p.id = w.project_id
  where p.limits ? 'concurrency' or p.own_limits ? 'concurrency'
  order by w.project_id for update of w
) capped
where a.project_id = capped.project_id and a.concurrency_limit <> capped.maximum
""")


class ProjectLimits(NamedTuple):
    """Limits that are set for a project."""

    of_operator: Mapping[str, int]
    """Ceilings that the operator has set instead of those of the instance."""
    own: Mapping[str, int]
    """Limits that the project has set itself; they apply where they are below the ceiling."""


async def limits_of(session: AsyncSession, principal: Principal) -> ProjectLimits:
    """Return the limits that are set for the principal's project."""
    project = await _project(session, principal, lock=False)
    return ProjectLimits(project.limits, project.own_limits)


async def change(
    session: AsyncSession,
    principal: Principal,
    changes: Mapping[str, int | None],
    defaults: Mapping[str, int | None],
) -> ProjectLimits:
    """Set some of the project's limits: an operator sets ceilings, other callers set the project's own lower limits.

    Args:
        session: The unit of work.
        principal: Who changes the limits.
        changes: New limits by name; `None` removes a limit.
        defaults: Limits in the instance's settings, by name.

    Raises:
        CeilingExceeded: The principal is not an operator, and a limit is above its ceiling.
    """
    project = await _project(session, principal, lock=True)
    if not principal.is_operator:
        _reject_above_ceiling(project.limits, changes, defaults)
    current = project.limits if principal.is_operator else project.own_limits
    before = {name: current.get(name) for name in changes}
    merged = {name: limit for name, limit in {**current, **changes}.items() if limit is not None}
    if principal.is_operator:
        project.limits = merged
    else:
        project.own_limits = merged
    await session.flush()
    if CONCURRENCY in changes:
        values = {"project_id": project.id, "ceiling": defaults[CONCURRENCY]}
        await session.execute(_SET_WINDOW, values)
    action = "limits.changed" if principal.is_operator else "limits.lowered"
    await audit.record(session, principal, action, project.slug, before=before, after=dict(changes))
    return ProjectLimits(project.limits, project.own_limits)


async def lower_window(
    session: AsyncSession, principal: Principal, requested: int, defaults: Mapping[str, int | None]
) -> None:
    """Set the project's own limit of jobs that are ready or running, below the operator's ceiling.

    Raises:
        CeilingExceeded: The limit is above the ceiling, which this function does not raise, even for an operator.
    """
    project = await _project(session, principal, lock=True)
    maximum = ceiling(project.limits, CONCURRENCY, defaults[CONCURRENCY])
    if maximum is not None and requested > maximum:
        raise CeilingExceeded([Problem("concurrency_limit", above_ceiling_message(requested, maximum))])
    project.own_limits = {**project.own_limits, CONCURRENCY: requested}
    await session.flush()
    await session.execute(_SET_WINDOW, {"project_id": project.id, "ceiling": defaults[CONCURRENCY]})


def periodic_task(database: Database, *, concurrency: int) -> PeriodicTask:
    """Return the task that applies the instance's ceiling to all windows, once an hour."""
    return PeriodicTask("windows", EVERY_S, partial(_cap_windows, database, concurrency))


async def _cap_windows(database: Database, concurrency: int) -> None:
    try:
        async with database.transaction() as session:
            await cap_windows(session, concurrency=concurrency)
    except SQLAlchemyError as error:
        log.warning("ceilings of windows not applied: database unavailable", why=error_summary(error))


async def cap_windows(session: AsyncSession, *, concurrency: int) -> None:
    """Apply the instance's ceiling to the windows of all projects, which may have been set under a higher ceiling.

    The previous window of a project is stored as its own limit, and applies again when the operator raises the ceiling.
    """
    await session.execute(_STORE_LOWERED, {"ceiling": concurrency})
    await session.execute(_CAP_WINDOWS, {"ceiling": concurrency})


def _reject_above_ceiling(
    of_operator: Mapping[str, int], changes: Mapping[str, int | None], defaults: Mapping[str, int | None]
) -> None:
    problems = []
    for name, requested in changes.items():
        maximum = ceiling(of_operator, name, defaults[name])
        if requested is not None and maximum is not None and requested > maximum:
            problems.append(Problem(name, above_ceiling_message(requested, maximum)))
    if problems:
        raise CeilingExceeded(problems)


def above_ceiling_message(requested: int, maximum: int) -> str:
    """Return the error message for a project's limit above its ceiling."""
    return (
        f"{requested:,} is above the ceiling of {maximum:,} for this project. Use at most {maximum:,}. An operator of "
        "this instance can raise the ceiling on the server with `puras-studio project limits PROJECT`."
    )


async def _project(session: AsyncSession, principal: Principal, *, lock: bool) -> Project:
    query = select(Project).where(col(Project.id) == principal.project_id, col(Project.deleted_at).is_(None))
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    project = (await session.scalars(query)).one_or_none()
    if project is None:
        raise ProjectNotFound(str(principal.project_id))
    return project
