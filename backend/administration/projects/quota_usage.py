"""How much of its quotas a project has taken; its drive counts itself (`backend.data.drive.usage`)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ScalarSelect, Select, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota
from backend.data.memory.tables import MemoryUsage
from backend.data.secrets.tables import Secret
from backend.execution.jobs.tables import Admission, QueuedJob
from backend.identity.auth.principal import Principal, visible
from backend.identity.tables import ApiKey, Invitation, Member
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import Skillpack

_MIB: Final = 1 << 20


async def held(session: AsyncSession, principal: Principal) -> dict[Quota, int]:
    """How many of each thing there are; of what each skillpack has its own, those of the fullest one."""
    invited = visible(Invitation, principal).with_only_columns(col(Invitation.id))
    people = visible(Member, principal).with_only_columns(col(Member.user_id)).union_all(invited).subquery()
    kept = visible(Deployment, principal).where(col(Deployment.deleted_at).is_(None))
    later = _count(visible(QueuedJob, principal).where(col(QueuedJob.is_later)))
    counted = {
        Quota.QUEUED_JOBS: visible(Admission, principal)
        .with_only_columns(cast(col(Admission.parked) - later, BigInteger))
        .scalar_subquery(),
        Quota.LATER_JOBS: later,
        Quota.DEPLOYMENTS: _in_fullest(kept, col(Deployment.skillpack_id)),
        Quota.API_KEYS: _count(visible(ApiKey, principal).where(col(ApiKey.revoked_at).is_(None))),
        Quota.MEMBERS: select(func.count()).select_from(people).scalar_subquery(),
        Quota.SECRETS: _in_fullest(visible(Secret, principal), col(Secret.skillpack_id)),
        Quota.SKILLPACKS: _count(visible(Skillpack, principal)),
        Quota.MEMORY_RECORDS: _memory(principal, col(MemoryUsage.records)),
        Quota.MEMORY_MB: _memory(principal, (col(MemoryUsage.bytes) + _MIB - 1) / _MIB),
    }
    found = (await session.execute(select(*counted.values()))).one()
    return {quota: number or 0 for quota, number in zip(counted, found, strict=True)}


def _memory(principal: Principal, counted: Any) -> ScalarSelect[int]:
    return visible(MemoryUsage, principal).with_only_columns(cast(counted, BigInteger)).scalar_subquery()


def _count(rows: Select[Any]) -> ScalarSelect[int]:
    return rows.with_only_columns(func.count(), maintain_column_froms=True).scalar_subquery()


def _in_fullest(rows: Select[Any], place: Any) -> ScalarSelect[int]:
    """How many of the rows are in the place that has most of them."""
    many = rows.with_only_columns(func.count().label("many"), maintain_column_froms=True).group_by(place)
    return many.order_by(func.count().desc()).limit(1).scalar_subquery()
