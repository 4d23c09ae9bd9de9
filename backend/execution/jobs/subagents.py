"""A job calls a skill: as a job of its own, once per key, whose end it waits for."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlmodel import col

from backend.context import AppContext
from backend.core import notifications
from backend.core.db.connections import DatabaseUnavailable
from backend.core.db.engine import AnySession
from backend.core.errors import Conflict, Invalid, NotAllowed, Problem, PurasError
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_SUBMITTED
from backend.execution.events.append import as_payload
from backend.execution.events.follow import REREAD_S
from backend.execution.events.types import OMITTED, QueuedEvent, SubagentStartEvent
from backend.execution.jobs import approvals, queries, transitions
from backend.execution.jobs.schemas import JobRead
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.subjob_target import Callee, callee_of
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, Role, visible
from backend.money.budgets import usage as budgets
from backend.money.pricing import PriceList
from backend.skills.job_limits import JobLimits

MAX_DEPTH: Final = 5
MAX_LIVE: Final = 32
"""Children of one job that have not ended."""


class TooDeep(Conflict):
    """The chain of jobs that call each other exceeds its maximum depth."""

    code = "subagents_too_deep"
    message = "Skills may call each other {limit} deep, and this call would be one deeper. Do the work here."
    limit: int = MAX_DEPTH


class CallerNotRunning(Conflict):
    """The calling job is not running."""

    code = "job_not_running"
    former_code = "job_moved_on"
    message = "The job that makes this call does not run any more, or runs elsewhere. Stop here."


class TooManyChildren(Conflict):
    """The job waits for the maximum number of subjobs."""

    code = "too_many_subagents"
    message = "{limit} skills that this job has called have not ended. Wait for some of them first."
    limit: int = MAX_LIVE


@dataclass(frozen=True, slots=True)
class SubagentCall:
    """What a running job asks for."""

    target: str | None
    """`skill`, `skillpack/skill`, a subskill of the caller's by its short name, or a text of its folder,
    `references/check.md`; None: there is a prompt."""
    key: str
    """The same key is the same call: a second time joins the first."""
    inputs: dict[str, Any] = field(default_factory=dict)
    version: int | None = None
    """None: the caller's own deployment where it has the skill, else the active one."""
    prompt: str | None = None
    """What an agent without a skill is to do."""
    label: str = ""
    """What the call is for, in a few words; empty: the name of the skill says it."""
    tool_use_id: str = ""
    """Of an agent's call."""
    share: int = 1
    """How many calls are made at once: each may cost such a part of what is left, so that none waits for another."""
    step: int = 0
    """Of the reply in which an agent's model asks for the call; 0: the code of a function makes it."""


_DEPTH = text("""
with recursive above as (
  select id, parent_job_id, 1 as depth from jobs where project_id = :project_id and id = :job_id
  union all
  select j.id, j.parent_job_id, a.depth + 1 from jobs j join above a on j.id = a.parent_job_id where a.depth < 20
)
select max(depth), (select count(*) from jobs c where c.parent_job_id = :job_id and c.finished_at is null) from above
""")


async def call(context: AppContext, principal: Principal, asked: SubagentCall) -> UUID:
    """Make the call a job, unless it is one already; gives the job's id.

    Raises:
        NotAllowed: who asks is no running job, or its model calls a skill that it may not call for its key.
        CallerNotRunning: it does not run any more.
        Missing: there is no such skill or version.
        Invalid: the inputs do not fit, there is not exactly one of target and prompt, or the skill runs in another
            lane.
        TooDeep: the chain of calls is as long as it may be.
        TooManyChildren: too many calls have not ended.
        PaymentRequired: a budget is used up.
    """
    if principal.kind != "job":
        raise NotAllowed("Only a running job calls skills this way. Submit a job: POST /v1/jobs.")
    principal.require(Role.DEVELOPER, "jobs:submit")
    if (asked.target is None) == (asked.prompt is None):
        raise Invalid(
            "A call is of a skill or of a prompt: give exactly one of both.",
            [Problem("target", "Give either `target` or `prompt`")],
        )
    async with context.database.transaction() as session:
        caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
        if caller is None:
            raise CallerNotRunning
        child_id = uuid5(caller.id, asked.key)
        callee = await callee_of(
            session, principal, caller, asked.target, version=asked.version, is_by_model=asked.step > 0
        )
        depth = await _check(session, caller, callee)
        approval = await approvals.approval_of(
            session,
            principal,
            caller,
            callee,
            version=asked.version,
            step=asked.step,
            tool_use_id=asked.tool_use_id,
        )
        await _insert(
            session,
            context,
            principal,
            caller,
            callee,
            child_id=child_id,
            asked=asked,
            depth=depth,
            approval=approval,
        )
    return child_id


