"""Read and write the stored steps of a flow, fenced by the attempt of its job."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.db.engine import AnySession, Database
from backend.core.errors import PurasError
from backend.core.jsonb import storable
from backend.execution.flows.advance import advance
from backend.execution.flows.children import FlowNotRunning, start_child
from backend.execution.flows.state import (
    NO_ITEM,
    Ask,
    ChildEnd,
    Decision,
    End,
    Plan,
    Rows,
    Start,
    StoredStep,
)
from backend.execution.jobs.cancel import cancel_by
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.scopes import OF_JOBS
from backend.money import admission
from backend.money.pricing import PriceList
from backend.skills.flows.types import Flow

MAX_PASSES: Final = 10
"""Maximum passes of one attempt. In each but the last one, the job of a step could not be started."""

_LOCK = text("""
select id from jobs
where id = :job_id and project_id = :project_id and attempt = :attempt and status = 'running' for update
""")
_READ = text("""
select s.step, s.item, s.status, s.tries, s.child_job_id, s.error, s.error_code,
       s.item < 0 or s.step = any(:needed) as has_result,
       case when s.item < 0 or s.step = any(:needed) then s.result end as result,
       c.status as child_status, c.result as child_result, c.error as child_error, c.error_code as child_code,
       a.status as decision, a.reason, a.decided_by
from flow_steps s
left join jobs c on s.status = 'running' and c.id = s.child_job_id and c.finished_at is not null
left join approvals a on s.status = 'running' and s.kind = 'approval' and a.job_id = s.job_id
  and a.project_id = :project_id and a.tool = s.step and a.status <> 'pending'
where s.job_id = :job_id and s.project_id = :project_id and (s.item < 0 or not exists (
  select from flow_steps d
  where d.project_id = :project_id and d.job_id = s.job_id and d.step = s.step and d.item < 0
))
""")
"""Elements of a step that has ended are not read: the step has their results."""
_STORE = text("""
insert into flow_steps (job_id, step, item, project_id, kind, status, tries, child_job_id, result, error, error_code,
                        started_at, finished_at)
select :job_id, r.step, r.item, :project_id, r.kind, r.status, r.tries, r.child_job_id, r.result, r.error, r.error_code,
       clock_timestamp(), case when r.status <> 'running' then clock_timestamp() end
from json_to_recordset(cast(:rows as json)) as r(step text, item int, kind text, status text, tries int,
                                                  child_job_id uuid, result json, error text, error_code text)
on conflict (job_id, step, item) do update
set status = excluded.status, tries = greatest(flow_steps.tries, excluded.tries),
    child_job_id = coalesce(excluded.child_job_id, flow_steps.child_job_id), result = excluded.result,
    error = excluded.error, error_code = excluded.error_code, finished_at = excluded.finished_at
where flow_steps.status = 'running'
""")
_ASK = text("""
insert into approvals (id, project_id, job_id, step, place, tool, tool_use_id, input, effect, status, reason,
                       decided_by, created_at, expires_at)
values (:id, :project_id, :job_id, :step, 1, :tool, :tool, cast(:input as json), '', 'pending', '', '',
        clock_timestamp(), :expires_at)
