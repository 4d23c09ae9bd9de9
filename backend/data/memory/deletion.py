"""Forgetting: a record is not found any more, and kept for a while; erasing leaves nothing of it."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.data.memory import usage
from backend.data.memory.errors import MemoryNotFound
from backend.data.memory.scoping import Reach, reach_of, records
from backend.data.memory.tables import MemoryRecord
from backend.data.memory.writing import note_forgotten
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal


async def forget(session: AsyncSession, principal: Principal, memory_id: UUID, *, reason: str = "") -> None:
    """Let nothing find the record any more; forgetting it again changes nothing.

    Raises:
        NotAllowed: the principal may not.
        MemoryNotFound: it is not in reach.
    """
    reach = await reach_of(session, principal, writes=True)
    record = await _held(session, principal, reach, memory_id)
    if record.forgotten_at is not None:
        return
    record.forgotten_at = func.clock_timestamp()  # type: ignore[assignment]  # the database's own clock
    record.forgotten_why = reason
    record.pinned = False
    version, who = record.version, principal.label
    await note_forgotten(session, reach, memory_id, version=version, who=who, reason=reason)
    await audit.record(session, principal, "memory.forgotten", f"memory:{memory_id}", **_facts(record))


async def erase(session: AsyncSession, principal: Principal, memory_id: UUID) -> None:
    """Remove the record with all that was noted of it; a backup that was made before still has it.

    Raises:
        NotAllowed: the principal may not.
        MemoryNotFound: it is not in reach.
    """
    reach = await reach_of(session, principal, writes=True)
    await usage.hold(session, principal.project_id)
    record = await _held(session, principal, reach, memory_id)
    await session.delete(record)
    await usage.give_back(session, principal.project_id, records=1, bytes=record.size_bytes)
    await audit.record(session, principal, "memory.erased", f"memory:{memory_id}", **_facts(record))


async def _held(session: AsyncSession, principal: Principal, reach: Reach, memory_id: UUID) -> MemoryRecord:
    query = records(principal, reach).where(col(MemoryRecord.id) == memory_id).with_for_update()
    found: MemoryRecord | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise MemoryNotFound(memory_id)
    return found


def _facts(record: MemoryRecord) -> dict[str, str | int]:
    return {"kind": record.kind, "version": record.version}
