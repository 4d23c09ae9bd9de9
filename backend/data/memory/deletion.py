"""Forget records, which hides and stores them for some time, or erase them, which deletes them permanently."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.data.memory import usage
from backend.data.memory.errors import MemoryNotFound
from backend.data.memory.scoping import Reach, reach_of, records
from backend.data.memory.tables import MemoryRecord
from backend.data.memory.writing import record_forgotten
from backend.identity.auth import audit
from backend.identity.auth.principal import Principal


async def forget(session: AsyncSession, principal: Principal, memory_id: UUID, *, reason: str = "") -> None:
    """Hide the record from searches and lists; a second call changes nothing.

    Raises:
        NotAllowed: The principal lacks the role or the scope.
        MemoryNotFound: The principal has no access to it, or it does not exist.
    """
    reach = await reach_of(session, principal, writes=True)
    record = await _lock(session, principal, reach, memory_id)
    if record.forgotten_at is not None:
        return
    record.forgotten_at = func.clock_timestamp()  # type: ignore[assignment]  # the database's own clock
    record.forgotten_why = reason
    record.pinned = False
    version, actor = record.version, principal.label
    await record_forgotten(session, reach, memory_id, version=version, actor=actor, reason=reason)
    await audit.record(session, principal, "memory.forgotten", f"memory:{memory_id}", **_audit_fields(record))


async def erase(session: AsyncSession, principal: Principal, memory_id: UUID) -> None:
    """Delete the record and its history permanently. Earlier backups still contain it.

    Raises:
        NotAllowed: The principal lacks the role or the scope.
        MemoryNotFound: The principal has no access to it, or it does not exist.
    """
    reach = await reach_of(session, principal, writes=True)
    await usage.lock(session, principal.project_id)
    record = await _lock(session, principal, reach, memory_id)
    await session.delete(record)
    await usage.subtract(session, principal.project_id, records=1, bytes=record.size_bytes)
    await audit.record(session, principal, "memory.erased", f"memory:{memory_id}", **_audit_fields(record))


async def _lock(session: AsyncSession, principal: Principal, reach: Reach, memory_id: UUID) -> MemoryRecord:
    query = records(principal, reach).where(col(MemoryRecord.id) == memory_id).with_for_update()
    found: MemoryRecord | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise MemoryNotFound(memory_id)
    return found


def _audit_fields(record: MemoryRecord) -> dict[str, str | int]:
    return {"kind": record.kind, "version": record.version}