on conflict (job_id, step, place) do nothing
""")
_CANCEL_APPROVALS = text("""
update approvals set status = 'cancelled', decided_at = clock_timestamp()
where job_id = :job_id and project_id = :project_id and status = 'pending'
""")


@dataclass(frozen=True, slots=True)
class RunningFlow:
    """A running attempt of the job of a flow."""

    flow: Flow
    job_id: UUID
    project_id: UUID
    attempt: int
    skill_name: str
    inputs: Mapping[str, Any]
    approval_timeout_s: float

    @property
    def principal(self) -> Principal:
        """Return the job as the principal that starts the jobs of steps."""
        return Principal(
            kind="job",
            id=self.job_id,
            project_id=self.project_id,
            label=f"job:{self.job_id}",
            role=Role.DEVELOPER,
            scopes=OF_JOBS,
            facts={"attempt": self.attempt},
        )


@dataclass(frozen=True, slots=True)
class RequestedApproval:
    """An approval that an attempt has requested."""

    id: UUID
    ask: Ask
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Advanced:
    """What an attempt has stored."""

    plan: Plan
    """Its last plan."""
    approvals: Sequence[RequestedApproval]


async def advance_stored(database: Database, prices: PriceList, running: RunningFlow) -> Advanced:
    """Advance a flow as far as it can, and store all of it in one transaction.

    Raises:
        FlowNotRunning: The attempt is not the running one any more. Nothing is stored then.
    """
    async with database.transaction() as session:
        values = {"job_id": running.job_id, "project_id": running.project_id, "attempt": running.attempt}
        if (await session.execute(_LOCK, values)).first() is None:
            raise FlowNotRunning
        advanced = await _advance(session, prices, running)
    for job_id in advanced.plan.stops:
        async with database.transaction() as session:
            await cancel_by(session, job_id, actor="the failure of another step")
    return advanced


async def _advance(session: AsyncSession, prices: PriceList, running: RunningFlow) -> Advanced:
    """Repeat the plan until no job of a step has failed to start, and store it."""
    values = {"job_id": running.job_id, "project_id": running.project_id}
    approvals: list[RequestedApproval] = []
    has_started = False
    for _ in range(MAX_PASSES):
        plan = await _plan(session, running)
        started = [
            row
            for index, start in enumerate(plan.starts)
            if (row := await _start(session, prices, running, start, share=len(plan.starts) - index))
        ]
        has_started = has_started or bool(started)
        asked = [await _ask(session, running, ask) for ask in plan.asks]
        approvals += asked
        rows = [*map(_row_of_end, plan.ends), *started]
        rows += [_row(one.ask.step.id, NO_ITEM, "approval", "running") for one in asked]
        if rows:
            await session.execute(_STORE, {**values, "rows": storable(rows)})
        if plan.has_ended or all(row["status"] == "running" for row in started):
            break
    if plan.failure is not None:
        await session.execute(_CANCEL_APPROVALS, values)
    if has_started:
        await admission.admit(session, running.project_id)
    return Advanced(plan, approvals)


async def _plan(session: AnySession, running: RunningFlow) -> Plan:
    job = {"id": str(running.job_id), "skill": running.skill_name}
    needed: set[str] = set()
    while True:
        rows = await _read(session, running, needed)
        plan = advance(running.flow, inputs=running.inputs, job=job, rows=rows)
        if plan.needed <= needed:
            return plan
        needed |= plan.needed


async def _read(session: AnySession, running: RunningFlow, needed: Collection[str]) -> Rows:
    values = {"job_id": running.job_id, "project_id": running.project_id, "needed": list(needed)}
    return {(row.step, row.item): _stored(row) for row in (await session.execute(_READ, values)).all()}


def _stored(row: Any) -> StoredStep:
    child = decision = None
    if row.child_status is not None:
        child = ChildEnd(row.child_status, row.child_result, row.child_error, row.child_code)
    if row.decision is not None:
        decision = Decision(row.decision, row.reason, row.decided_by)
    return StoredStep(
        step=row.step,
        item=row.item,
        status=row.status,
        tries=row.tries,
        child_job_id=row.child_job_id,
        result=row.result,
        has_result=row.has_result,
        error=row.error,
        error_code=row.error_code,
        child=child,
        decision=decision,
    )


async def _start(
    session: AsyncSession, prices: PriceList, running: RunningFlow, start: Start, *, share: int
) -> dict[str, Any] | None:
    """Start the job of a step, and return the row of the step; that of a failure if it cannot be started.

    Return None if it has to wait for the end of another job of the flow.
    """
    step = start.step
    try:
        async with session.begin_nested():
            child_id = await start_child(session, prices, running.principal, start, share=share)
    except FlowNotRunning:
        raise
    except PurasError as error:
        return _row(step.id, start.item, step.kind, "failed", error=error.detail, error_code=error.code)
    if child_id is None:
        return None
    return _row(step.id, start.item, step.kind, "running", tries=start.tries, child_job_id=str(child_id))


async def _ask(session: AnySession, running: RunningFlow, ask: Ask) -> RequestedApproval:
    approval = ask.step.approval
    expires_after_s = (approval and approval.expires_after_s) or running.approval_timeout_s
    requested = RequestedApproval(uuid4(), ask, now() + timedelta(seconds=expires_after_s))
    values = {
        "id": requested.id,
        "project_id": running.project_id,
        "job_id": running.job_id,
        "step": ask.position,
        "tool": ask.step.id,
        "input": json.dumps({"message": ask.message}),
        "expires_at": requested.expires_at,
    }
    await session.execute(_ASK, values)
    return requested


def _row_of_end(end: End) -> dict[str, Any]:
    return _row(
        end.step.id,
        end.item,
        end.step.kind,
        end.status,
        result=end.result,
        error=end.error,
        error_code=end.error_code,
    )


def _row(step: str, item: int, kind: str | None, status: str, **more: Any) -> dict[str, Any]:
    defaults = {"tries": 0, "child_job_id": None, "result": None, "error": None, "error_code": None}
    return {"step": step, "item": item, "kind": kind, "status": status, **defaults, **more}
