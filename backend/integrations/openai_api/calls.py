"""Submit the job of a request, wait for its end, and cancel it when the client has disconnected."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from fastapi import Request

from backend.context import AppContext
from backend.core.background_tasks import log_and_continue
from backend.core.errors import PurasError
from backend.execution.jobs import cancel as cancellation
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.schemas import JobCreate, JobRead
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.submit import JobSpec, check_name
from backend.execution.jobs.submit_once import submit_once
from backend.execution.jobs.wait import Wait, read_when_ended
from backend.execution.sessions import inputs
from backend.execution.sessions.messages import Message
from backend.identity.auth.principal import Principal
from backend.identity.idempotency.dependencies import REPLAYED_HEADER, IdempotentRequest
from backend.integrations.openai_api.answers import Answer
from backend.integrations.openai_api.chat_schemas import SkillCall
from backend.integrations.openai_api.errors import ModelJobTimeout, error_of
from backend.skills.deployments.active import resolve_skill
from backend.skills.manifest.types import Skill

SOURCE: Final = "openai"
"""The `source` of the jobs."""
JOB_HEADER: Final = "X-Puras-Job-Id"
MAX_WAIT_S: Final = 590
"""Maximum time until a response that is not streamed: less than the 600 seconds after which the SDKs time out."""
_cancellations: set[asyncio.Task[None]] = set()
"""References to running tasks, which the event loop alone would not keep."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose job is submitted."""

    context: AppContext
    principal: Principal
    request: Request
    body: SkillCall
    answer: Answer
    job_id: UUID
    is_replayed: bool
    """The job is that of an earlier request with the same `Idempotency-Key`."""
    has_key: bool
    """The request has an `Idempotency-Key`, so its client can repeat it."""
    wait_s: float | None
    """Maximum seconds until the end of the response; none: a stream lasts as long as its job."""

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers of the response."""
        replayed = {REPLAYED_HEADER: "true"} if self.is_replayed else {}
        return {JOB_HEADER: str(self.job_id), **replayed}

    async def ended(self) -> JobRead:
        """Return the job when it has succeeded.

        Raises:
            ModelJobFailed: It has failed.
            ModelJobCancelled: It was canceled.
            ModelJobTimeout: It has not ended in time.
        """
        wait = Wait(MAX_WAIT_S if self.wait_s is None else self.wait_s, self.request.scope)
        waiting = asyncio.create_task(read_when_ended(self.context, self.principal, self.job_id, wait))
        leaving = asyncio.create_task(_disconnected(self.request))
        try:
            await asyncio.wait({waiting, leaving}, return_when=asyncio.FIRST_COMPLETED)
            job = await waiting if waiting.done() else None
        finally:
            waiting.cancel()
            leaving.cancel()
        if job is None or job.status not in TERMINAL:
            self.abandon()
        error = self.error_of(job)
        if job is None or error is not None:
            raise error or JobNotFound(self.job_id)
        return job

    def error_of(self, job: JobRead | None) -> PurasError | None:
        """Return why a job has no answer; without a job, or with one that has not ended, the wait is over."""
        if job is not None and job.status in TERMINAL:
            return error_of(job)
        outcome = ", and continues" if self.has_key else ", and is canceled"
        waited_s = MAX_WAIT_S if self.wait_s is None else self.wait_s
        return ModelJobTimeout(self.job_id, round(waited_s, 3), outcome)

    def abandon(self) -> None:
        """Cancel the job, since its client does not wait any longer, unless the client can ask for it again."""
        if self.has_key:
            return
        task = asyncio.create_task(self._cancel())
        _cancellations.add(task)
        task.add_done_callback(_cancellations.discard)

    async def _cancel(self) -> None:
        with log_and_continue("cancel an abandoned job", job_id=str(self.job_id)):
            async with self.context.database.transaction() as session:
                await cancellation.cancel_by(session, self.job_id, actor=self.principal.label)


async def find_skill(context: AppContext, principal: Principal, name: str) -> Skill:
    """Return the skill that `model` names, as a job would run it.

    Raises:
        NotAllowed: The key may not run it.
        Missing: There is no such skill.
    """
    check_name(principal, name, None)
    async with context.database.reading() as session:
        return (await resolve_skill(session, principal, skill=name, is_for_run=True)).skill


async def submit_call(
    context: AppContext,
    principal: Principal,
    request: Request,
    body: SkillCall,
    *,
    messages: Sequence[Message],
    answer: Answer,
    idempotent: IdempotentRequest,
    wait_s: float | None,
) -> Call:
    """Submit the job of a request, or find the job of an earlier request with the same `Idempotency-Key`.

    Raises:
        ConversationInvalid: The messages do not fit the skill.
        PurasError: See `submit`.
    """
    filled = inputs.fill(answer.skill, messages, body.inputs, accepts_text=not answer.is_json)
    metadata: dict[str, Any] = dict(body.metadata or {})
    spec = JobSpec(
        JobCreate(skill=body.model, inputs=filled.inputs, source=SOURCE, metadata=metadata),
        turn=replace(filled.turn, trusts_replies=principal.kind != "publishable_key")
        if answer.skill.is_agentic
        else None,
    ).within(context.settings)
    job_id = await submit_once(context, principal, spec, idempotent)
    return Call(
        context,
        principal,
        request,
        body,
        answer,
        job_id,
        is_replayed=job_id != spec.job_id,
        has_key=idempotent.key is not None,
        wait_s=wait_s,
    )


async def _disconnected(request: Request) -> None:
    """Return when the client has disconnected. The body of the request was received before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
