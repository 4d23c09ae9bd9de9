"""Count how much of its quotas a project uses, except for the drive (`backend.data.drive.usage`)."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import BigInteger, ScalarSelect, Select, cast, func, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.config.quotas import Quota
from backend.data.memory.tables import MemoryUsage
from backend.data.secrets.tables import Secret
from backend.execution.jobs.tables import Admission, QueuedJob
from backend.execution.sessions.tables import AgentSession, SessionTurn
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
    later_jobs = _count(visible(QueuedJob, principal).where(col(QueuedJob.is_later)))
    counted = {
        Quota.QUEUED_JOBS: visible(Admission, principal)
        .with_only_columns(cast(col(Admission.parked) - later_jobs, BigInteger))
        .scalar_subquery(),
        Quota.LATER_JOBS: later_jobs,
        Quota.DEPLOYMENTS: _count_of_largest_group(deployments, col(Deployment.skillpack_id)),
        Quota.API_KEYS: _count(visible(ApiKey, principal).where(col(ApiKey.revoked_at).is_(None))),
        Quota.MEMBERS: select(func.count()).select_from(members_and_invitations).scalar_subquery(),
        Quota.SECRETS: _count_of_largest_group(visible(Secret, principal), col(Secret.skillpack_id)),
        Quota.SKILLPACKS: _count(visible(Skillpack, principal)),
        Quota.MEMORY_RECORDS: _memory(principal, col(MemoryUsage.records)),
        Quota.MEMORY_MB: _memory(principal, (col(MemoryUsage.bytes) + _MIB - 1) / _MIB),
        Quota.SESSION_MESSAGES: visible(AgentSession, principal)
        .with_only_columns(func.max(col(AgentSession.message_count)))
        .scalar_subquery(),
        Quota.SESSION_USD: _highest_cost_of_session(principal),
    }
    found = (await session.execute(select(*counted.values()))).one()
    return {quota: number or 0 for quota, number in zip(counted, found, strict=True)}


def _highest_cost_of_session(principal: Principal) -> ScalarSelect[int]:
    """Return the cost of the most expensive session, in dollars."""
    costs = visible(SessionTurn, principal).with_only_columns(
        func.sum(col(SessionTurn.cost_micros)).label("micros")
    )
    costs = costs.group_by(col(SessionTurn.session_id)).order_by(text("micros desc")).limit(1)
    micros = costs.subquery().c.micros
    return select(cast(func.ceil(micros / 1_000_000), BigInteger)).scalar_subquery()


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
