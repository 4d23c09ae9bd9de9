"""Routes of memory for the code of a job that runs: their addresses are fixed, so that its sandbox can let them out."""

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


class Forgotten(BaseModel):
    """It is not found any more."""

    forgotten: bool = True


@router.post("/memory/put", summary="Remember something, in a job")
@permissions.needs("memory:write", role=Role.DEVELOPER)
async def put_in_job(
    asked: MemoryPut, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> MemoryWritten:
    """As `POST /v1/memory`; a call with the same `key` is made once, whichever attempt of the job makes it again."""
    return await writing.put(session, context.vault, principal, asked, context.settings.quotas)


@router.post("/memory/get", summary="Read a record, in a job")
@permissions.needs("memory:read")
async def get_in_job(asked: MemoryId, principal: PrincipalDep, session: SessionDep) -> MemoryRead:
    """One thing that is remembered."""
    return MemoryRead.model_validate(await queries.get(session, principal, asked.id))


@router.post("/memory/forget", summary="Forget a record, in a job")
@permissions.needs("memory:write", role=Role.DEVELOPER)
async def forget_in_job(asked: MemoryId, principal: PrincipalDep, session: SessionDep) -> Forgotten:
    """Nothing finds it any more."""
    await deletion.forget(session, principal, asked.id, reason=asked.reason)
    return Forgotten()
