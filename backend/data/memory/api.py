"""Routes of memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse

from backend.core.db.row_export import lines
from backend.core.http.paging import PageDep, linked
from backend.data.memory import deletion, queries, searching, writing
from backend.data.memory.export import MEMORY_RECORDS
from backend.data.memory.schemas import (
    MemoryChangeRead,
    MemoryFilter,
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
from backend.identity.idempotency.dependencies import OnceDep

router = APIRouter(route_class=AuthorizedRoute, tags=["memory"])


@router.post("/memory", status_code=201, summary="Remember something", response_model=MemoryWritten)
@permissions.needs("memory:write", role=Role.DEVELOPER)
async def put_memory(
    asked: MemoryPut, principal: PrincipalDep, session: SessionDep, context: ContextDep, once: OnceDep
) -> Response:
    """A record of the same kind and key is replaced, its version one higher; secrets are taken out before."""

    async def make() -> MemoryWritten:
        return await writing.put(session, context.vault, principal, asked, context.settings.quotas)

    return await once.answer(session, principal, make)


@router.post("/memory/search", summary="Search what is remembered")
@permissions.needs("memory:read")
async def search_memory(asked: MemorySearch, principal: PrincipalDep, context: ContextDep) -> MemoryResults:
    """By keys, by words and, where a model of embeddings is configured, by meaning; best first."""
    return await searching.search(context, principal, asked)


@router.get("/memory", summary="List what is remembered")
@permissions.needs("memory:read")
async def list_memory(
    request: Request,
    response: Response,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    page: PageDep,
    which: Annotated[MemoryFilter, Query()],
) -> Sequence[MemoryRead]:
    """The newest writing first; `job_id`: what that job wrote last."""
    found = await queries.list_some(session, principal, which, page)
    return [MemoryRead.model_validate(one) for one in linked(request, response, found)]


@router.get("/memory/export", summary="Export what is remembered", response_class=StreamingResponse)
@permissions.needs("memory:read")
async def export_memory(
    principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> StreamingResponse:
    """Every record as a line of JSON, forgotten ones that are still kept included; it is audited."""
    reach = await reach_of(session, principal)
    await audit.record(session, principal, "memory.exported")

    async def body() -> AsyncIterator[bytes]:
        async for line in lines(context.database, MEMORY_RECORDS, reach.project_id):
            yield line

    headers = {"Content-Disposition": 'attachment; filename="memory.jsonl"'}
    return StreamingResponse(body(), media_type="application/x-ndjson", headers=headers)


@router.get("/memory/{memory_id}", summary="Read a record")
@permissions.needs("memory:read")
async def get_memory(memory_id: UUID, principal: PrincipalDep, session: SessionDep) -> MemoryRead:
    """One thing that is remembered."""
    return MemoryRead.model_validate(await queries.get(session, principal, memory_id))


@router.get("/memory/{memory_id}/changes", summary="See who wrote a record")
@permissions.needs("memory:read")
async def list_memory_changes(
    memory_id: UUID, principal: PrincipalDep, session: SessionDep
) -> Sequence[MemoryChangeRead]:
    """The last 100 writings with the jobs that made them, the newest first."""
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
    erase: Annotated[bool, Query(description="Leave nothing of it, at once.")] = False,
) -> None:
    """Nothing finds it any more, and it is removed after `PURAS_KEEP_FORGOTTEN_MEMORY_DAYS`; it is audited."""
    if erase:
        await deletion.erase(session, principal, memory_id)
    else:
        await deletion.forget(session, principal, memory_id, reason=reason)