async def needs_approval(
    context: AppContext, principal: Principal, target: str | None, *, version: int | None = None
) -> bool:
    """Return whether an agent may make this call only with an approval; False if there is nothing to call."""
    async with context.database.transaction() as session:
        caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
        if caller is None:
            return False
        try:
            callee = await callee_of(session, principal, caller, target, version=version, is_by_model=True)
        except PurasError:  # the call itself reports why
            return False
        return await approvals.is_confirmed(session, principal, caller, callee, version=version)


async def ended(context: AppContext, principal: Principal, job_id: UUID, *, within_s: float) -> JobRead:
    """The called job when it has ended, or as it stands after so many seconds."""
    deadline = time.monotonic() + within_s
    with context.wakeups.bell(job_id, only_end=True) as bell:
        while True:
            try:
                async with context.database.reading() as session:
                    job = await queries.get_job(session, principal, job_id)
            except DatabaseUnavailable:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(REREAD_S)
                continue
            left_s = deadline - time.monotonic()
            if job.status in TERMINAL or left_s <= 0:
                return job
            await bell.wait(min(left_s, REREAD_S))


async def _check(session: AnySession, caller: Job, callee: Callee) -> int:
    """How deep the call is: 1 for one of a job that nobody has called."""
    lane = callee.skill.lane or caller.lane
    if lane != caller.lane:
        raise Invalid(
            f"The skill {callee.skill.name!r} runs in the lane {lane!r}, and its caller in {caller.lane!r}: what a job "
            "calls runs where it does. Give both the same lane, or submit a job of its own."
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
    asked: SubagentCall,
    depth: int,
    approval: approvals.Approval,
) -> None:
    checked = callee.skill.inputs.check(asked.inputs)
    if checked.problems:
        first = checked.problems[0]
        raise Invalid(
            f"The inputs do not fit the skill {callee.skill.name!r}: {first.path}: {first.message}",
            checked.problems,
        )
    queued = QueuedEvent(skill=callee.skill.name, version=callee.version, source="subagent")
    told = (
        ("tool_use_id",) if caller.publisher_id else ("label", "tool_use_id")
    )  # a publisher's words are its own
    call_facts = {name: value for name in told if (value := getattr(asked, name))}
    start = SubagentStartEvent(
        label=call_facts.get("label", callee.skill.name),
        job_id=str(child_id),
        skill=callee.skill.name,
        depth=depth,
        tool_use_id=call_facts.get("tool_use_id", OMITTED),
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
        "type": "agentic" if callee.skill.is_agentic else "deterministic",
        "model": callee.model,
        "prompt": asked.prompt,
        "inputs": json.dumps(checked.value),
        "share": asked.share,
        "cap_micros": PriceList.of(context.settings).cap_micros(callee.skill, JobLimits()),
        "who": principal.label,
        "event": as_payload(queued),
        "start": as_payload(start),
        "metadata": json.dumps(call_facts),
        "approval": approval,
        "agent_source": approvals.AGENT_SOURCE,
    }
    row = await transitions.submit_subjob(session, values)
    if row is None:
        raise CallerNotRunning
    notifications.note(
        session, notifications.WorkerWakeup(row.lane)
    )  # the caller's own worker looks after its sweeps, too
    if row.event_seq is not None:  # it is a new one
        notifications.note(session, notifications.EventNotification(caller.id, row.event_seq))
        transactional.note(session, JOBS_SUBMITTED.labels(row.lane))
        transactional.note(session, EVENTS_APPENDED, 2)
