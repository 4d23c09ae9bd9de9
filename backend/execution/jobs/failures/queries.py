"""Group the failed jobs of a period by their signature.

The statements read `ix_jobs_project_id_error_signature`, which has all columns that they need, of failed jobs only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import CTE, Select, func, select, true
from sqlalchemy.dialects.postgresql import aggregate_order_by, array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, NotAllowed
from backend.execution.jobs.failures import states
from backend.execution.jobs.failures.errors import FailureNotFound
from backend.execution.jobs.failures.schemas import (
    FailureClusterRead,
    FailureRead,
    FailuresRead,
    FailureStateFilter,
)
from backend.execution.jobs.failures.tables import STATES, FailureCluster
from backend.execution.jobs.tables import Job, in_environment
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import Environment

DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 90
MAX_CLUSTERS: Final = 100
MAX_VERSIONS: Final = 20
PARTS: Final = 24
"""The parts of a trend."""
_DECISION: Final = (
    "skill_name",
    "error_code",
    "message",
    "frame",
    "first_version",
    "first_seen_at",
    "state_changed_at",
    "state_changed_by",
    "note",
    "fixed_in_version",
    "ignored_until",
    "ignored_jobs",
)
"""Columns of a cluster that are returned as they are stored."""


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Conditions that the failed jobs meet."""

    since: datetime | None = None
    until: datetime | None = None
    skill: str | None = None
    version: int | None = None
    environment: Environment | None = None
    state: FailureStateFilter = "open"


