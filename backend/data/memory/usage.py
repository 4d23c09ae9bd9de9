"""Count the records of a project.

Each write locks the row of the count, so that concurrent writes cannot exceed the quota.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import Quota, Quotas, quota
from backend.data.memory.errors import MemoryFull

_LOCK: Final = text("""
insert into memory_usage (project_id, records, bytes) values (:project_id, 0, 0)
on conflict (project_id) do update set records = memory_usage.records
returning records, bytes, (select limits from projects where id = :project_id) as limits,
          (select own_limits from projects where id = :project_id) as own_limits
""")
_ADD: Final = text("""
update memory_usage set records = greatest(0, records + :records), bytes = greatest(0, bytes + :bytes)
where project_id = :project_id
""")


class LockedUsage(NamedTuple):
    """The usage of a project; locked until the transaction ends."""

    project_id: UUID
    records: int
    bytes: int
    limits: dict[str, int]
    """Set by the operator."""
    own_limits: dict[str, int]


async def lock(session: AsyncSession, project_id: UUID) -> LockedUsage:
    """Lock the count until the transaction ends, and return it."""
    row = (await session.execute(_LOCK, {"project_id": project_id})).one()
    return LockedUsage(project_id, row.records, row.bytes, row.limits or {}, row.own_limits or {})


async def add(
    session: AsyncSession,
    locked: LockedUsage,
    quotas: Quotas,
    *,
    records: int,
    bytes: int,  # noqa: A002 - named like the column
) -> None:
    """Add what was written.

    Raises:
        MemoryFull: It exceeds the project's quota. The caller must roll the write back.
    """
    max_records = quota(locked.limits, locked.own_limits, Quota.MEMORY_RECORDS, quotas)
    if records > 0 and locked.records + records > max_records:
        raise MemoryFull(Quota.MEMORY_RECORDS, f"{max_records:,} records", locked.records)
    max_mb = quota(locked.limits, locked.own_limits, Quota.MEMORY_MB, quotas)
    if bytes > 0 and locked.bytes + bytes > max_mb << 20:
        raise MemoryFull(Quota.MEMORY_MB, f"{max_mb:,} MiB", locked.bytes)
    await subtract(session, locked.project_id, records=-records, bytes=-bytes)


async def subtract(session: AsyncSession, project_id: UUID, *, records: int, bytes: int) -> None:  # noqa: A002
    """Subtract what was deleted."""
    await session.execute(_ADD, {"project_id": project_id, "records": -records, "bytes": -bytes})
