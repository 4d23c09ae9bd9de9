"""Routes that read the model calls of an agent."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from backend.core.ids import short
from backend.execution.model_calls import service
from backend.execution.model_calls.schemas import ModelCallRead
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute

router = APIRouter(route_class=AuthorizedRoute, tags=["jobs"])

StepParam = Annotated[int, Path(ge=1, le=10_000, description="Number of the reply, from 1 on.")]
MAX_MESSAGES = 100


@router.get("/jobs/{job_id}/model-calls/{step}", summary="Read a model call")
@permissions.needs("jobs:read_own", is_for_publishable=False)
async def get_model_call(
    job_id: UUID,
    step: StepParam,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    *,
    before: Annotated[
        int | None,
        Query(ge=0, description="Only messages before this position: `first_message` of the page after it."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=MAX_MESSAGES, description="Maximum number of messages.")] = 20,
) -> ModelCallRead:
    """Read the input of a model call as it was sent, and the reply: by default with the last 20 messages.

    Secrets are redacted. Long texts are cut; `/download` returns everything. Publishable keys may not read it.
    """
    return await service.get_model_call(
        session, principal, job_id, step, vault=context.vault, part=service.Slice(before, limit)
    )


@router.get(
    "/jobs/{job_id}/model-calls/{step}/download",
    summary="Download a model call",
    response_model=ModelCallRead,
)
@permissions.needs("jobs:read_own", is_for_publishable=False)
async def download_model_call(
    job_id: UUID, step: StepParam, principal: PrincipalDep, session: SessionDep, context: ContextDep
) -> Response:
    """Download the whole input of a model call and the reply as a JSON file."""
    whole = await service.read_whole(session, principal, job_id, step, vault=context.vault)
    name = f"model-call-{short(job_id)}-{step}.json"
    return Response(
        whole.model_dump_json(indent=2),
        media_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