async def read_failures(
    session: AsyncSession, principal: Principal, filters: FailureFilter, *, limit: int = 20
) -> FailuresRead:
    """Return the failed jobs of a period in clusters.

    Args:
        session: The unit of work.
        principal: The caller.
        filters: The conditions; without a start, the period is a week.
        limit: The maximum number of clusters.

    Raises:
        NotAllowed: The principal is a publishable key, which cannot list jobs.
        Invalid: The period is empty, too long, or outside of the calendar.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    if principal.kind == "publishable_key":
        raise NotAllowed("A publishable key cannot list jobs. Use a secret key from your server.")
    starts, until = _period(filters)
    since = starts[0]
    conditions = _conditions(filters, since, until)
    rows = (await session.execute(_page(principal, conditions, starts, filters.state, limit))).all()
    failed = (await session.execute(_failed(principal, conditions))).scalar_one()
    first = rows[0]
    totals = {state: int(getattr(first, f"{state}_clusters")) for state in STATES}
    return FailuresRead(
        since=since,
        until=until,
        failed=failed,
        ungrouped=max(failed - int(first.grouped), 0),
        **totals,
        total_clusters=sum(totals.values()) if filters.state == "all" else totals[filters.state],
        clusters=[
            _cluster(row, failed=failed, since=since) for row in rows if row.error_signature is not None
        ],
    )


async def read_failure(session: AsyncSession, principal: Principal, signature: str) -> FailureRead:
    """Return an error of failed jobs with its state.

    Raises:
        FailureNotFound: No job of the project has failed with this error.
    """
    principal.require(Role.VIEWER, "jobs:read")
    row = (await session.execute(_one(principal, signature))).one_or_none()
    if row is None:
        raise FailureNotFound(signature)
    return FailureRead(**_fields(row))


def _period(filters: FailureFilter) -> tuple[list[datetime], datetime]:
    """Return when each part of the period starts, and its end."""
    until = filters.until or now()
    try:
        since = filters.since or until - timedelta(days=DEFAULT_DAYS)
        starts = [since + part * (until - since) / PARTS for part in range(PARTS)]
    except OverflowError:
        raise Invalid("The period must be within the years 1 to 9999.") from None
    if not timedelta(0) < until - since <= timedelta(days=MAX_DAYS, hours=1):
        raise Invalid(f"The period must start before it ends, and have at most {MAX_DAYS} days.")
    return starts, until


def _conditions(filters: FailureFilter, since: datetime, until: datetime) -> list[Any]:
    conditions: list[Any] = [col(Job.created_at) >= since, col(Job.created_at) < until]
    if filters.skill is not None:
        conditions.append(col(Job.skill_name) == filters.skill)
    if filters.version is not None:
        conditions.append(col(Job.deployment_version) == filters.version)
    if filters.environment is not None:
        conditions.append(in_environment(filters.environment))
    return conditions


def _failed(principal: Principal, conditions: Sequence[Any]) -> Any:
    query = visible(Job, principal).where(col(Job.status) == "failed", *conditions)
    return query.with_only_columns(func.count())


def _page(
    principal: Principal,
    conditions: Sequence[Any],
    starts: Sequence[datetime],
    state: FailureStateFilter,
    limit: int,
) -> Select[Any]:
    """Return the query of the clusters in a state, those with the most jobs first, each with the totals of all.

    It always has a row; without a cluster in the state, its `error_signature` is null.
    """
    stated = _stated(principal, _groups(principal, conditions, starts))
    totals = select(
        func.coalesce(func.sum(stated.c.jobs), 0).label("grouped"),
        *(func.count().filter(stated.c.state == one).label(f"{one}_clusters") for one in STATES),
    ).cte("totals")
    page = select(stated).order_by(stated.c.jobs.desc(), stated.c.error_signature).limit(limit)
    if state != "all":
        page = page.where(stated.c.state == state)
    shown = page.cte("shown")
    query = select(totals, shown).select_from(totals.outerjoin(shown, true()))
    return query.order_by(shown.c.jobs.desc(), shown.c.error_signature)


def _groups(principal: Principal, conditions: Sequence[Any], starts: Sequence[datetime]) -> CTE:
    """Return the jobs of the period by their signature."""
    signature = col(Job.error_signature)
    newest = aggregate_order_by(col(Job.id), col(Job.created_at).desc())
    since_starts = [func.count().filter(col(Job.created_at) >= start) for start in starts]
    query = visible(Job, principal).where(signature.is_not(None), *conditions)
    return (
        query.with_only_columns(
            signature.label("error_signature"),
            func.count().label("jobs"),
            func.max(Job.created_at).label("last_seen_at"),
            func.array_agg(col(Job.deployment_version).distinct()).label("versions"),
            func.array_agg(col(Job.environment).distinct()).label("environments"),
            func.array_agg(newest)[1].label("example_job_id"),
            array(since_starts).label("since_starts"),
        )
        .group_by(signature)
        .cte("groups")
    )


def _stated(principal: Principal, groups: CTE) -> CTE:
    """Return the groups with their clusters and states."""
    decided = _decided(principal).subquery("decided")
    return (
        select(groups, *(one for one in decided.c if one.name != "error_signature"))
        .join(decided, decided.c.error_signature == groups.c.error_signature)
        .cte("stated")
    )


def _decided(principal: Principal) -> Select[Any]:
    """Return the query of the clusters of the project with their states."""
    returned = states.returned_at()
    return visible(FailureCluster, principal).with_only_columns(
        col(FailureCluster.signature).label("error_signature"),
        *(getattr(FailureCluster, name) for name in _DECISION),
        col(FailureCluster.state).label("decision"),
        returned.label("returned_at"),
        states.current(returned).label("state"),
    )


def _one(principal: Principal, signature: str) -> Select[Any]:
    return _decided(principal).where(col(FailureCluster.signature) == signature)


def _fields(row: Any) -> dict[str, Any]:
    """Return the fields of a cluster and its state."""
    return {
        "error_signature": row.error_signature,
        **{name: getattr(row, name) for name in _DECISION},
        "state": row.state,
        "is_regressed": row.decision == "resolved" and row.state == "open",
        "returned_at": row.returned_at,
    }


def _trend(row: Any) -> list[int]:
    """Return the jobs of each part from the numbers of jobs since the start of each part."""
    later = [*row.since_starts[1:], 0]
    return [since - after for since, after in zip(row.since_starts, later, strict=True)]


def _cluster(row: Any, *, failed: int, since: datetime) -> FailureClusterRead:
    versions = sorted((one for one in row.versions if one is not None), reverse=True)
    return FailureClusterRead(
        **_fields(row),
        jobs=row.jobs,
        share=round(row.jobs / max(failed, 1), 4),
        last_seen_at=row.last_seen_at,
        is_new=row.first_seen_at >= since,
        versions=versions[:MAX_VERSIONS],
        environments=sorted(row.environments),
        example_job_id=row.example_job_id,
        trend=_trend(row),
    )
