"""Count how much of its quotas a project uses, except for the drive (`backend.data.drive.usage`)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ScalarSelect, Select, cast, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota
from backend.data.memory.tables import MemoryUsage
from backend.data.secrets.service import stored_secrets
from backend.execution.jobs.tables import Admission, QueuedJob
from backend.execution.sessions.tables import AgentSession
from backend.identity.auth.principal import Principal, visible
from backend.identity.tables import ApiKey, Invitation, Member
from backend.skills.deployments.tables import Deployment
from backend.skills.skillpacks.tables import Skillpack

_MIB: Final = 1 << 20


async def usage(session: AsyncSession, principal: Principal) -> dict[Quota, int]:
    """Return the usage of each quota; for quotas per skillpack, the highest usage of a skillpack."""
    invited = visible(Invitation, principal).with_only_columns(col(Invitation.id))
    members_and_invitations = (
        visible(Member, principal).with_only_columns(col(Member.user_id)).union_all(invited).subquery()
    )
    deployments = visible(Deployment, principal).where(col(Deployment.deleted_at).is_(None))
    secrets = stored_secrets(principal).subquery()
    later_jobs = _count(visible(QueuedJob, principal).where(col(QueuedJob.is_later)))
    counted = {
        Quota.QUEUED_JOBS: visible(Admission, principal)
        .with_only_columns(cast(col(Admission.parked) - later_jobs, BigInteger))
        .scalar_subquery(),
        Quota.LATER_JOBS: later_jobs,
        Quota.DEPLOYMENTS: _count_of_largest_group(deployments, col(Deployment.skillpack_id)),
        Quota.API_KEYS: _count(visible(ApiKey, principal).where(col(ApiKey.revoked_at).is_(None))),
        Quota.MEMBERS: select(func.count()).select_from(members_and_invitations).scalar_subquery(),
        Quota.SECRETS: _count_of_largest_group(select(secrets), secrets.c.skillpack_id),
        Quota.SKILLPACKS: _count(visible(Skillpack, principal)),
        Quota.MEMORY_RECORDS: _memory(principal, col(MemoryUsage.records)),
        Quota.MEMORY_MB: _memory(principal, (col(MemoryUsage.bytes) + _MIB - 1) / _MIB),
        Quota.SESSION_MESSAGES: _highest(principal, col(AgentSession.message_count)),
        Quota.SESSION_USD: _highest(principal, (col(AgentSession.cost_micros) + 999_999) / 1_000_000),
    }
    found = (await session.execute(select(*counted.values()))).one()
    return {quota: number or 0 for quota, number in zip(counted, found, strict=True)}


def _highest(principal: Principal, counted: Any) -> ScalarSelect[int]:
    """Return the highest value of a session."""
    return (
        visible(AgentSession, principal)
        .with_only_columns(func.max(cast(counted, BigInteger)))
        .scalar_subquery()
    )


def _memory(principal: Principal, counted: Any) -> ScalarSelect[int]:
    return visible(MemoryUsage, principal).with_only_columns(cast(counted, BigInteger)).scalar_subquery()


def _count(rows: Select[Any]) -> ScalarSelect[int]:
    return rows.with_only_columns(func.count(), maintain_column_froms=True).scalar_subquery()


def _count_of_largest_group(rows: Select[Any], group_column: Any) -> ScalarSelect[int]:
    """Return the number of rows in the largest group."""
    many = rows.with_only_columns(func.count().label("many"), maintain_column_froms=True).group_by(
        group_column
    )
    return many.order_by(func.count().desc()).limit(1).scalar_subquery()
