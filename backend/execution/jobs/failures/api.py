"""The route of failure clusters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import AwareDatetime

from backend.execution.jobs.failures import queries
from backend.execution.jobs.failures.queries import FailureFilter
from backend.execution.jobs.failures.schemas import FailuresRead
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.environments import Environment

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])


@router.get("/job-failures", summary="Group failed jobs by their error")
@permissions.needs("jobs:read_own", is_for_publishable=False)
async def get_failures(
    session: SessionDep,
    principal: PrincipalDep,
    *,
    since: Annotated[
        AwareDatetime | None, Query(description="Jobs submitted since then. Default: a week before `until`.")
    ] = None,
    until: Annotated[
        AwareDatetime | None, Query(description="Jobs submitted before then. Default: now.")
    ] = None,
    skill: Annotated[str | None, Query(max_length=200)] = None,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    environment: Environment | None = None,
    limit: Annotated[int, Query(ge=1, le=queries.MAX_CLUSTERS)] = 20,
) -> FailuresRead:
    """Return the failed jobs of at most 90 days, grouped by skill, error code, message and place in the code.

    Numbers, IDs, paths, times and quoted values of messages do not count, so that two runs of the same fault are in the
    same cluster. `GET /v1/jobs?error_signature=` lists the jobs of a cluster.
    """
    filters = FailureFilter(since, until, skill, version, environment)
    return await queries.read_failures(session, principal, filters, limit=limit)
