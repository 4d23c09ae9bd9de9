"""A job calls a skill: as a job of its own, once per key, whose end it waits for."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid5

from sqlalchemy import text
from sqlmodel import col

from backend import queue
from backend.auth.principal import Principal, Role, visible
from backend.bundles.manifest import Skill
from backend.connections import AWAY
from backend.db import AnySession
from backend.deployments import manifests
from backend.deployments.active import resolve_skill
from backend.errors import Conflict, Invalid, NotAllowed
from backend.events.follow import REREAD_S
from backend.instance import Instance
from backend.jobs import queries
from backend.jobs.schemas import JobLimits, JobView
from backend.jobs.status import TERMINAL
from backend.jobs.tables import Job
from backend.ledger.budgets import standing as budgets
from backend.metrics import committed
from backend.metrics.instruments import EVENTS_APPENDED, JOBS_SUBMITTED

MOST_DEPTH: Final = 5
MOST_LIVE: Final = 32
"""Children of one job that have not ended."""


class TooDeep(Conflict):
    """A job called a job, which called a job, and so on, too often."""

    code = "subagents_too_deep"

    def __init__(self) -> None:
        super().__init__(
            f"Skills may call each other {MOST_DEPTH} deep, and this call would be one deeper. Do the work here.",
            limit=MOST_DEPTH,
        )


class CallerGone(Conflict):
    """The job that calls does not run any more."""

    code = "job_moved_on"

    def __init__(self) -> None:
        super().__init__("The job that makes this call does not run any more, or runs elsewhere. Stop here.")


class TooManyChildren(Conflict):
    """The job waits for many others already."""

    code = "too_many_subagents"

    def __init__(self) -> None:
        super().__init__(
            f"{MOST_LIVE} skills that this job has called have not ended. Wait for some of them first.",
            limit=MOST_LIVE,
        )


@dataclass(frozen=True, slots=True)
class SubagentCall:
    """What a running job asks for."""

    target: str
    """`skill`, `skillpack/skill`, or a subskill of the caller's by its short name."""
    key: str
    """The same key is the same call: a second time joins the first."""
    inputs: dict[str, Any] = field(default_factory=dict)
    version: int | None = None
    """None: the caller's own deployment where it has the skill, else the active one."""


class Callee(NamedTuple):
    """The skill that is called, and the version that runs it."""

    skill: Skill
    skillpack_id: UUID
    deployment_id: UUID
    version: int | None


_DEPTH = text("""
with recursive above as (
  select id, parent_job_id, 1 as depth from jobs where project_id = :project_id and id = :job_id
  union all
  select j.id, j.parent_job_id, a.depth + 1 from jobs j join above a on j.id = a.parent_job_id where a.depth < 20
)
select max(depth), (select count(*) from jobs c where c.parent_job_id = :job_id and c.finished_at is null) from above
""")

_INSERT = text("""
with parent as (
  select * from jobs where project_id = :project_id and id = :parent_id and attempt = :attempt and status = 'running'
  for update
), child as (
  insert into jobs (id, project_id, skillpack_id, deployment_id, deployment_version, skill_name, type, parent_job_id,
                    status, inputs, lane, priority, source, metadata, limits, cap_micros, forgivable_micros, event_seq,
                    submitted_by, api_key_id, request_id, traceparent, created_at)
  select :id, p.project_id, :skillpack_id, :deployment_id, cast(:version as int), :skill_name, :type, p.id, 'queued',
         cast(:inputs as json), p.lane, p.priority, 'subagent', '{}', '{}', :cap_micros, p.forgivable_micros, 1,
         cast(:who as text), p.api_key_id, p.request_id, p.traceparent, clock_timestamp()
  from parent p
  on conflict (id) do nothing
  returning id, created_at
), event as (
  insert into job_events (job_id, seq, ts, type, payload)
  select id, 1, created_at, 'queued', cast(:event as jsonb) from child
)
select p.lane, exists (select from child) as is_new from parent p
""")


