"""Room for one more: held against others who make the same thing at the same moment.

Whoever makes a thing holds the project's row until the transaction ends, so that two at once cannot both take the last
place. Only queued jobs are counted otherwise, within the submit itself, since every job passes there.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import CompoundSelect, Select, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import WORDS, Quota, Quotas
from backend.config.quotas import quota as quota_of
from backend.identity.auth.principal import Principal
from backend.identity.limits.errors import QuotaReached
from backend.identity.tables import Project


async def make_room(
    session: AsyncSession,
    principal: Principal,
    quota: Quota,
    quotas: Quotas | None,
    counted: Select[Any] | CompoundSelect[Any],
) -> None:
    """Hold the project until the transaction ends, unless it has as many of the `counted` rows as it may.

    Without quotas nothing is held and nothing refused: the operator's own commands have none.

    Raises:
        QuotaReached: it has.
    """
    if quotas is None:
        return
    limit = await _limit(session, principal, quota, quotas)
    used = (await session.execute(select(func.count()).select_from(counted.subquery()))).scalar_one()
    if used >= limit:
        raise QuotaReached(quota, WORDS[quota], limit, used)


async def _limit(session: AsyncSession, principal: Principal, quota: Quota, quotas: Quotas) -> int:
    """The project's limit; its row stays locked, which does not hold up those who only refer to it."""
    query = (
        select(col(Project.limits), col(Project.own_limits))
        .where(col(Project.id) == principal.project_id)
        .with_for_update(key_share=True)
    )
    row = (await session.execute(query)).one_or_none()
    return quota_of(row.limits, row.own_limits, quota, quotas) if row else getattr(quotas, quota)
