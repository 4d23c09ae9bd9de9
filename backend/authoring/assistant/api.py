"""Define the routes that start the assistant on a draft."""

from __future__ import annotations

from fastapi import APIRouter, Response

from backend.authoring.assistant import service
from backend.authoring.assistant.schemas import AssistantCreate, AssistantRead
from backend.authoring.drafts.api import PackDep
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.skills.assistant.skill import ASSISTANT

router = APIRouter(route_class=AuthorizedRoute, tags=["drafts"])


@router.post("/drafts/assistant", status_code=201, response_model=AssistantRead)
@router.post("/skillpacks/{skillpack}/drafts/assistant", status_code=201, response_model=AssistantRead)
@permissions.needs("deployments:write", "deployments:read", "jobs:submit", "jobs:read", role=Role.DEVELOPER)
async def start_assistant(
    *,
    body: AssistantCreate,
    principal: PrincipalDep,
    session: SessionDep,
    context: ContextDep,
    idempotent: IdempotencyDep,
    pack: PackDep,
) -> Response:
    """Start the assistant: a job that works on a copy of the draft. Its result is a proposal of changes.

    The job costs at most `budget_usd`. Cancel it with `POST /v1/jobs/{id}/cancel`.
    """
    settings = context.settings
    spec = JobSpec(JobCreate(skill=ASSISTANT)).within(settings)

    async def create() -> AssistantRead:
        submitted = await service.start(
            session, principal, pack, body, spec, storage=context.storage, quotas=settings.quotas
        )
        return AssistantRead(job_id=submitted.job_id)

    return await idempotent.run(session, principal, create)
