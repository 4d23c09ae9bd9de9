"""The route of the recent activity of a project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from backend.execution.jobs import activity
from backend.execution.jobs.activity import JobActivityRead
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])


@router.get("/jobs/activity", summary="Count recent jobs")
@permissions.needs("jobs:read_own", is_for_publishable=False)
async def get_activity(
    session: SessionDep,
    principal: PrincipalDep,
    hours: Annotated[int, Query(ge=1, le=activity.MAX_HOURS)] = 24,
    bars: Annotated[int, Query(ge=1, le=activity.MAX_BARS)] = 48,
) -> Sequence[JobActivityRead]:
    """Count the jobs that were submitted in the last hours, in time slots of equal length, oldest first."""
    return await activity.bars(session, principal, hours=hours, count=bars)
