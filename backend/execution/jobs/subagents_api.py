"""The route by which the code of a running job calls other skills."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID, uuid4

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from backend.core.errors import NotAllowed
from backend.core.schemas import ErrorCode, Text
from backend.execution.jobs import subagents
from backend.execution.jobs.status import Status
from backend.execution.jobs.subagents import SubagentCall
from backend.execution.jobs.subjob_target import Described, describe
from backend.identity.auth import permissions
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.marketplace.errors import ListingNotCallable
from backend.skills.bundles.inline_skills import MAX_PROMPT_CHARACTERS

router = APIRouter(route_class=AuthorizedRoute, tags=["in a job"])

MAX_WAIT_S: Final = 50.0
"""Less than a proxy holds a request; who waits longer asks again with the same key."""


class SubagentCreate(BaseModel):
    """Body of `POST /v1/subagent/invoke`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    target: Text | None = Field(default=None, min_length=1, max_length=400)
    """`skill`, `skillpack/skill`, a subskill of the caller's by its short name, or a text of its folder:
    `references/check.md`."""
    prompt: Text | None = Field(default=None, min_length=1, max_length=MAX_PROMPT_CHARACTERS)
    """In the place of a target: what an agent with the built-in tools is to do."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    version: int | None = Field(default=None, ge=1, le=2**31 - 1)
    """Default: that of the caller where it has the skill, else the active one."""
    timeout: float = Field(default=MAX_WAIT_S, ge=0, le=1_800)
    """Seconds to wait; the answer comes after 50 at the latest, with the call as it stands."""
    key: Text | None = Field(default=None, min_length=1, max_length=255)
    """The same key is the same call: ask again with it to wait on."""
    parent_job_id: UUID | None = None
    """The job of the token; it may be left out."""
    listing_id: Text | None = Field(default=None, max_length=400)
    """Always refused: only jobs that somebody submits run a listing."""


class SubagentRead(BaseModel):
    """A call as it stands."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    status: Status
    job_id: UUID
    result: Any
    """What the skill returned, once it has succeeded."""
    error: str | None
    error_code: ErrorCode | None
    used_micros: int
    """What it has used so far: the caller pays that with its own."""


class SubagentsDescribe(BaseModel):
    """Body of `POST /v1/subagent/describe`."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    target: Text = Field(min_length=1, max_length=400)
    """As in a call."""


@router.post("/subagent/describe", summary="What another skill takes and gives")
@permissions.jobs_only("jobs:submit")
async def describe_subagent(
    asked: SubagentsDescribe, principal: PrincipalDep, session: SessionDep
) -> Described:
    """With the token of a running job: the skill that it would call by that name."""
    return await describe(session, principal, asked.target)


@router.post("/subagent/invoke", summary="Call another skill")
@permissions.jobs_only("jobs:submit")
async def invoke_subagent(
    asked: SubagentCreate, principal: PrincipalDep, context: ContextDep
) -> SubagentRead:
    """With the token of a running job: the skill runs as a job of its own, in the caller's slot and from its money."""
    if asked.parent_job_id not in (None, principal.id):
        raise NotAllowed("The parent_job_id is not that of this token's job. Leave it out.")
    if asked.listing_id is not None:
        raise ListingNotCallable.by_skill()
    call = SubagentCall(asked.target, asked.key or uuid4().hex, asked.inputs, asked.version, asked.prompt)
    job_id = await subagents.call(context, principal, call)
    job = await subagents.ended(context, principal, job_id, within_s=min(asked.timeout, MAX_WAIT_S))
    return SubagentRead(
        status=job.status,
        job_id=job.id,
        result=job.result,
        error=job.error,
        error_code=job.error_code,
        used_micros=job.used_micros,
    )
