"""Submit the subjobs that a running job calls, once per key, and wait for their end."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlmodel import col

from backend.context import AppContext
from backend.core import notifications
from backend.core.db.engine import AnySession
from backend.core.errors import Conflict, Invalid, NotAllowed, Problem, PurasError
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_SUBMITTED
from backend.execution.events.append import as_payload
from backend.execution.events.types import OMITTED, QueuedEvent, SubagentStartEvent
from backend.execution.jobs import guardrails, transitions
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.subjobs import approvals, inputs
from backend.execution.jobs.subjobs.target import Callee, resolve_callee, resolve_stored
from backend.execution.jobs.tables import Job
from backend.execution.jobs.until_ended import until_ended
from backend.identity.auth.principal import Principal, Role, visible
from backend.money.budgets import usage as budgets
from backend.money.pricing import PriceList
from backend.skills.job_limits import JobLimits

MAX_DEPTH: Final = 5
MAX_LIVE: Final = 32
"""Unfinished subjobs of one job."""


class TooDeep(Conflict):
    """The chain of jobs that call each other exceeds its maximum depth."""

    code = "subagents_too_deep"
    message = (
        "Calls of skills can be nested {limit} levels deep, and this call would exceed the limit. Do the "
        "work without the call."
    )
    limit: int = MAX_DEPTH


class CallerNotRunning(Conflict):
    """The calling job is not running."""

    code = "job_not_running"
    former_code = "job_moved_on"
    message = (
        "The job that makes this call is not running any more, or runs in another worker. Stop this attempt."
    )


class TooManyChildren(Conflict):
    """The job waits for the maximum number of subjobs."""

    code = "too_many_subagents"
    message = "This job has {limit} subjobs that have not ended, the maximum. Wait for some of them first."
    limit: int = MAX_LIVE


@dataclass(frozen=True, slots=True)
class SubagentCall:
    """A call that a running job makes."""

    target: str | None
    """`skill`, `skillpack/skill`, the short name of a subskill of the caller, or a text file of its folder such as
    `references/check.md`; None: there is a prompt."""
    key: str
    """Identifies the call. A second request with the same key returns the same job."""
    inputs: dict[str, Any] = field(default_factory=dict)
    version: int | None = None
    """None: the deployment of the caller if it has the skill, otherwise the active version."""
    prompt: str | None = None
    """The task of an agent without a skill."""
    label: str = ""
    """A short description of the call; empty: the name of the skill."""
    tool_use_id: str = ""
    """ID of the tool call, if an agent makes the call."""
    share: int = 1
    """The number of concurrent calls. Each may cost an equal part of what is left, so that none waits for another."""
    step: int = 0
    """Number of the reply in which the model requests the call; 0: code makes it."""
    deployment_id: UUID | None = None
    """Run a skill of exactly this deployment, which the caller has stored."""


ABOVE: Final = """
with recursive above as (
  select id, parent_job_id, 1 as depth from jobs where project_id = :project_id and id = :job_id
  union all
  select j.id, j.parent_job_id, a.depth + 1 from jobs j join above a on j.id = a.parent_job_id where a.depth < 20
)
"""
"""The job `:job_id` and the jobs that have called it, with their `depth` from 1."""
_DEPTH = text(f"""{ABOVE}
select max(depth), (
  select count(*) from jobs c
  where c.project_id = :project_id and c.parent_job_id = :job_id and c.finished_at is null
) from above
""")  # noqa: S608 - the interpolated value is a constant


async def call(context: AppContext, principal: Principal, request: SubagentCall) -> UUID:
    """Submit the job of a call unless it exists, and return its ID.

    Raises:
        NotAllowed: The principal is not a running job, or its model calls a skill that the key does not
            allow.
        CallerNotRunning: The calling job does not run any more.
        Missing: The skill or the version does not exist.
        Invalid: The inputs are not valid, the call does not have exactly one of target and prompt, or the
            skill runs in another lane.
        TooDeep: The chain of calls has the maximum length.
        TooManyChildren: Too many calls of the job have not ended.
        PaymentRequired: A budget is used up.
    """
    if principal.kind != "job":
        raise NotAllowed("Only a running job can call skills with this route. Submit a job: POST /v1/jobs.")
    principal.require(Role.DEVELOPER, "jobs:submit")
    if (request.target is None) == (request.prompt is None):
        raise Invalid(
            "A call runs a skill or a prompt. Send exactly one of them.",
            [Problem("target", "Send either `target` or `prompt`")],
        )
    async with context.database.transaction() as session:
        caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
        if caller is None:
            raise CallerNotRunning
        child_id = uuid5(caller.id, request.key)
        callee = await _callee_of(session, principal, caller, request)
        depth = await _check(session, caller, callee)
        approval = await approvals.approval_of(
            session,
            principal,
            caller,
            callee,
            version=request.version,
            step=request.step,
            tool_use_id=request.tool_use_id,
        )
        await _insert(
            session,
            context,
            principal,
            caller,
            callee,
            child_id=child_id,
            request=request,
            depth=depth,
            approval=approval,
        )
    return child_id


async def _callee_of(session: AnySession, principal: Principal, caller: Job, request: SubagentCall) -> Callee:
    if request.deployment_id is not None:
        return await resolve_stored(session, caller, request.target or "", request.deployment_id)
    return await resolve_callee(
        session, principal, caller, request.target, version=request.version, is_by_model=request.step > 0
    )


async def needs_approval(
    context: AppContext, principal: Principal, target: str | None, *, version: int | None = None
) -> bool:
    """Return whether an agent may make this call only with an approval; False if there is nothing to call."""
    async with context.database.transaction() as session:
        caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
        if caller is None:
            return False
        try:
            callee = await resolve_callee(
                session, principal, caller, target, version=version, is_by_model=True
            )
        except PurasError:  # the call itself reports why
            return False
        return await approvals.is_confirmed(session, principal, caller, callee, version=version)


async def wait_for_end(
    context: AppContext, principal: Principal, job_id: UUID, *, within_s: float
) -> JobRead:
    """Return the called job when it has ended, or after `within_s` seconds."""
    with context.wakeups.subscribe(job_id, only_end=True) as subscription:
        return await until_ended(context, principal, job_id, subscription, within_s=within_s)


async def _check(session: AnySession, caller: Job, callee: Callee) -> int:
    """Check the limits on calls and return the depth of this one: 1 if the caller has no parent."""
    lane = callee.skill.lane or caller.lane
    if lane != caller.lane:
        raise Invalid(
            f"The skill {callee.skill.name!r} runs in the lane {lane!r}, and its caller in {caller.lane!r}. "
            "A subjob runs in the lane of its caller. Use the same lane for both, or submit a separate job."
        )
    depth, live = (
        await session.execute(_DEPTH, {"project_id": caller.project_id, "job_id": caller.id})
    ).one()
    if depth > MAX_DEPTH:
        raise TooDeep
    if live >= MAX_LIVE:
        raise TooManyChildren
    await budgets.check(
        session,
        project_id=caller.project_id,
        skillpack_id=callee.skillpack_id,
        skill_name=callee.skill.name,
        api_key_id=caller.api_key_id,
        environment=caller.environment,
        caller=budgets.Caller(caller.skillpack_id, caller.skill_name),
    )
    return int(depth)


async def _insert(
    session: AnySession,
    context: AppContext,
    principal: Principal,
    caller: Job,
    callee: Callee,
    *,
    child_id: UUID,
    request: SubagentCall,
    depth: int,
    approval: approvals.Approval,
) -> None:
    checked = await inputs.check(caller, callee, request.inputs, request.prompt)
    queued = QueuedEvent(skill=callee.skill.name, version=callee.version, source="subagent")
    details = (
        ("tool_use_id",) if caller.publisher_id else ("label", "tool_use_id")
    )  # the texts of a publisher are private to it
    call_details = {name: value for name in details if (value := getattr(request, name))}
    start = SubagentStartEvent(
        label=call_details.get("label", callee.skill.name),
        job_id=str(child_id),
        skill=callee.skill.name,
        depth=depth,
        tool_use_id=call_details.get("tool_use_id", OMITTED),
        durable_step=principal.facts.get("durable_step") or OMITTED,
    )
    values = {
        "id": child_id,
        "project_id": caller.project_id,
        "parent_id": caller.id,
        "attempt": int(principal.facts["attempt"]),
        "skillpack_id": callee.skillpack_id,
        "deployment_id": callee.deployment_id,
        "version": callee.version,
        "skill_name": callee.skill.name,
        "type": callee.skill.type,
        "model": callee.model,
        "prompt": checked.prompt,
        "inputs": json.dumps(checked.inputs),
        "share": request.share,
        "cap_micros": PriceList.of(context.settings).cap_micros(callee.skill, JobLimits()),
        "who": principal.label,
        "event": as_payload(queued),
        "start": as_payload(start),
        "metadata": json.dumps(call_details),
        "approval": approval,
        "agent_source": approvals.AGENT_SOURCE,
    }
    row = await transitions.submit_subjob(session, values)
    if row is None:
        raise CallerNotRunning
    notifications.note(session, notifications.SubjobWakeup(caller.id))
    if row.event_seq is not None:  # the job is new
        notifications.note(session, notifications.EventNotification(caller.id, row.event_seq))
        transactional.note(session, JOBS_SUBMITTED.labels(row.lane))
        transactional.note(session, EVENTS_APPENDED, 2)
        await guardrails.record_decisions(session, caller.project_id, child_id, checked.events)
