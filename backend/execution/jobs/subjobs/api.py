"""Routes by which the code of a running job calls other skills."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import Field

from backend.core.attribute_docstrings import Schema
from backend.core.errors import NotAllowed
from backend.core.schemas import ClosedSchema, ErrorCode, Text
from backend.execution.jobs.status import Status
from backend.execution.jobs.subjobs import subagents
from backend.execution.jobs.subjobs.subagents import SubagentCall
from backend.execution.jobs.subjobs.target import SubagentDescriptionRead, describe
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.marketplace.errors import ListingNotCallable
from backend.skills.bundles.inline_skills import MAX_PROMPT_CHARACTERS

router = APIRouter(route_class=AuthorizedRoute, tags=["in a job"])

MAX_WAIT_S: Final = 50.0
"""Less than the timeout of common proxies. To wait longer, clients repeat the request with the same key."""


class SubagentCreate(ClosedSchema):
    """Body of `POST /v1/subagent/invoke`."""

    target: Text | None = Field(default=None, min_length=1, max_length=400)
    """`skill`, `skillpack/skill`, the short name of a subskill of the caller, or a text file of its folder:
    `references/check.md`."""
    prompt: Text | None = Field(default=None, min_length=1, max_length=MAX_PROMPT_CHARACTERS)
    """Instead of a target: a task for an agent with the built-in tools."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Default: the version of the caller if it has the skill, otherwise the active one."""
    timeout: float = Field(default=MAX_WAIT_S, ge=0, le=1_800)
    """Seconds to wait. The response is sent after at most 50 seconds, with the current status of the call."""
    key: Text | None = Field(default=None, min_length=1, max_length=255)
    """Identifies the call. Repeat the request with the same key to wait longer."""
    parent_job_id: UUID | None = None
    """The job of the token; optional."""
    listing_id: Text | None = Field(default=None, max_length=400)
    """Always rejected: a job cannot call a listing."""


class SubagentRead(Schema):
    """The current status of a call."""

    status: Status
    job_id: UUID
    result: Any
    """The result of the skill, once it has succeeded."""
    error: str | None
    error_code: ErrorCode | None
    used_micros: int
    """The usage of the call so far. The caller pays it with its own bill."""


class SubagentsDescribe(ClosedSchema):
    """Body of `POST /v1/subagent/describe`."""

    target: Text = Field(min_length=1, max_length=400)
    """As in `POST /v1/subagent/invoke`."""


@router.post("/subagent/describe", summary="Describe another skill")
@permissions.jobs_only("jobs:submit")
async def describe_subagent(
    body: SubagentsDescribe, principal: PrincipalDep, session: SessionDep
) -> SubagentDescriptionRead:
    """Describe the skill that the job of the token would call by this name."""
    return await describe(session, principal, body.target)


@router.post("/subagent/invoke", summary="Call another skill")
@permissions.jobs_only("jobs:submit")
async def invoke_subagent(body: SubagentCreate, principal: PrincipalDep, context: ContextDep) -> SubagentRead:
    """Call a skill with the token of a running job.

    It runs as a subjob, in the slot and from the reservation of the caller.
    """
    if body.parent_job_id not in (None, principal.id):
        raise NotAllowed("The parent_job_id is not the job of this token. Omit it.")
    if body.listing_id is not None:
        raise ListingNotCallable.by_skill()
    call = SubagentCall(body.target, body.key or uuid4().hex, body.inputs, body.version, body.prompt)
    job_id = await subagents.call(context, principal, call)
    job = await subagents.wait_for_end(context, principal, job_id, within_s=min(body.timeout, MAX_WAIT_S))
    return SubagentRead(
        status=job.status,
        job_id=job.id,
        result=job.result,
        error=job.error,
        error_code=job.error_code,
        used_micros=job.used_micros,
    )
