"""Define the route of insights."""

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


@router.get("/skills/{name:path}/findings", summary="Get the insights of a skill")
@permissions.needs("jobs:read")
async def get_findings(
    name: str,
    principal: PrincipalDep,
    session: SessionDep,
    *,
    skillpack: Annotated[str | None, Query(description="ID or slug. Default: the default skillpack.")] = None,
    since: Annotated[
        datetime | None, Query(description="Jobs since then. Default: a week ago; at most 90 days ago.")
    ] = None,
) -> Findings:
    """Return insights from the recent jobs of a skill, each with jobs as examples.

    They are about slow and expensive steps and tools, repeated errors, cache misses, invalid results, and versions.
    """
    return await service.findings(session, principal, name, skillpack=skillpack, since=since)
