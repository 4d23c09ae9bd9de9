"""Decide whether a job needs an approval before it starts, because of `confirm: true` in an agent's bundle.

The rule binds the effect and not the route. A skill that any agent of its bundle, or any job in the chain of
callers, declares as a confirmed tool needs an approval whenever an agent can be the reason that it starts: by
its own call, or by the code of a function that an agent has called. For an agent's own call, the approval is
requested before the call; for other calls, when the called job starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal
from uuid import UUID

from sqlalchemy import text

from backend.core.db.engine import AnySession
from backend.execution.jobs.subjobs.target import Callee
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal
from backend.skills.deployments import manifests
from backend.skills.manifest import confirmed
from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.types import Skill

Approval = Literal["none", "needed", "given"]
AGENT_SOURCE: Final = "mcp"
"""Source of jobs that an agent outside of this instance has submitted; older ones have it in place of
`started_by_agent`."""

_CHAIN: Final = text("""
with recursive chain as (
  select id, parent_job_id, skillpack_id, deployment_id, skill_name, type, source, approval, started_by_agent,
         1 as place
  from jobs
  where project_id = :project_id and id = :job_id
  union all
  select j.id, j.parent_job_id, j.skillpack_id, j.deployment_id, j.skill_name, j.type, j.source, j.approval,
         j.started_by_agent, c.place + 1
  from jobs j join chain c on j.id = c.parent_job_id where j.project_id = :project_id and c.place < 20
)
select * from chain order by place
""")
_ACTIVE: Final = text("""
select active_deployment_id from skillpacks
where project_id = :project_id and id = :skillpack_id and active_deployment_id is not null
union
select active_deployment_id from environment_versions
where project_id = :project_id and skillpack_id = :skillpack_id and environment = :environment
""")
"""The version that is active in production, and the one that is active in the environment of the caller."""
_OWN_CALL: Final = text("""
select 1 from approvals
where project_id = :project_id and job_id = :job_id and step = :step and tool_use_id = :tool_use_id
  and status = 'approved'
""")
# Calls of a reply with one that needs an approval are made in order, so the call that runs is the first without a
# result. Code that calls from inside of a tool is a part of that call.
_RUNNING_CALL: Final = text("""
select 1 from approvals a
where a.project_id = :project_id and a.job_id = :job_id and a.status = 'approved'
  and a.step = (select max(step) from journal_entries where job_id = :job_id and place = 0 and kind = 'reply')
  and not exists (
    select from journal_entries r
    where r.job_id = :job_id and r.step = a.step and r.place = a.place and r.kind = 'result'
  )
  and a.place - 1 = (
    select count(*) from journal_entries r
    where r.job_id = :job_id and r.step = a.step and r.place between 1 and a.place - 1 and r.kind = 'result'
  )