async def call(instance: Instance, principal: Principal, asked: SubagentCall) -> UUID:
    """Make the call a job, unless it is one already; gives the job's id.

    Raises:
        NotAllowed: who asks is no running job.
        CallerGone: it does not run any more.
        Missing: there is no such skill or version.
        Invalid: the inputs do not fit, or the skill runs in another lane.
        TooDeep: the chain of calls is as long as it may be.
        TooManyChildren: too many calls have not ended.
        PaymentRequired: a budget is used up.
    """
    if principal.kind != "job":
        raise NotAllowed("Only a running job calls skills this way. Submit a job: POST /v1/jobs.")
    principal.require(Role.DEVELOPER, "jobs:submit")
    async with instance.database.transaction() as session:
        caller: Job | None = await session.scalar(visible(Job, principal).where(col(Job.id) == principal.id))
        if caller is None:
            raise CallerGone
        child_id = uuid5(caller.id, asked.key)
        callee = await callee_of(session, principal, caller, asked.target, version=asked.version)
        await _check(session, caller, callee)
        await _insert(session, instance, principal, caller, callee, child_id=child_id, inputs=asked.inputs)
    return child_id


async def ended(instance: Instance, principal: Principal, job_id: UUID, *, within_s: float) -> JobView:
    """The called job when it has ended, or as it stands after so many seconds."""
    deadline = time.monotonic() + within_s
    with instance.wakeups.bell(job_id, only_end=True) as bell:
        while True:
            try:
                async with instance.database.reading() as session:
                    job = await queries.get_job(session, principal, job_id)
            except AWAY:
                if time.monotonic() >= deadline:
                    raise
                await asyncio.sleep(REREAD_S)
                continue
            left_s = deadline - time.monotonic()
            if job.status in TERMINAL or left_s <= 0:
                return job
            await bell.wait(min(left_s, REREAD_S))


async def callee_of(
    session: AnySession, principal: Principal, caller: Job, target: str, *, version: int | None = None
) -> Callee:
    """The skill of that name: of the caller's own deployment, else of an active one; a version is an active line's.

    Raises:
        Missing: there is none such.
    """
    known = (await manifests.of(session, (caller.deployment_id,))).get(caller.deployment_id)
    if known is not None and version is None:
        own = known.manifest.find(f"{caller.skill_name}/{target}") or known.manifest.find(target)
        if own is not None:
            return Callee(own, caller.skillpack_id, caller.deployment_id, caller.deployment_version)
    found = await resolve_skill(session, principal, skill=target, version=version)
    return Callee(found.skill, found.skillpack_id, found.deployment_id, found.version)


async def _check(session: AnySession, caller: Job, callee: Callee) -> None:
    lane = callee.skill.lane or caller.lane
    if lane != caller.lane:
        raise Invalid(
            f"The skill {callee.skill.name!r} runs in the lane {lane!r}, and its caller in {caller.lane!r}: what a job "
            "calls runs where it does. Give both the same lane, or submit a job of its own."
        )
    depth, live = (
        await session.execute(_DEPTH, {"project_id": caller.project_id, "job_id": caller.id})
    ).one()
    if depth > MOST_DEPTH:
        raise TooDeep
    if live >= MOST_LIVE:
        raise TooManyChildren
    await budgets.check(
        session,
        project_id=caller.project_id,
        skillpack_id=callee.skillpack_id,
        skill_name=callee.skill.name,
        api_key_id=caller.api_key_id,
    )


async def _insert(
    session: AnySession,
    instance: Instance,
    principal: Principal,
    caller: Job,
    callee: Callee,
    *,
    child_id: UUID,
    inputs: dict[str, Any],
) -> None:
    checked = callee.skill.inputs.check(inputs)
    if checked.problems:
        first = checked.problems[0]
        raise Invalid(
            f"The inputs do not fit the skill {callee.skill.name!r}: {first.path}: {first.message}",
            checked.problems,
        )
    event = {"skill": callee.skill.name, "version": callee.version, "source": "subagent"}
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
        "inputs": json.dumps(checked.value),
        "cap_micros": instance.prices.cap_micros(callee.skill, JobLimits()),
        "who": principal.label,
        "event": json.dumps(event),
    }
    row = (await session.execute(_INSERT, values)).one_or_none()
    if row is None:
        raise CallerGone
    queue.note(session, queue.Ticket(row.lane))  # the caller's own worker looks after its sweeps, too
    if row.is_new:
        committed.note(session, JOBS_SUBMITTED.labels(row.lane))
        committed.note(session, EVENTS_APPENDED)
