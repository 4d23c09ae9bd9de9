"""Check the quotas of a project, safe against concurrent requests.

A transaction that creates something locks the project's row until it ends, so that two concurrent ones cannot both
create the last permitted one. Queued jobs are counted differently, in the statement that submits a job.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import LABELS, Quota, Quotas
from backend.config.quotas import quota as quota_of
from backend.identity.auth.principal import Principal
from backend.identity.limits.errors import QuotaReached
from backend.identity.tables import Project


async def require_quota(
    session: AsyncSession,
    principal: Principal,
    quota: Quota,
    quotas: Quotas | None,
    counted: Select[Any] | CompoundSelect[Any],
) -> None:
    """Check that the project may have one more of the `counted` rows, and lock it until the transaction ends.

    Without quotas, as in the operator's commands, nothing is locked or rejected.

    Raises:
        QuotaReached: The project has the maximum number of rows.
    """
    if quotas is None:
        return
    limit = await _limit(session, principal, quota, quotas)
    used = (await session.execute(select(func.count()).select_from(counted.subquery()))).scalar_one()
    if used >= limit:
        raise QuotaReached(quota, LABELS[quota], limit, used)


async def limit_of(session: AsyncSession, principal: Principal, quota: Quota, quotas: Quotas) -> int:
    """Return the limit of the principal's project, for a check that locks rows of its own."""
    query = select(col(Project.limits), col(Project.own_limits)).where(
        col(Project.id) == principal.project_id
    )
    row = (await session.execute(query)).one()
    return quota_of(row.limits, row.own_limits, quota, quotas)


async def _limit(session: AsyncSession, principal: Principal, quota: Quota, quotas: Quotas) -> int:
    """Return the project's limit and lock its row; the lock does not block foreign keys that refer to the row."""
    query = (
        select(col(Project.limits), col(Project.own_limits))
        .where(col(Project.id) == principal.project_id)
        .with_for_update(key_share=True)
    )
    row = (await session.execute(query)).one_or_none()
    return quota_of(row.limits, row.own_limits, quota, quotas) if row else getattr(quotas, quota)
