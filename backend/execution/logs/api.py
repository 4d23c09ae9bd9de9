"""Route of the log of a job."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from backend.execution.events.queries import MAX_SEQ
from backend.execution.logs.schemas import LogPage
from backend.execution.logs.service import MAX_ENTRIES, LogFilter, read_log
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])


@router.get("/jobs/{job_id}/logs", summary="Log of a job")
@permissions.needs("jobs:read_own")
async def read_job_log(
    job_id: UUID,
    session: SessionDep,
    principal: PrincipalDep,
    *,
    after: Annotated[
        int, Query(ge=0, le=MAX_SEQ, description="Only entries with higher numbers: `next_after` of a page.")
    ] = 0,
    limit: Annotated[int, Query(ge=1, le=MAX_ENTRIES, description="Maximum number of entries.")] = 500,
    level: Annotated[
        list[str] | None,
        Query(max_length=10, description="Only entries of this level; can be repeated."),
    ] = None,
    tail: Annotated[bool, Query(description="Return the last entries instead of the first ones.")] = False,
) -> LogPage:
    """Read a page of the output and the log of a job. A page of long texts can have fewer entries than the limit."""
    log_filter = LogFilter(after, limit, tuple(level or ()), tail)
    return await read_log(session, principal, job_id, log_filter)