""")


async def is_confirmed(
    session: AnySession, principal: Principal, caller: Job, callee: Callee, *, version: int | None = None
) -> bool:
    """Return whether an agent may make this call only with an approval.

    `version` is the version that the caller has named, if it has named one.
    """
    return await _is_confirmed(session, principal, await _chain(session, caller), callee, version)


async def is_confirmed_in(
    session: AnySession,
    principal: Principal,
    skill: Skill,
    skillpack_id: UUID,
    deployment_id: UUID | None,
) -> bool:
    """Return whether an agent outside may start a skill only with an approval.

    It is confirmed in its bundle or in the active version of its skillpack, or its version declares less than that.
    """
    active = await _active(session, principal, skillpack_id)
    declared = await _declared_by(session, deployment_id, *active)
    return bool(skill.effects & declared or await _dropped(session, deployment_id, active))


async def approval_of(
    session: AnySession,
    principal: Principal,
    caller: Job,
    callee: Callee,
    *,
    version: int | None,
    step: int,
    tool_use_id: str,
) -> Approval:
    """Return the state of the approval with which the job of a call starts.

    `step` is the number of the reply in which the caller's model requests the call with the ID `tool_use_id`; it is 0
    if the caller's code makes the call.
    """
    values = {"project_id": caller.project_id, "job_id": caller.id, "step": step, "tool_use_id": tool_use_id}
    if step and (await session.execute(_OWN_CALL, values)).first() is not None:
        return "given"
    chain = await _chain(session, caller)
    if not await _is_confirmed(session, principal, chain, callee, version):
        return "none"
    if step:
        return "needed"
    return await _approval_of_code(session, values, chain)


async def confirmed_above(
    session: AnySession, *, project_id: UUID, job_id: UUID, skillpack_id: UUID
) -> Effects:
    """Return what the jobs above a called job, and itself, declare about its skillpack and about kernels."""
    values = {"project_id": project_id, "job_id": job_id}
    return await _declared((await session.execute(_CHAIN, values)).all(), session, skillpack_id)


async def _approval_of_code(session: AnySession, values: dict[str, Any], chain: Sequence[Any]) -> Approval:
    """Return the approval of a call by code: the approval of the call that started the function covers it."""
    for job in chain:
        if job.type == "agentic":
            is_own_tool = job.id == values["job_id"]
            if is_own_tool and (await session.execute(_RUNNING_CALL, values)).first() is not None:
                return "given"
            return "needed"
        if job.approval != "none":  # it runs, so it was approved
            return "given"
    is_by_agent = any(job.started_by_agent or job.source == AGENT_SOURCE for job in chain)
    return "needed" if is_by_agent else "none"


async def _is_confirmed(
    session: AnySession,
    principal: Principal,
    chain: Sequence[Any],
    callee: Callee,
    version: int | None,
) -> bool:
    declared = await _declared(chain, session, callee.skillpack_id) | await _declared_by(
        session, callee.deployment_id
    )
    if callee.skill.effects & declared:
        return True
    if version is None:
        return False
    # An older version that confirms less must not circumvent the newer one.
    active = await _active(session, principal, callee.skillpack_id)
    return bool(await _dropped(session, callee.deployment_id, active) - declared)


async def _chain(session: AnySession, caller: Job) -> Sequence[Any]:
    return (await session.execute(_CHAIN, {"project_id": caller.project_id, "job_id": caller.id})).all()


async def _declared(chain: Sequence[Any], session: AnySession, skillpack_id: UUID) -> Effects:
    ids = {job.deployment_id for job in chain if job.deployment_id is not None}
    manifests_by_id = await manifests.of(session, ids)
    effects = NONE
    for job in chain:
        if job.deployment_id not in manifests_by_id:
            continue
        manifest = manifests_by_id[job.deployment_id].manifest
        effects |= confirmed.of_kernel(manifest.find(job.skill_name.partition(":")[0]))
        if job.skillpack_id == skillpack_id:
            effects |= manifest.confirmed
        else:  # an MCP server is the same for every skill that names it
            effects |= {effect for effect in manifest.confirmed if effect.kind == "server"}
    return effects


async def _active(session: AnySession, principal: Principal, skillpack_id: UUID) -> Sequence[UUID]:
    values = {"project_id": principal.project_id, "skillpack_id": skillpack_id}
    found = await session.execute(_ACTIVE, values | {"environment": principal.environment})
    return [row.active_deployment_id for row in found]


async def _dropped(session: AnySession, deployment_id: UUID | None, active: Sequence[UUID]) -> Effects:
    """Return what the active versions confirm and the running version does not request approvals for."""
    others = set(active) - {deployment_id}
    if deployment_id is None or not others:
        return NONE
    found = await manifests.of(session, {deployment_id, *others})
    if deployment_id not in found:
        return NONE
    running = found[deployment_id].manifest
    dropped = (confirmed.dropped_by(running, found[one].manifest) for one in others & found.keys())
    return NONE.union(*dropped)


async def _declared_by(session: AnySession, *deployment_ids: UUID | None) -> Effects:
    found = await manifests.of(session, {one for one in deployment_ids if one is not None})
    return NONE.union(*(one.manifest.confirmed for one in found.values()))
