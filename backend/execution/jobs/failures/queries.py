"""Group the failed jobs of a period by their signature.

The statements read `ix_jobs_project_id_error_signature`, which has all columns that they need, of failed jobs only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by, array
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.clock import now
from backend.core.errors import Invalid, NotAllowed
from backend.execution.jobs.failures.schemas import FailureClusterRead, FailuresRead
from backend.execution.jobs.failures.tables import FailureCluster
from backend.execution.jobs.tables import Job, in_environment
from backend.identity.auth.principal import Principal, Role, visible
from backend.identity.environments import Environment

DEFAULT_DAYS: Final = 7
MAX_DAYS: Final = 90
MAX_CLUSTERS: Final = 100
MAX_VERSIONS: Final = 20
PARTS: Final = 24
"""The parts of a trend."""


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Conditions that the failed jobs meet."""

    since: datetime | None = None
    until: datetime | None = None
    skill: str | None = None
    version: int | None = None
    environment: Environment | None = None


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
        Invalid: The period is empty or too long.
    """
    principal.require(Role.VIEWER, "jobs:read_own")
    if principal.kind == "publishable_key":
        raise NotAllowed("A publishable key cannot list jobs. Use a secret key from your server.")
    until = filters.until or now()
    since = filters.since or until - timedelta(days=DEFAULT_DAYS)
    if not timedelta(0) < until - since <= timedelta(days=MAX_DAYS, hours=1):
        raise Invalid(f"The period must start before it ends, and have at most {MAX_DAYS} days.")
    conditions = _conditions(filters, since, until)
    starts = [since + part * (until - since) / PARTS for part in range(PARTS)]
    rows = (await session.execute(_groups(principal, conditions, starts).limit(limit))).all()
    failed = (await session.execute(_failed(principal, conditions))).scalar_one()
    keys = [row.error_signature for row in rows]
    known = await _clusters(session, principal, keys)
    grouped = int(rows[0].grouped) if rows else 0
    clusters = [
        _cluster(row, known[row.error_signature], failed=failed, since=since)
        for row in rows
        if row.error_signature in known
    ]
    return FailuresRead(
        since=since,
        until=until,
        failed=failed,
        ungrouped=max(failed - grouped, 0),
        total_clusters=rows[0].clusters if rows else 0,
        clusters=clusters,
    )


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


def _groups(principal: Principal, conditions: Sequence[Any], starts: Sequence[datetime]) -> Any:
    """Return the query of the clusters, those with the most jobs first."""
    signature = col(Job.error_signature)
    newest = aggregate_order_by(col(Job.id), col(Job.created_at).desc())
    since_starts = [func.count().filter(col(Job.created_at) >= start) for start in starts]
    query = visible(Job, principal).where(signature.is_not(None), *conditions)
    return (
        query.with_only_columns(
            signature,
            func.count().label("jobs"),
            func.max(Job.created_at).label("last_seen_at"),
            func.array_agg(col(Job.deployment_version).distinct()).label("versions"),
            func.array_agg(col(Job.environment).distinct()).label("environments"),
            func.array_agg(newest)[1].label("example_job_id"),
            array(since_starts).label("since_starts"),
            func.sum(func.count()).over().label("grouped"),
            func.count().over().label("clusters"),
        )
        .group_by(signature)
        .order_by(func.count().desc(), signature)
    )


async def _clusters(
    session: AsyncSession, principal: Principal, keys: Sequence[str]
) -> dict[str, FailureCluster]:
    if not keys:
        return {}
    query = select(FailureCluster).where(
        col(FailureCluster.project_id) == principal.project_id, col(FailureCluster.signature).in_(keys)
    )
    return {one.signature: one for one in (await session.execute(query)).scalars()}


def _trend(row: Any) -> list[int]:
    """Return the jobs of each part from the numbers of jobs since the start of each part."""
    later = [*row.since_starts[1:], 0]
    return [since - after for since, after in zip(row.since_starts, later, strict=True)]


def _cluster(row: Any, cluster: FailureCluster, *, failed: int, since: datetime) -> FailureClusterRead:
    versions = sorted((one for one in row.versions if one is not None), reverse=True)
    return FailureClusterRead(
        error_signature=cluster.signature,
        skill_name=cluster.skill_name,
        error_code=cluster.error_code,
        message=cluster.message,
        frame=cluster.frame,
        jobs=row.jobs,
        share=round(row.jobs / max(failed, 1), 4),
        first_seen_at=cluster.first_seen_at,
        last_seen_at=row.last_seen_at,
        first_version=cluster.first_version,
        is_new=cluster.first_seen_at >= since,
        versions=versions[:MAX_VERSIONS],
        environments=sorted(row.environments),
        example_job_id=row.example_job_id,
        trend=_trend(row),
    )
