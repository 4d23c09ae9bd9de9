"""Routes of jobs."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse

from backend.context import AppContext
from backend.core.http.paging import PageDep, linked
from backend.execution.jobs import cancel as cancellation
from backend.execution.jobs import feedback as ratings
from backend.execution.jobs import outputs, queries
from backend.execution.jobs.forks.replay import replay_spec
from backend.execution.jobs.queries import JobFilter
from backend.execution.jobs.schemas import FeedbackCreate, FeedbackRead, JobCreate, JobRead, OutputRead
from backend.execution.jobs.sorting import NEWEST_FIRST, JobSort, cursor_position, parse_position
from backend.execution.jobs.status import Status
from backend.execution.jobs.submit import JobSpec
from backend.execution.jobs.submit_once import submit_once
from backend.execution.jobs.view_filters import IDS_PATTERN, MAX_IDS
from backend.execution.jobs.wait import (
    DEFAULT_WAIT_S,
    MAX_WAIT_S,
    NO_WAIT,
    Wait,
    read_when_ended,
    submit_and_wait,
)
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.environments import Environment
from backend.identity.idempotency.dependencies import REPLAYED_HEADER, IdempotencyDep, IdempotentRequest
from backend.money.pricing import PriceList

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])

_COSTS: dict[int | str, dict[str, Any]] = {
    402: {"description": "The wallet is empty, or the spending limit of the key is reached."}
}

LAST_VERSION = 2**31 - 1
"""The largest number that a version can have."""


async def _requested_wait(
    request: Request,
    *,
    wait: Annotated[bool, Query(description="Respond when the job has ended.")] = False,
    seconds: Annotated[
        float, Query(alias="timeout", ge=0, description="Maximum seconds to wait, up to 55.")
    ] = DEFAULT_WAIT_S,
) -> Wait:
    return Wait(min(seconds, MAX_WAIT_S) if wait else 0.0, request.scope)


WaitDep = Annotated[Wait, Depends(_requested_wait)]
"""Return how long the response may wait for the end of the job, if the request has `wait`."""


async def _default_wait(
    request: Request,
    *,
    seconds: Annotated[
        float, Query(alias="timeout", ge=0, description="Maximum seconds to wait, up to 55.")
    ] = MAX_WAIT_S,
) -> Wait:
    return Wait(min(seconds, MAX_WAIT_S), request.scope)


DefaultWaitDep = Annotated[Wait, Depends(_default_wait)]
"""Return how long the response of a route that always waits may wait."""


MAX_USD = 1_000_000.0
MAX_S = 366 * 86_400.0


async def _filters(
    *,
    status: Status | None = None,
    skill: str | None = None,
    source: str | None = None,
    version: Annotated[int | None, Query(ge=1, le=LAST_VERSION)] = None,
    since: datetime | None = None,
    until: datetime | None = None,
    key: Annotated[UUID | None, Query(description="ID of the API key that submitted the jobs.")] = None,
    min_cost_usd: Annotated[float | None, Query(ge=0, le=MAX_USD, description="Including subjobs.")] = None,
    min_seconds: Annotated[
        float | None, Query(ge=0, le=MAX_S, description="From the start to the end, or until now.")
    ] = None,
    q: Annotated[
        str | None,
        Query(max_length=200, description="A part of the ID, the skill, the error or the metadata."),
    ] = None,
) -> JobFilter:
    return JobFilter(
        status=status,
        skill=skill,
        source=source,
        version=version,
        since=since,
        until=until,
        key=key,
        min_cost_micros=None if min_cost_usd is None else round(min_cost_usd * 1e6),
        min_seconds=min_seconds,
        text=q,
    )


async def _all_filters(
    filters: Annotated[JobFilter, Depends(_filters)],
    *,
    ids: Annotated[
        str | None,
        Query(
            max_length=37 * MAX_IDS,
            pattern=IDS_PATTERN,
            description="IDs of jobs, at most 200, separated by commas.",
        ),
    ] = None,
    error_signature: Annotated[
        str | None,
        Query(max_length=16, description="Jobs that failed for the same reason: see `GET /v1/job-failures`."),
    ] = None,
) -> JobFilter:
    selected = None if ids is None else tuple(map(UUID, ids.split(",")))
    return replace(filters, ids=selected, error_signature=error_signature)


FiltersDep = Annotated[JobFilter, Depends(_all_filters)]


@router.post("/jobs", status_code=201, summary="Submit a job", responses=_COSTS)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def submit_job(
    body: JobCreate,
    response: Response,
    context: ContextDep,
    principal: PrincipalDep,
    *,
    idempotent: IdempotencyDep,
    wait: WaitDep,
    skillpack: Annotated[str | None, Query(description="ID or slug; default: the default skillpack.")] = None,
    skillpack_id: Annotated[str | None, Query(description="The same, by ID.")] = None,
    version: Annotated[
        int | None, Query(ge=1, le=LAST_VERSION, description="Default: the active one.")
    ] = None,
) -> JobRead:
    """Submit a job that runs a skill.

    With `wait=true`, the response is sent when the job has ended, or after `timeout` seconds.
    """
    spec = JobSpec(
        body,
        skillpack=skillpack_id or skillpack,
        version=version,
    )
    return await _submit(context, principal, spec, idempotent=idempotent, response=response, wait=wait)


@router.post(
    "/skills/{name:path}/run",
    tags=["skills"],
    summary="Run a skill and wait for its result",
    responses=_COSTS,
)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def run_skill(
    name: str,
    inputs: Annotated[dict[str, Any], Body(description="Inputs, valid for the skill's `input_schema`.")],
    response: Response,
    context: ContextDep,
    principal: PrincipalDep,
    *,
    idempotent: IdempotencyDep,
    wait: DefaultWaitDep,
    skillpack: Annotated[str | None, Query(description="ID or slug; default: the default skillpack.")] = None,
    version: Annotated[
        int | None, Query(ge=1, le=LAST_VERSION, description="Default: the active one.")
    ] = None,
) -> JobRead:
    """Run a skill with the request body as inputs.

    The response is the job when it has ended, or after `timeout` seconds. The name can include the skillpack:
    `skillpack/skill`.
    """
    spec = JobSpec(
        JobCreate(skill=name, inputs=inputs),
        skillpack,
        version,
    )
    return await _submit(context, principal, spec, idempotent=idempotent, response=response, wait=wait)


@router.get("/jobs", summary="List jobs")
@permissions.needs("jobs:read_own", is_for_publishable=False)
async def list_jobs(
    request: Request,
    response: Response,
    context: ContextDep,
    session: SessionDep,
    principal: PrincipalDep,
    *,
    page: PageDep,
    filters: FiltersDep,
    session_id: Annotated[
        UUID | None, Query(description="ID of the session whose turns the jobs are.")
    ] = None,
    environment: Environment | None = None,
    sort: Annotated[
        JobSort,
        Query(
            description="`-` for descending. Jobs that have not ended are last in a list by duration or cost. A list "
            "by status has the newest jobs of each status first."
        ),
    ] = NEWEST_FIRST,
) -> list[JobRead]:
    """List the jobs of the project, newest first unless `sort` names another order."""
    filters = replace(filters, session_id=session_id, environment=environment)
    jobs = await queries.list_jobs(
        session,
        principal,
        filters=filters,
        limit=page.limit + 1,
        sort=sort,
        after=parse_position(sort, page),
    )
    listed = linked(request, response, page.slice(jobs, lambda job: cursor_position(sort, job)))
    return await outputs.with_signed_outputs(context, principal, listed)


@router.get("/jobs/{job_id}", summary="Read a job")
@permissions.needs("jobs:read_own")
async def get_job(job_id: UUID, context: ContextDep, principal: PrincipalDep, *, wait: WaitDep) -> JobRead:
    """Read a job. With `wait=true` the response is sent when the job has ended, or after `timeout` seconds."""
    return await read_when_ended(context, principal, job_id, wait)


@router.post("/jobs/{job_id}/cancel", summary="Cancel a job")
@permissions.needs("jobs:write", "jobs:read_own", role=Role.DEVELOPER)
async def cancel_job(job_id: UUID, context: ContextDep, principal: PrincipalDep) -> JobRead:
    """Cancel a job: immediately while it is queued, within seconds while it runs."""
    async with context.database.transaction() as session:
        await cancellation.cancel(session, principal, job_id)
    return await read_when_ended(context, principal, job_id, NO_WAIT)


@router.post("/jobs/{job_id}/replay", status_code=201, summary="Replay a job", responses=_COSTS)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def replay_job(
    job_id: UUID,
    response: Response,
    context: ContextDep,
    principal: PrincipalDep,
    *,
    idempotent: IdempotencyDep,
    wait: WaitDep,
    version: Annotated[
        int | None, Query(ge=1, le=LAST_VERSION, description="Default: the version that the job ran.")
    ] = None,
) -> JobRead:
    """Submit the same inputs as a new job, with the same deployment or another version."""
    async with context.database.transaction() as session:
        spec = await replay_spec(
            session, principal, job_id, version=version, prices=PriceList.of(context.settings)
        )
    return await _submit(context, principal, spec, idempotent=idempotent, response=response, wait=wait)


@router.get("/jobs/{job_id}/outputs", summary="List the files of a job's result")
@permissions.needs("jobs:read_own")
async def list_job_outputs(
    job_id: UUID, context: ContextDep, session: SessionDep, principal: PrincipalDep
) -> list[OutputRead]:
    """List the files that the result names, each with a new signed URL."""
    job = await queries.get_job(session, principal, job_id)
    return await outputs.signed_outputs(context, principal, job)


@router.get("/jobs/{job_id}/assets/{name}", status_code=302, summary="Download a file of a job's result")
@permissions.needs("jobs:read_own")
async def get_job_asset(
    job_id: UUID, name: str, context: ContextDep, session: SessionDep, principal: PrincipalDep
) -> RedirectResponse:
    """Redirect to the file with this name."""
    job = await queries.get_job(session, principal, job_id)
    return RedirectResponse(await outputs.output_url(context, principal, job, name), status_code=302)


@router.post("/jobs/{job_id}/feedback", summary="Rate a job")
@permissions.needs("jobs:submit", "jobs:read_own")
async def give_feedback(
    job_id: UUID, body: FeedbackCreate, session: SessionDep, principal: PrincipalDep
) -> FeedbackRead:
    """Rate the result of a job; a later rating by the same user replaces it."""
    return await ratings.rate(session, principal, job_id, body)


async def _submit(
    context: AppContext,
    principal: Principal,
    spec: JobSpec,
    *,
    idempotent: IdempotentRequest,
    response: Response,
    wait: Wait,
) -> JobRead:
    spec = spec.within(context.settings)
    if idempotent.key is None:
        return await submit_and_wait(context, principal, spec, wait)
    job_id = await submit_once(context, principal, spec, idempotent)
    if job_id != spec.job_id:
        response.headers[REPLAYED_HEADER] = "true"
    return await read_when_ended(context, principal, job_id, wait)
