"""Start the assistant on a draft: an agent that works on a copy and proposes changes."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy.ext.asyncio import AsyncSession

from backend.authoring.assistant.errors import AssistantNeedsModel
from backend.authoring.assistant.evidence import require_job
from backend.authoring.assistant.schemas import AssistantCreate
from backend.authoring.drafts import publishing, reading
from backend.config.quotas import Quotas
from backend.execution.jobs.schemas import JobCreate
from backend.execution.jobs.submit import JobSpec, Submitted, submit
from backend.identity.auth.principal import Principal, Role
from backend.publishing import push
from backend.skills.assistant.skill import ASSISTANT
from backend.skills.job_limits import JobLimits
from backend.skills.model_catalog.catalog import SIMULATED_MODEL
from backend.skills.skillpacks.tables import Skillpack
from backend.storage import Storage

SOURCE = "assistant"


async def start(
    session: AsyncSession,
    principal: Principal,
    pack: Skillpack,
    body: AssistantCreate,
    spec: JobSpec,
    *,
    storage: Storage,
    quotas: Quotas | None = None,
) -> Submitted:
    """Submit a job of the assistant with a copy of the draft as it is now.

    Args:
        session: The transaction.
        principal: The user or key, which must be allowed to write the draft, to run it, and to read its jobs.
        pack: The skillpack of the draft.
        body: The request.
        spec: The specification of the job, with the limits of the instance.
        storage: Where the copy is stored.
        quotas: The quotas of the instance.

    Raises:
        NotAllowed: The principal may not do that.
        AssistantNeedsModel: The simulation was requested.
        JobNotFound: The named job does not exist, or runs a skill of another skillpack.
        Everything that `submit` raises.
    """
    principal.require(Role.DEVELOPER, "deployments:write")
    principal.require(Role.VIEWER, "jobs:read")
    if body.model == SIMULATED_MODEL:
        raise AssistantNeedsModel
    if body.job_id is not None:
        await require_job(session, principal, pack.id, body.job_id)
    # Read before the files: a change between the two is then found when the proposal is compared with the draft.
    revision = (await reading.open_draft(session, principal, pack)).draft.revision
    bundle = await publishing.bundle_of(session, principal, pack)
    stored = await push.push_files(
        session, principal, bundle=bundle, skillpack=str(pack.id), storage=storage, quotas=quotas
    )
    resolved = replace(
        spec, request=_request(body, revision), skillpack=str(pack.id), deployment_id=stored.id
    )
    return await submit(session, principal, resolved)


def _request(body: AssistantCreate, revision: int) -> JobCreate:
    context = body.model_dump(mode="json", include={"skill", "file", "problem", "job_id"}, exclude_none=True)
    return JobCreate(
        skill=ASSISTANT,
        inputs={"task": body.task, **context, "draft_revision": revision},
        source=SOURCE,
        model=body.model,
        limits=JobLimits(cost_usd=body.budget_usd),
    )
