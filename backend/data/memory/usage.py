"""How much a project remembers: one row, which every write holds, so that the last place is not taken twice."""

from __future__ import annotations

from typing import Final, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.config.quotas import Quota, Quotas, quota
from backend.data.memory.errors import MemoryFull

_HOLD: Final = text("""
insert into memory_usage (project_id, records, bytes) values (:project_id, 0, 0)
on conflict (project_id) do update set records = memory_usage.records
returning records, bytes, (select limits from projects where id = :project_id) as limits,
          (select own_limits from projects where id = :project_id) as own_limits
""")
_ADD: Final = text("""
update memory_usage set records = greatest(0, records + :records), bytes = greatest(0, bytes + :bytes)
where project_id = :project_id
""")


class Held(NamedTuple):
    """What a project remembers, held until the transaction ends."""

    project_id: UUID
    records: int
    bytes: int
    limits: dict[str, int]
    """Set by the operator."""
    own_limits: dict[str, int]


async def hold(session: AsyncSession, project_id: UUID) -> Held:
    """Hold the count until the transaction ends."""
    row = (await session.execute(_HOLD, {"project_id": project_id})).one()
    return Held(project_id, row.records, row.bytes, row.limits or {}, row.own_limits or {})


async def add(session: AsyncSession, held: Held, quotas: Quotas, *, records: int, bytes: int) -> None:  # noqa: A002
    """Count what was written.

    Raises:
        MemoryFull: it is more than the project may remember; the write is to be undone.
    """
    most = quota(held.limits, held.own_limits, Quota.MEMORY_RECORDS, quotas)
    if records > 0 and held.records + records > most:
        raise MemoryFull(Quota.MEMORY_RECORDS, f"{most:,} records", held.records)
    most_mb = quota(held.limits, held.own_limits, Quota.MEMORY_MB, quotas)
    if bytes > 0 and held.bytes + bytes > most_mb << 20:
        raise MemoryFull(Quota.MEMORY_MB, f"{most_mb:,} MiB", held.bytes)
    await give_back(session, held.project_id, records=-records, bytes=-bytes)


async def give_back(session: AsyncSession, project_id: UUID, *, records: int, bytes: int) -> None:  # noqa: A002
    """Count what is gone."""
    await session.execute(_ADD, {"project_id": project_id, "records": -records, "bytes": -bytes})
