"""Read the activity of a project from its audit log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, BindParameter, Boolean, Integer, Uuid, bindparam, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.administration.activity.schemas import ActivityCategory, ActivityRead
from backend.administration.activity.summaries import KINDS, Entry
from backend.core.db.paging import Page, Slice
from backend.identity.auth.principal import Principal, Role, visible
from backend.skills.deployments.tables import Deployment

_ROWS: Final = """
select r.id, r.actor, r.action, r.target, r.facts, r.at from audit_rows r
where r.project_id = :project_id and r.id < :before and (not :has_since or r.at >= :since)
"""
# Constants of the statements: PostgreSQL otherwise plans to read a part of all entries.
_CONSTANTS: Final[tuple[BindParameter[Any], ...]] = (
    bindparam("project_id", type_=Uuid, literal_execute=True),
    bindparam("maximum", type_=Integer, literal_execute=True),
    bindparam("before", type_=BigInteger, literal_execute=True),
    bindparam("has_since", type_=Boolean, literal_execute=True),
)
# One short read of an index for each action, however many other entries the log has.
_OF_ANYONE: Final = text(f"""
select found.* from unnest(cast(:actions as text[])) wanted(action) cross join lateral (
  {_ROWS} and r.action = wanted.action order by r.id desc limit :maximum
) found order by found.id desc limit :maximum
""").bindparams(*_CONSTANTS)  # noqa: S608 - constants
_OF_ACTOR: Final = text(f"""
{_ROWS} and r.actor = :actor and r.action = any(cast(:actions as text[])) order by r.id desc limit :maximum
""").bindparams(*_CONSTANTS)
_NEWEST: Final = 2**63 - 1
_EVER: Final = datetime.fromisoformat("2000-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class ActivityFilter:
    """Filters of the activity."""

    category: ActivityCategory | None = None
    actor: str | None = None
    since: datetime | None = None


async def list_activity(
    session: AsyncSession, principal: Principal, filters: ActivityFilter, page: Page
) -> Slice[ActivityRead]:
    """Return what the principal may read of the activity of its project, newest first."""
    principal.require(Role.VIEWER, "audit:read")
    actions = [
        action
        for action, kind in KINDS.items()
        if kind.role <= principal.role and filters.category in (None, kind.category)
    ]
    before = page.number()
    values = {
        "project_id": principal.project_id,
        "before": _NEWEST if before is None else before,
        "has_since": filters.since is not None,
        "since": filters.since or _EVER,
        "actions": actions,
        "maximum": page.limit + 1,
    }
    if filters.actor is None:
        result = await session.execute(_OF_ANYONE, values)
    else:
        result = await session.execute(_OF_ACTOR, {**values, "actor": filters.actor})
    rows = result.all()
    versions = await _previous_versions(session, principal, rows)
    return page.slice([_read(row, versions) for row in rows], lambda one: (one.id,))


def _read(row: Any, versions: dict[str, int]) -> ActivityRead:
    kind = KINDS[row.action]
    previous = versions.get(str(row.facts.get("previous_deployment_id")))
    entry = Entry(row.target, row.facts, previous)
    return ActivityRead(
        id=row.id,
        category=kind.category,
        action=row.action,
        actor=row.actor,
        summary=kind.summary(entry),
        path=kind.path(entry),
        at=row.at,
    )


async def _previous_versions(
    session: AsyncSession, principal: Principal, rows: Sequence[Any]
) -> dict[str, int]:
    """Return the version of each deployment that was active before an activation, by its ID."""
    wanted = {
        UUID(previous)
        for row in rows
        if row.action == "deployment.activated" and (previous := row.facts.get("previous_deployment_id"))
    }
    if not wanted:
        return {}
    query = visible(Deployment, principal).where(col(Deployment.id).in_(wanted))
    found = await session.execute(query.with_only_columns(col(Deployment.id), col(Deployment.version)))
    return {str(one.id): one.version for one in found.all() if one.version is not None}
