"""The route of the durable steps of a job, with the waits that have not ended."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from fastapi import APIRouter

from backend.core.attribute_docstrings import Schema
from backend.execution.waits import job_steps
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])


class DurableStepRead(Schema):
    """A durable step of a job."""

    branch: str
    """The branch of `parallel` that ran the step; empty for the function itself."""
    position: int
    """Number of the step in its branch, from 1."""
    name: str
    """Name of the step; of an event, its type."""
    occurrence: int
    """Counts the steps with this name in the branch, from 1."""
    kind: Literal["step", "sleep", "event", "emit"]
    """A `step` with a function, a `sleep`, a wait for an `event`, or an event that the job has sent (`emit`)."""
    status: Literal["started", "waiting", "finished", "failed"]
    """`started` only for a step with `once`, before its outcome is stored."""
    attempt: int
    """The attempt of the job that stored the step; 0: it was copied from another job."""
    tries: int
    """How often this attempt has called the function."""
    result: Any
    """The result of a finished step; of a wait for an event, the event, or `null` after its time limit."""
    error: str | None
    """The error of a failed step."""
    started_at: datetime
    """When the step started."""
    finished_at: datetime | None
    """When its outcome was stored."""
    wake_at: datetime | None
    """When a wait ends, if it has a time."""


@router.get("/jobs/{job_id}/steps", summary="Durable steps of a job")
@permissions.needs("jobs:read_own")
async def list_job_steps(job_id: UUID, session: SessionDep, principal: PrincipalDep) -> list[DurableStepRead]:
    """List the durable steps of a function in the order in which they started, and what the job waits for."""
    return [DurableStepRead(**row) for row in await job_steps.list_steps(session, principal, job_id)]
