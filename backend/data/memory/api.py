"""Define the routes of memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from backend.core.db.row_export import lines
from backend.core.http.paging import PageDep, linked
from backend.data.memory import deletion, queries, search, writing
from backend.data.memory.schemas import (
    MemoryChangeRead,
    MemoryListQuery,
    MemoryPut,
    MemoryRead,
    MemoryResults,
    MemorySearch,
    MemoryWritten,
)
from backend.data.memory.scoping import reach_of
from backend.identity.auth import audit, permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep

router = APIRouter(route_class=AuthorizedRoute, tags=["memory"])


@router.post("/memory", status_code=201, summary="Write a record", response_model=MemoryWritten)
@permissions.needs("memory:write", role=Role.DEVELOPER)
async def put_memory(
    body: MemoryPut,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
) -> Response:
    """Write a record.

    A record of the same kind and key is replaced, and its version increases by one. Secrets of the project are
    redacted.
    """

    async def create() -> MemoryWritten:
        return await writing.put(session, context.vault, principal, body, context.settings.quotas)

    return await idempotent.run(session, principal, create)


@router.post("/memory/search", summary="Search records")
@permissions.needs("memory:read")
async def search_memory(body: MemorySearch, principal: PrincipalDep, context: ContextDep) -> MemoryResults:
    """Search by keys, by words and, if an embedding model is configured, by meaning; the best match first."""
    return await search.search(context, principal, body)


@router.get("/memory", summary="List records")
@permissions.needs("memory:read")
async def list_memory(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    filters: Annotated[MemoryListQuery, Query()],
) -> Sequence[MemoryRead]:
    """List records, by default the last written first. With `job_id`: those that this job wrote last."""
    found = await queries.list_some(session, principal, filters, page, sort=filters.sort)
    return [MemoryRead.model_validate(one) for one in linked(request, response, found)]


@router.get("/memory/export", summary="Export all records", response_class=StreamingResponse)
@permissions.needs("memory:read")
async def export_memory(
    principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> StreamingResponse:
    """Export every record as a line of JSON, including forgotten ones that are still stored. The export is audited."""
    reach = await reach_of(session, principal)
    await audit.record(session, principal, "memory.exported")

    async def content() -> AsyncIterator[bytes]:
        async for line in lines(context.database, queries.EXPORTED_RECORDS, reach.project_id):
            yield line

    headers = {"Content-Disposition": 'attachment; filename="memory.jsonl"'}
    return StreamingResponse(content(), media_type="application/x-ndjson", headers=headers)


@router.get("/memory/{memory_id}", summary="Read a record")
@permissions.needs("memory:read")
async def get_memory(memory_id: UUID, principal: PrincipalDep, session: SessionDep) -> MemoryRead:
    """Return one record."""
    return MemoryRead.model_validate(await queries.get(session, principal, memory_id))


@router.get("/memory/{memory_id}/changes", summary="List the changes of a record")
@permissions.needs("memory:read")
async def list_memory_changes(
    memory_id: UUID, principal: PrincipalDep, session: SessionDep
) -> Sequence[MemoryChangeRead]:
    """List the last 100 changes of a record with the jobs that made them, newest first."""
    found = await queries.changes(session, principal, memory_id)
    return [MemoryChangeRead.model_validate(one) for one in found]


@router.delete("/memory/{memory_id}", status_code=204, summary="Forget a record")
@permissions.needs("memory:write", role=Role.DEVELOPER)
async def delete_memory(
    memory_id: UUID,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    reason: Annotated[str, Query(max_length=500)] = "",
    erase: Annotated[bool, Query(description="Delete it permanently and immediately.")] = False,
) -> None:
    """Hide the record from searches and lists.

    It is deleted after `PURAS_KEEP_FORGOTTEN_MEMORY_DAYS`. The request is audited.
    """
    if erase:
        await deletion.erase(session, principal, memory_id)
    else:
        await deletion.forget(session, principal, memory_id, reason=reason)
