"""A project's limits: the operator sets ceilings, the project lowers them for itself."""

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
from backend.core.db.connections import why_away
from backend.core.db.engine import Database
from backend.core.errors import Problem
from backend.identity.auth import audit
from backend.identity.auth.errors import ProjectNotFound
from backend.identity.auth.principal import Principal
from backend.identity.limits.errors import CeilingExceeded
from backend.identity.tables import Project

log = logs.get(__name__)

EVERY_S: Final = 3600.0
_HOLD_WINDOW: Final = text("""
update admissions a
set concurrency_limit = least(coalesce(cast(p.limits ->> 'concurrency' as int), :ceiling),
                              cast(p.own_limits ->> 'concurrency' as int))
from projects p
where p.id = a.project_id and p.id = :project_id
""")
_KEEP_LOWERED: Final = text("""
update projects p set own_limits = p.own_limits || jsonb_build_object('concurrency', a.concurrency_limit)
from admissions a
where a.project_id = p.id and not p.own_limits ? 'concurrency'
  and a.concurrency_limit > coalesce(cast(p.limits ->> 'concurrency' as int), :ceiling)
""")
_HOLD_WINDOWS: Final = text("""
update admissions a set concurrency_limit = held.most
from (
  select w.project_id, least(coalesce(cast(p.limits ->> 'concurrency' as int), :ceiling),
                             cast(p.own_limits ->> 'concurrency' as int)) as most
  from admissions w join projects p on p.id = w.project_id
  where p.limits ? 'concurrency' or p.own_limits ? 'concurrency'
  order by w.project_id for update of w
) held
where a.project_id = held.project_id and a.concurrency_limit <> held.most
""")


class ProjectLimits(NamedTuple):
    """What was set for a project."""

    of_operator: Mapping[str, int]
    """Ceilings, in place of the instance's."""
    own: Mapping[str, int]
    """By the project itself; they hold where they are below the ceiling."""


async def limits_of(session: AsyncSession, principal: Principal) -> ProjectLimits:
    """Return the limits that were set for the principal's project."""
    project = await _project(session, principal, is_locking=False)
    return ProjectLimits(project.limits, project.own_limits)


async def change(
    session: AsyncSession,
    principal: Principal,
    changes: Mapping[str, int | None],
    defaults: Mapping[str, int | None],
) -> ProjectLimits:
    """Set some of the project's limits: an operator sets ceilings, anyone else lower limits of the project's own.

    Args:
        session: The unit of work.
        principal: Who changes them.
        changes: By name; `None` takes what was set away.
        defaults: What the instance's settings say, by name.

    Raises:
        CeilingExceeded: The principal is no operator, and asks for more than the ceiling.
    """
    project = await _project(session, principal, is_locking=True)
    if not principal.is_operator:
        _refuse_above(project.limits, changes, defaults)
    known = project.limits if principal.is_operator else project.own_limits
    before = {name: known.get(name) for name in changes}
    merged = {name: limit for name, limit in {**known, **changes}.items() if limit is not None}
    if principal.is_operator:
        project.limits = merged
    else:
        project.own_limits = merged
    await session.flush()
    if CONCURRENCY in changes:
        values = {"project_id": project.id, "ceiling": defaults[CONCURRENCY]}
        await session.execute(_HOLD_WINDOW, values)
    action = "limits.changed" if principal.is_operator else "limits.lowered"
    await audit.record(session, principal, action, project.slug, before=before, after=dict(changes))
    return ProjectLimits(project.limits, project.own_limits)


async def lower_window(
    session: AsyncSession, principal: Principal, asked: int, defaults: Mapping[str, int | None]
) -> None:
    """Let fewer jobs of the project be ready or running at once than the operator's ceiling allows.

    Raises:
        CeilingExceeded: It is above the ceiling, which not even an operator raises this way.
    """
    project = await _project(session, principal, is_locking=True)
    most = ceiling(project.limits, CONCURRENCY, defaults[CONCURRENCY])
    if most is not None and asked > most:
        raise CeilingExceeded([Problem("concurrency_limit", above(asked, most))])
    project.own_limits = {**project.own_limits, CONCURRENCY: asked}
    await session.flush()
    await session.execute(_HOLD_WINDOW, {"project_id": project.id, "ceiling": defaults[CONCURRENCY]})


def periodic_task(database: Database, *, concurrency: int) -> PeriodicTask:
    """Return the task that lets the instance's ceiling hold for all windows, once an hour."""
    return PeriodicTask("windows", EVERY_S, partial(_hold_windows, database, concurrency))


async def _hold_windows(database: Database, concurrency: int) -> None:
    try:
        async with database.transaction() as session:
            await hold_windows(session, concurrency=concurrency)
    except SQLAlchemyError as error:
        log.warning("ceilings of windows wait for the database", why=why_away(error))


async def hold_windows(session: AsyncSession, *, concurrency: int) -> None:
    """Let the instance's ceiling hold for the windows of all projects, which may have been set under a higher one.

    What a project had is kept as its own limit, and holds again when the operator raises the ceiling.
    """
    await session.execute(_KEEP_LOWERED, {"ceiling": concurrency})
    await session.execute(_HOLD_WINDOWS, {"ceiling": concurrency})


def _refuse_above(
    of_operator: Mapping[str, int], changes: Mapping[str, int | None], defaults: Mapping[str, int | None]
) -> None:
    problems = []
    for name, asked in changes.items():
        most = ceiling(of_operator, name, defaults[name])
        if asked is not None and most is not None and asked > most:
            problems.append(Problem(name, above(asked, most)))
    if problems:
        raise CeilingExceeded(problems)


def above(asked: int, most: int) -> str:
    """Return the sentence that says that a project's limit is above its ceiling."""
    return (
        f"{asked:,} is above the ceiling of {most:,} for this project. Give at most {most:,}; an operator of this "
        "instance raises it, on the server with `puras-studio project limits PROJECT`."
    )


async def _project(session: AsyncSession, principal: Principal, *, is_locking: bool) -> Project:
    query = select(Project).where(col(Project.id) == principal.project_id, col(Project.deleted_at).is_(None))
    if is_locking:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    project = (await session.scalars(query)).one_or_none()
    if project is None:
        raise ProjectNotFound(str(principal.project_id))
    return project
