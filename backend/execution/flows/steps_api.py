"""The route of the steps of a job."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response

from backend.core.http.paging import PageDep, linked
from backend.core.schemas import Text
from backend.execution.flows import job_steps as of_flows
from backend.execution.jobs.queries import get_row
from backend.execution.steps.schemas import JobStepRead, StepStatus
from backend.execution.waits import job_steps as of_functions
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.marketplace.errors import ContentOwnedByPublisher

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])


@router.get("/jobs/{job_id}/steps", summary="List the steps of a job", response_model=list[JobStepRead])
@permissions.needs("jobs:read_own")
async def list_job_steps(
    job_id: UUID,
    request: Request,
    response: Response,
    session: SessionDep,
    principal: PrincipalDep,
    *,
    page: PageDep,
    step: Annotated[
        Text | None,
        Query(
            min_length=1,
            max_length=200,
            description="Only the step with this name, with its whole result; of a step with `for_each`, its elements.",
        ),
    ] = None,
    status: Annotated[
        StepStatus | None, Query(description="Only steps, or elements, with this status.")
    ] = None,
) -> Sequence[JobStepRead]:
    """List the steps of a flow in their order, also those that it has not reached.

    The durable steps of a function are listed in the order in which they started, followed by what the job waits for.
    """
    job = await get_row(session, principal, job_id)
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job_id, job.listing)
    list_steps = of_flows.list_steps if job.type == "flow" else of_functions.list_steps
    return linked(request, response, await list_steps(session, job, page=page, name=step, status=status))
