"""Start the jobs of the steps of a flow."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlmodel import col

from backend.core import notifications
from backend.core.clock import now
from backend.core.db.engine import AnySession
from backend.core.errors import Conflict, Invalid, PaymentRequired
from backend.core.metrics import transactional
from backend.core.metrics.instruments import EVENTS_APPENDED, JOBS_SUBMITTED
from backend.execution.events.append import as_payload
from backend.execution.events.types import QueuedEvent, SubagentStartEvent
from backend.execution.flows.state import Start
from backend.execution.jobs import guardrails, transitions
from backend.execution.jobs.subjobs import approvals, inputs
from backend.execution.jobs.subjobs.subagents import ABOVE, MAX_DEPTH, TooDeep
from backend.execution.jobs.subjobs.target import Callee, resolve_callee, resolve_step
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal, visible
from backend.money.budgets import usage as budgets
from backend.money.pricing import PriceList
from backend.skills.job_limits import JobLimits

_DEPTH = text(f"{ABOVE} select max(depth) from above")  # noqa: S608 - the interpolated value is a constant
_HAS_LANE = text("select :lane = any(lanes) from admissions where project_id = :project_id")


class FlowNotRunning(Conflict):
    """The attempt of the flow is not the running one any more."""

    code = "job_not_running"
    message = "The flow is not running any more, or runs in another worker."


class FlowCapReached(PaymentRequired):
    """Nothing is left of the maximum cost of the flow."""

    code = "cost_capped"
    message = (
        "The steps of the flow can cost as much as the flow may. Raise `limits.cost_usd` in its skill.yaml, or lower "
        "it in those of the skills that it runs."
    )


async def start_child(
    session: AsyncSession, prices: PriceList, principal: Principal, start: Start, *, share: int
) -> UUID | None:
    """Put the job of a step into the queue, once, and return its ID; None if it has to wait for the money of others.

    Args:
        session: The transaction of the attempt, which has locked the row of the flow.
        prices: The prices of the instance.
        principal: The running job of the flow.
        start: What to start.
        share: The number of jobs among which the flow shares what it may still cost.

    Raises:
        FlowNotRunning: The attempt is not the running one any more.
        Missing: The skill or the version does not exist.
        Invalid: The inputs are not valid, a guardrail blocks them, or the skill runs in a lane that the project may not
            use.
        TooDeep: The chain of calls has the maximum length.
        PaymentRequired: A budget or the cap of the flow is used up.
    """
    caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
    if caller is None:
        raise FlowNotRunning
    step = start.step
    if step.kind == "skill":
        callee = await resolve_callee(session, principal, caller, step.skill, version=step.version)
    else:
        callee = await resolve_step(session, caller, step.id)
    checked = await inputs.check(caller, callee, start.inputs, start.prompt)
    lane, depth = await _lane(session, caller, callee), await _depth(session, caller)
    await budgets.check(
        session,
        project_id=caller.project_id,
        skillpack_id=callee.skillpack_id,
        skill_name=callee.skill.name,
        api_key_id=caller.api_key_id,
        environment=caller.environment,
        caller=budgets.Caller(caller.skillpack_id, caller.skill_name),
    )
    new_id = child_id(caller.id, step.id, start.item, start.tries)
    approval = await approvals.approval_of(
        session, principal, caller, callee, version=step.version, step=0, tool_use_id=""
    )
    values = _values(prices, principal, caller, callee, start, child_id=new_id, lane=lane, depth=depth)
    more = {
        "inputs": json.dumps(checked.inputs),
        "prompt": checked.prompt,
        "approval": approval,
        "share": share,
    }
    row = await transitions.submit_step(session, {**values, **more})
    if row is None:
        raise FlowNotRunning
    if row.event_seq is None and row.is_unpaid:
        if row.is_shared and start.tries == 1:
            return None  # an ended job of the step would requeue the flow immediately, so a repetition cannot wait
        raise FlowCapReached
    if row.event_seq is not None:
        notifications.note(session, notifications.EventNotification(caller.id, row.event_seq))
        transactional.note(session, JOBS_SUBMITTED.labels(lane))
        transactional.note(session, EVENTS_APPENDED, 2)
        await guardrails.record_decisions(session, caller.project_id, new_id, checked.events)
    return new_id


def child_id(job_id: UUID, step: str, item: int, tries: int) -> UUID:
    """Return the ID of a job of a step: each number of tries has one, so that it is started once."""
    return uuid5(job_id, f"{step}/{item}/{tries}")


def _values(
    prices: PriceList,
    principal: Principal,
    caller: Job,
    callee: Callee,
    start: Start,
    *,
    child_id: UUID,
    lane: str,
    depth: int,
) -> dict[str, Any]:
    label = start.step.title or start.step.id
    if start.item >= 0:
        label = f"{label} [{start.item}]"
    skill = callee.skill
    queued = QueuedEvent(skill=skill.name, version=callee.version, source="flow")
    started = SubagentStartEvent(label=label, job_id=str(child_id), skill=skill.name, depth=depth)
    return {
        "id": child_id,
        "project_id": caller.project_id,
        "parent_id": caller.id,
        "attempt": int(principal.facts["attempt"]),
        "skillpack_id": callee.skillpack_id,
        "deployment_id": callee.deployment_id,
        "version": callee.version,
        "skill_name": skill.name,
        "type": skill.type,
        "model": callee.model,
        "lane": lane,
        "not_before": now() + timedelta(seconds=start.delay_s) if start.delay_s else None,
        "cap_micros": prices.cap_micros(skill, JobLimits()),
        "who": principal.label,
        "event": as_payload(queued),
        "start": as_payload(started),
        "metadata": json.dumps({"label": label}),
        "agent_source": approvals.AGENT_SOURCE,
    }


async def _lane(session: AnySession, caller: Job, callee: Callee) -> str:
    lane = callee.skill.lane or caller.lane
    if lane != caller.lane:
        values = {"project_id": caller.project_id, "lane": lane}
        if not (await session.execute(_HAS_LANE, values)).scalar_one():
            raise Invalid(
                f"The skill {callee.skill.name!r} runs in the lane {lane!r}, which the project may not use."
            )
    return lane


async def _depth(session: AnySession, caller: Job) -> int:
    values = {"project_id": caller.project_id, "job_id": caller.id}
    depth = int((await session.execute(_DEPTH, values)).scalar_one())
    if depth > MAX_DEPTH:
        raise TooDeep
    return depth
