"""The route of findings."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query

from backend.evals.insights import service
from backend.evals.insights.schemas import Findings
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["skills"])


@router.get("/skills/{name:path}/findings", summary="What a skill's jobs say about it")
@permissions.needs("jobs:read")
async def get_findings(
    name: str,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    skillpack: Annotated[str | None, Query(description="Id or slug; default: the default one.")] = None,
    since: Annotated[
        datetime | None, Query(description="Jobs from then on; default: a week, at most 90 days.")
    ] = None,
) -> Findings:
    """Slow and dear steps and tools, repeated errors, cache misses, misfits, numbers by version, each with its jobs."""
    return await service.findings(session, principal, name, skillpack=skillpack, since=since)
