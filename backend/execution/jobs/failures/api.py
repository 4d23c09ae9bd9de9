"""Routes of failure clusters."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import AwareDatetime

from backend.execution.jobs.failures import queries, service
from backend.execution.jobs.failures.queries import FailureFilter
from backend.execution.jobs.failures.schemas import (
    FailureIgnore,
    FailureRead,
    FailureResolve,
    FailuresRead,
    FailureStateFilter,
)
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.environments import Environment

router = APIRouter(route_class=AuthorizedRoute, prefix="/job-failures", tags=["jobs"])

_Signature = Annotated[str, Path(max_length=16, pattern="^[0-9a-f]*$")]


@router.get("", summary="Group failed jobs by their error")
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
    state: Annotated[FailureStateFilter, Query(description="The present state of the errors.")] = "open",
    limit: Annotated[int, Query(ge=1, le=queries.MAX_CLUSTERS)] = 20,
) -> FailuresRead:
    """Return the failed jobs of at most 90 days, grouped by skill, error code, message and place in the code.

    Numbers, IDs, paths, times and quoted values of messages do not count, so that two runs of the same fault are in the
    same cluster. `GET /v1/jobs?error_signature=` lists the jobs of a cluster.
    """
    filters = FailureFilter(since, until, skill, version, environment, state)
    return await queries.read_failures(session, principal, filters, limit=limit)


@router.get("/{error_signature}", summary="Get an error of failed jobs")
@permissions.needs("jobs:read", is_for_publishable=False)
async def get_failure(
    error_signature: _Signature, session: SessionDep, principal: PrincipalDep
) -> FailureRead:
    """Return an error with its state: open, resolved or ignored."""
    return await queries.read_failure(session, principal, error_signature)


@router.post("/{error_signature}/resolve", summary="Resolve an error of failed jobs")
@permissions.needs("jobs:read", "jobs:write", role=Role.DEVELOPER)
async def resolve_failure(
    error_signature: _Signature,
    session: SessionDep,
    principal: PrincipalDep,
    body: FailureResolve | None = None,
) -> FailureRead:
    """Mark an error as resolved. It is open again, as regressed, when a job that is submitted later fails with it.

    Only jobs of the first version in which it should not occur, and of later ones, open it again: those of the version
    that is active in production, or with `fixed_in: next` those after it. If no version of the skillpack is active in
    production, every job does.
    """
    return await service.resolve(session, principal, error_signature, body or FailureResolve())


@router.post("/{error_signature}/ignore", summary="Ignore an error of failed jobs")
@permissions.needs("jobs:read", "jobs:write", role=Role.DEVELOPER)
async def ignore_failure(
    error_signature: _Signature,
    session: SessionDep,
    principal: PrincipalDep,
    body: FailureIgnore | None = None,
) -> FailureRead:
    """Ignore an error permanently, until a time, or until a number of further jobs have failed with it.

    Lists of open errors, and alerts with the metric `new_errors`, do not contain it.
    """
    return await service.ignore(session, principal, error_signature, body or FailureIgnore())


@router.post("/{error_signature}/reopen", summary="Reopen an error of failed jobs")
@permissions.needs("jobs:read", "jobs:write", role=Role.DEVELOPER)
async def reopen_failure(
    error_signature: _Signature, session: SessionDep, principal: PrincipalDep
) -> FailureRead:
    """Mark an error that was resolved or ignored as open."""
    return await service.reopen(session, principal, error_signature)
