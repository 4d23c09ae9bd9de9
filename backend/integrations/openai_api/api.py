"""Routes for the SDKs of OpenAI."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import BaseModel

from backend.execution.events.queries import MAX_SEQ
from backend.execution.jobs.access import events as event_access
from backend.identity.auth import permissions, skill_allowlist
from backend.identity.auth.dependencies import ContextDep, PrincipalDep, SessionDep
from backend.identity.auth.permissions import AuthorizedRoute
from backend.identity.auth.principal import Principal, Role
from backend.identity.idempotency.dependencies import IdempotencyDep
from backend.integrations.openai_api import chat, messages, parameters, references, responses
from backend.integrations.openai_api.calls import JOB_HEADER, MAX_WAIT_S, Call, find_skill, submit_call
from backend.integrations.openai_api.chat_schemas import (
    ChatCompletion,
    ChatCompletionCreate,
    Model,
    ModelList,
)
from backend.integrations.openai_api.errors import UnknownModel
from backend.integrations.openai_api.response_schemas import ResponseCreate, ResponseRead
from backend.integrations.openai_api.sse import streamed
from backend.skills.deployments.service import ActiveSkill, active_skills

router = APIRouter(route_class=AuthorizedRoute, prefix="/openai", tags=["openai"])

SecondsParam = Annotated[
    float | None,
    Query(
        alias="timeout",
        ge=0,
        le=MAX_WAIT_S,
        description="Maximum seconds until the job must have ended (`extra_query` in the SDKs), up to 590. "
        "Default: 590, and no limit for a stream.",
    ),
]
_JOB_ID: Final = {
    JOB_HEADER: {"description": "ID of the job.", "schema": {"type": "string", "format": "uuid"}}
}


def _documented(what: str) -> dict[int | str, dict[str, Any]]:
    stream = {"text/event-stream": {"schema": {"type": "string"}}}
    return {
        200: {"description": f"The answer. With `stream`: {what}.", "headers": _JOB_ID, "content": stream}
    }


@router.post(
    "/chat/completions",
    summary="Call a skill with Chat Completions",
    response_model=ChatCompletion,
    responses=_documented("chunks of it as server-sent events, then `data: [DONE]`"),
)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def create_chat_completion(
    body: ChatCompletionCreate,
    request: Request,
    context: ContextDep,
    principal: PrincipalDep,
    *,
    idempotent: IdempotencyDep,
    seconds: SecondsParam = None,
) -> Response:
    """Run a skill as a job, and return its result as the answer of a model. Errors have the format of OpenAI.

    The text of the last message fills the only required text input of the skill; an agent receives the earlier messages
    as a conversation. A client that disconnects cancels the job, unless its request has an `Idempotency-Key`.
    """
    parameters.check_chat(body)
    skill = await find_skill(context, principal, body.model)
    call = await submit_call(
        context,
        principal,
        request,
        body,
        messages=messages.of_chat(body.messages),
        answer=chat.answer_format(skill, body),
        idempotent=idempotent,
        wait_s=seconds,
    )
    if body.stream:
        includes_usage = bool(body.stream_options and body.stream_options.include_usage)
        return _stream(call, chat.chunks(call, includes_usage=includes_usage))
    return _whole(call, chat.completion(call, await call.ended()))


@router.post(
    "/responses",
    summary="Call a skill with the Responses API",
    response_model=ResponseRead,
    responses=_documented("typed server-sent events with a `sequence_number`, until `response.completed`"),
)
@permissions.needs("jobs:submit", "jobs:read_own", role=Role.DEVELOPER)
async def create_response(
    body: ResponseCreate,
    request: Request,
    context: ContextDep,
    principal: PrincipalDep,
    *,
    idempotent: IdempotencyDep,
    seconds: SecondsParam = None,
) -> Response:
    """Run a skill as a job, and return its result as the response of a model. Errors have the format of OpenAI.

    The text of the last message fills the only required text input of the skill; an agent receives the earlier messages
    as a conversation. A client that disconnects cancels the job, unless its request has an `Idempotency-Key`.
    """
    parameters.check_response(body)
    skill = await find_skill(context, principal, body.model)
    items = await references.with_answers(context, principal, body.input, skill)
    call = await submit_call(
        context,
        principal,
        request,
        body,
        messages=messages.of_responses(items, body.instructions),
        answer=responses.answer_format(skill, body),
        idempotent=idempotent,
        wait_s=seconds,
    )
    if body.stream:
        return _stream(call, responses.events(call, body))
    return _whole(call, responses.response(call, body, await call.ended()))


@router.get("/models", summary="List the skills as models")
@permissions.needs("skills:read")
async def list_models(principal: PrincipalDep, session: SessionDep) -> ModelList:
    """List the skills that the caller can run, in the format of OpenAI."""
    return ModelList(data=[_model(one) for one in await _callable(session, principal)])


@router.get("/models/{model:path}", summary="Read a skill as a model")
@permissions.needs("skills:read")
async def get_model(model: str, principal: PrincipalDep, session: SessionDep) -> Model:
    """Return a skill that the caller can run, in the format of OpenAI."""
    for one in await _callable(session, principal):
        if model in (one.full_name, f"{one.skillpack.slug}/{one.skill.name}"):
            return _model(one)
    raise UnknownModel(model)


async def _callable(session: Any, principal: Principal) -> list[ActiveSkill]:
    allowlist = principal.skill_allowlist
    return [
        one
        for one in await active_skills(session, principal)
        if skill_allowlist.allows(
            allowlist, one.skillpack.slug, one.skill.name, is_default=one.skillpack.is_default
        )
    ]


def _model(one: ActiveSkill) -> Model:
    return Model(
        id=one.full_name,
        created=int(one.deployment.created_at.timestamp()),
        owned_by=one.skillpack.slug,
        description=one.skill.description,
    )


def _whole(call: Call, read: BaseModel) -> Response:
    return JSONResponse(read.model_dump(mode="json"), headers=call.headers)


def _stream(call: Call, frames: Any) -> StreamingResponse:
    permissions.while_streaming(
        call.request,
        lambda session, caller: event_access.event_cursor(session, caller, call.job_id, after=MAX_SEQ),
    )
    return streamed(frames, call)
