"""Read records: one, a list, the history of one, and all for an export."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, func
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core.db.paging import Page, Slice
from backend.core.db.row_export import SMALL_PAGE_ROWS, ExportedTable
from backend.core.db.sorting import SortKey, sorted_query, time_key
from backend.data.memory.errors import MemoryNotFound
from backend.data.memory.identity import as_key
from backend.data.memory.schemas import MemoryFilter, MemorySort, MemoryState
from backend.data.memory.scoping import reach_of, records
from backend.data.memory.tables import MemoryChange, MemoryRecord
from backend.identity.auth.principal import Principal, visible
from backend.skills.skillpacks import service as skillpacks

MAX_CHANGES: Final = 100
EXPORTED_RECORDS: Final = ExportedTable(
    "memory_records", hidden=frozenset({"names", "words", "embedded_version"}), page=SMALL_PAGE_ROWS
)
"""The records as they are exported, without columns that are derived from the others."""
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
_TITLE = func.coalesce(
    func.nullif(col(MemoryRecord.title), ""), col(MemoryRecord.entity_key), col(MemoryRecord.kind)
)
"""What lists show as the title."""
_SORT_KEYS: Final = {
    "updated_at": SortKey(col(MemoryRecord.updated_at), time_key),
    "title": SortKey(func.lower(_TITLE)),
    "kind": SortKey(func.lower(col(MemoryRecord.kind))),
    "key": SortKey(func.lower(func.coalesce(col(MemoryRecord.entity_key), ""))),
    "written_by": SortKey(func.lower(col(MemoryRecord.written_by))),
}


async def get(session: AsyncSession, principal: Principal, memory_id: UUID) -> MemoryRecord:
    """Return a record that is not forgotten.

    Raises:
        NotAllowed: The principal lacks the role or the scope.
        MemoryNotFound: The principal has no access to it, or it does not exist.
    """
    reach = await reach_of(session, principal)
    query = records(principal, reach).where(col(MemoryRecord.id) == memory_id, ~_FORGOTTEN)
    found: MemoryRecord | None = (await session.scalars(query)).one_or_none()
    if found is None:
        raise MemoryNotFound(memory_id)
    return found


async def list_some(
    session: AsyncSession,
    principal: Principal,
    filters: MemoryFilter,
    page: Page,
    *,
    sort: MemorySort = "-updated_at",
) -> Slice[MemoryRecord]:
    """Return a page of the records, by default the last written first.

    Raises:
        Invalid: The cursor is not one of a list in this order.
    """
    reach = await reach_of(session, principal)
    query = records(principal, reach).where(
        *_STATES[filters.state], *await _conditions(session, principal, filters)
    )
    query = sorted_query(query, _SORT_KEYS, sort, col(MemoryRecord.id), page)
    rows = (await session.execute(query)).all()
    found = page.slice(rows, lambda row: (sort, row.sort_key, row[0].id))
    return Slice([row[0] for row in found.items], found.next_cursor)


async def changes(session: AsyncSession, principal: Principal, memory_id: UUID) -> Sequence[MemoryChange]:
    """Return the changes of a record, the last first, also of a forgotten record.

    Raises:
        MemoryNotFound: It does not exist, or the principal has no access to it.
    """
    reach = await reach_of(session, principal)
    query_of_record = records(principal, reach).where(col(MemoryRecord.id) == memory_id)
    if (await session.scalars(query_of_record)).one_or_none() is None:
        raise MemoryNotFound(memory_id)
    query = visible(MemoryChange, principal).where(col(MemoryChange.memory_id) == memory_id)
    rows: Sequence[MemoryChange] = (
        await session.scalars(query.order_by(col(MemoryChange.id).desc()).limit(MAX_CHANGES))
    ).all()
    return rows


async def _conditions(session: AsyncSession, principal: Principal, filters: MemoryFilter) -> list[Any]:
    direct_filters = ("kind", "mtype", "scope", "job_id", "pinned")
    found: list[Any] = [
        getattr(MemoryRecord, name) == value
        for name in direct_filters
        if (value := getattr(filters, name)) is not None
    ]
    if filters.skillpack is not None:
        pack = await skillpacks.get(session, principal, filters.skillpack)
        found.append(col(MemoryRecord.skillpack_id) == pack.id)
    if filters.key is not None:
        name = f"{principal.project_id}|{as_key(filters.key, path='query.key')}"
        found.append(col(MemoryRecord.names).contains([name]))
    return found
