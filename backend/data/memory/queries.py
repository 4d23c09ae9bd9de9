"""Reading what is remembered: one record, a list of them, and who wrote them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func, tuple_
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.paging import Page, Slice
from backend.data.memory.errors import MemoryNotFound
from backend.data.memory.identity import as_key
from backend.data.memory.schemas import MemoryFilter, MemoryState
from backend.data.memory.scoping import reach_of, records
from backend.data.memory.tables import MemoryChange, MemoryRecord
from backend.identity.auth.principal import Principal, visible
from backend.skills.skillpacks import service as skillpacks

MAX_CHANGES: Final = 100
_FORGOTTEN = col(MemoryRecord.forgotten_at).is_not(None)
_SUPERSEDED = col(MemoryRecord.superseded_by).is_not(None)
_STALE = func.coalesce(col(MemoryRecord.stale_at) <= func.now(), False)
_STATES: Final[dict[MemoryState, tuple[ColumnElement[bool], ...]]] = {
    "live": (~_FORGOTTEN, ~_SUPERSEDED),
    "stale": (~_FORGOTTEN, ~_SUPERSEDED, _STALE),
    "superseded": (~_FORGOTTEN, _SUPERSEDED),
    "forgotten": (_FORGOTTEN,),
    "all": (),
}


async def get(session: AsyncSession, principal: Principal, memory_id: UUID) -> MemoryRecord:
    """One record, unless it is forgotten.

    Raises:
        NotAllowed: the principal may not.
        MemoryNotFound: it is not in reach.
    """
    reach = await reach_of(session, principal)
    query = records(principal, reach).where(col(MemoryRecord.id) == memory_id, ~_FORGOTTEN)
    found: MemoryRecord | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise MemoryNotFound(memory_id)
    return found


async def list_some(
    session: AsyncSession, principal: Principal, which: MemoryFilter, page: Page
) -> Slice[MemoryRecord]:
    """Records, the newest writing first."""
    reach = await reach_of(session, principal)
    query = records(principal, reach).where(
        *_STATES[which.state], *await _conditions(session, principal, which)
    )
    below = page.moment()
    place = tuple_(col(MemoryRecord.updated_at), col(MemoryRecord.id))
    if below is not None:
        query = query.where(place < (below.at, below.id))
    query = query.order_by(col(MemoryRecord.updated_at).desc(), col(MemoryRecord.id).desc())
    rows: Sequence[MemoryRecord] = (await session.scalars(query.limit(page.limit + 1))).all()
    return page.slice(rows, lambda row: (row.updated_at, row.id))


async def changes(session: AsyncSession, principal: Principal, memory_id: UUID) -> Sequence[MemoryChange]:
    """Who wrote a record, the last first; forgotten ones too.

    Raises:
        MemoryNotFound: it is not in reach.
    """
    reach = await reach_of(session, principal)
    known = records(principal, reach).where(col(MemoryRecord.id) == memory_id)
    if (await session.scalars(known)).one_or_none() is None:
        raise MemoryNotFound(memory_id)
    query = visible(MemoryChange, principal).where(col(MemoryChange.memory_id) == memory_id)
    rows: Sequence[MemoryChange] = (
        await session.scalars(query.order_by(col(MemoryChange.id).desc()).limit(MAX_CHANGES))
    ).all()
    return rows


async def _conditions(session: AsyncSession, principal: Principal, which: MemoryFilter) -> list[Any]:
    plain = ("kind", "mtype", "scope", "job_id", "pinned")
    found: list[Any] = [
        getattr(MemoryRecord, name) == value for name in plain if (value := getattr(which, name)) is not None
    ]
    if which.skillpack is not None:
        pack = await skillpacks.get(session, principal, which.skillpack)
        found.append(col(MemoryRecord.skillpack_id) == pack.id)
    if which.key is not None:
        name = f"{principal.project_id}|{as_key(which.key, path='query.key')}"
        found.append(col(MemoryRecord.names).contains([name]))
    return found
