"""Define the routes of memory for code of a running job. Their URLs are fixed, so that its sandbox can allow them."""

from __future__ import annotations

from fastapi import APIRouter
from pydantic import BaseModel

from backend.data.memory import deletion, queries, writing
from backend.data.memory.schemas import MemoryId, MemoryPut, MemoryRead, MemoryWritten
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role

router = APIRouter(route_class=AuthorizedRoute, tags=["in a job"])


class MemoryDeletedRead(BaseModel):
    """The record is hidden."""

    forgotten: bool = True


@router.post("/memory/put", summary="Write a record, in a job")
@permissions.needs("memory:write", role=Role.DEVELOPER)
async def put_memory_in_job(
    body: MemoryPut, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> MemoryWritten:
    """Write a record like `POST /v1/memory`. Calls with the same `key` have one effect, in all attempts of the job."""
    return await writing.put(session, context.vault, principal, body, context.settings.quotas)


@router.post("/memory/get", summary="Read a record, in a job")
@permissions.needs("memory:read")
async def get_memory_in_job(body: MemoryId, principal: PrincipalDep, session: SessionDep) -> MemoryRead:
    """Return one record."""
    return MemoryRead.model_validate(await queries.get(session, principal, body.id))


@router.post("/memory/forget", summary="Forget a record, in a job")
@permissions.needs("memory:write", role=Role.DEVELOPER)
async def forget_memory_in_job(
    body: MemoryId, principal: PrincipalDep, session: SessionDep
) -> MemoryDeletedRead:
    """Hide a record from searches and lists."""
    await deletion.forget(session, principal, body.id, reason=body.reason)
    return MemoryDeletedRead()
