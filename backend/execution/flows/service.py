"""Read and write the stored steps of a flow, fenced by the attempt of its job."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.clock import now
from backend.core.db.engine import AnySession, Database
from backend.core.errors import NotAllowed, PurasError
from backend.core.jsonb import storable
from backend.execution.approvals.types import FLOW_STEP
from backend.execution.events.append import NewEvent, append
from backend.execution.events.types import ApprovalRequiredEvent
from backend.execution.flows import pause_store
from backend.execution.flows.advance import advance
from backend.execution.flows.children import FlowNotRunning, start_child
from backend.execution.flows.pauses import result_of
from backend.execution.flows.state import (
    NO_ITEM,
    Ask,
    ChildEnd,
    Decision,
    Emit,
    End,
    Pause,
    Plan,
    Rows,
    Start,
    StoredPause,
    StoredStep,
)
from backend.execution.jobs.cancel import cancel_by
from backend.execution.jobs.tables import SIMULATED
from backend.execution.waits import project_events
from backend.identity.auth.principal import Principal, Role
from backend.identity.auth.scopes import OF_JOBS
from backend.identity.environments import Environment
from backend.money import admission
from backend.money.pricing import PriceList
from backend.skills.flows.types import Flow

MAX_SHOWN_BYTES: Final = 65_536
"""Maximum size of the data that an approval shows, as JSON."""
_OF_LISTING: Final = "The code of a listing cannot send or receive events of the project."
_UNASKED: Final = "A run of the assistant's copy cannot ask users for an approval."
_OF_TRIAL: Final = "A run of the assistant's copy cannot send or receive events of the project."

_LOCK = text("""
select publisher_id is not null as is_listing from jobs
where id = :job_id and project_id = :project_id and attempt = :attempt and status = 'running' for update
""")
_READ = text("""
select s.step, s.item, s.status, s.tries, s.child_job_id, s.error, s.error_code, s.finished_at, s.is_copied,
       s.item < 0 or s.step = any(:needed) as has_result,
       case when s.item < 0 or s.step = any(:needed) then s.result end as result,
       c.status as child_status, c.result as child_result, c.error as child_error, c.error_code as child_code,
       a.status as decision, a.reason, a.decided_by, a.form, w.job_id is not null as has_pause,
       coalesce(w.wake_at <= clock_timestamp(), w.kind = 'time') as is_over, w.event_seq is not null as has_event
from flow_steps s
left join jobs c on s.status = 'running' and c.id = s.child_job_id and c.finished_at is not null
left join approvals a on s.status = 'running' and s.kind = 'approval' and a.job_id = s.job_id
  and a.project_id = :project_id and a.tool = s.step and a.status <> 'pending'
left join job_waits w on s.status = 'running' and w.job_id = s.job_id and w.project_id = :project_id
  and w.key = s.step || ':' || s.item
where s.job_id = :job_id and s.project_id = :project_id and (s.item < 0 or not exists (
  select from flow_steps d
  where d.project_id = :project_id and d.job_id = s.job_id and d.step = s.step and d.item = -1
))
""")
"""Elements of a step that has ended are not read: the step has their results. A time limit without `wake_at` was
noticed before."""
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
                       decided_by, created_at, expires_at, form_schema, reviewers)
values (:id, :project_id, :job_id, :step, 1, :tool, :tool, cast(:input as json), :effect, 'pending', '', '',
        clock_timestamp(), :expires_at, cast(:form_schema as json), cast(:reviewers as jsonb))
on conflict (job_id, step, place) do nothing
""")
_HAS_SIMULATED = text("""
select exists (
  select from flow_steps s join jobs c on c.id = s.child_job_id and c.project_id = s.project_id
  where s.job_id = :job_id and s.project_id = :project_id and c.usage ->> 'label' = :label
)
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
    environment: Environment
    attempt: int
    skill_name: str
    inputs: Mapping[str, Any]
    approval_timeout_s: float
    is_trial: bool = False
    """No user has read its code."""

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


async def advance_stored(database: Database, prices: PriceList, running: RunningFlow) -> Plan:
    """Advance a flow as far as it can, and store each pass over its steps in a transaction of its own.

    Returns:
        The plan of the last pass.

    Raises:
        FlowNotRunning: The attempt is not the running one any more. Nothing is stored then.
    """
    is_settled = False
    while not is_settled:
        async with database.transaction() as session:
            values = {"job_id": running.job_id, "project_id": running.project_id, "attempt": running.attempt}
            job = (await session.execute(_LOCK, values)).one_or_none()
            if job is None:
                raise FlowNotRunning
            plan, is_settled = await _advance(session, prices, running, is_listing=job.is_listing)
        for job_id in plan.stops:
            async with database.transaction() as session:
                actor = "the failure of another step" if plan.is_failing else "the time limit of its step"
                await cancel_by(session, job_id, actor=actor)
    return plan


async def _advance(
    session: AsyncSession, prices: PriceList, running: RunningFlow, *, is_listing: bool
) -> tuple[Plan, bool]:
    """Store one pass over the steps; return its plan, and whether another pass would add nothing."""
    key = {"job_id": running.job_id, "project_id": running.project_id}
    rows, plan = await _plan(session, running)
    stored = [*map(_row_of_end, plan.ends)]
    if plan.is_failing:
        await session.execute(_CANCEL_APPROVALS, key)
        await pause_store.delete_all(session, running.project_id, running.job_id)
    started: list[dict[str, Any]] = []
    is_settled = False
    if plan.emits:  # one in each transaction, since two could lock types of events in different orders
        stored.append(await _send(session, running, plan.emits[0], is_listing=is_listing))
    else:
        waiting, is_settled = await _wait(session, running, plan.pauses, is_listing=is_listing)
        stored += waiting
        started = await _start_all(session, prices, running, plan.starts)
        asked = [await _ask(session, running, ask) for ask in plan.asks]
        is_settled = is_settled and all(row["status"] == "running" for row in (*started, *asked))
        stored += [*started, *asked]
    if stored:
        await session.execute(_STORE, {**key, "rows": storable(stored)})
    if plan.expired:
        await pause_store.expire(session, running.project_id, running.job_id, plan.expired)
    if any(row.pause is not None for row in rows.values()) or plan.pauses:
        await pause_store.delete_ended(session, running.project_id, running.job_id)
    if started:
        await admission.admit(session, running.project_id)
    if plan.has_ended:
        plan.has_simulated_steps = bool(await session.scalar(_HAS_SIMULATED, {**key, "label": SIMULATED}))
    return plan, is_settled or plan.has_ended


async def _send(
    session: AsyncSession, running: RunningFlow, emit: Emit, *, is_listing: bool
) -> dict[str, Any]:
    """Send the event of a step, and return the row of the step."""
    step = emit.step
    if rejected := _rejection(running, is_listing=is_listing):
        return _row(step.id, NO_ITEM, step.kind, "failed", error=rejected, error_code=NotAllowed.code)
    try:
        sent = await project_events.send(
            session,
            project_id=running.project_id,
            environment=running.environment,
            event_id=emit.id,
            event_type=emit.type,
            data=emit.data,
            sent_by=running.principal.label,
        )
    except PurasError as error:
        return _row(step.id, NO_ITEM, step.kind, "failed", error=error.detail, error_code=error.code)
    return _row(step.id, NO_ITEM, step.kind, "succeeded", result={"id": sent.id})


def _rejection(running: RunningFlow, *, is_listing: bool) -> str | None:
    """Return why the flow has no access to the events of the project; None if it has."""
    if is_listing:
        return _OF_LISTING
    return _OF_TRIAL if running.is_trial else None


async def _wait(
    session: AsyncSession, running: RunningFlow, pauses: Sequence[Pause], *, is_listing: bool
) -> tuple[list[dict[str, Any]], bool]:
    """Register waits; return the rows of their steps, and whether all of them have to wait."""
    rows: list[dict[str, Any]] = []
    is_settled = True
    rejected = _rejection(running, is_listing=is_listing)
    await pause_store.lock_types(session, running.project_id, pauses)
    for pause in pauses:
        step = pause.step
        if rejected and pause.event_type is not None:
            row = _row(step.id, NO_ITEM, step.kind, "failed", error=rejected, error_code=NotAllowed.code)
            has_more = False
        else:
            event, has_more = await pause_store.settle(session, running.project_id, running.job_id, pause)
            if event is None:
                row = _row(step.id, NO_ITEM, step.kind, "running")
            else:
                row = _row(step.id, NO_ITEM, step.kind, "succeeded", result=result_of(step, event))
        is_settled = is_settled and row["status"] == "running" and not has_more
        rows.append(row)
    return rows, is_settled


async def _start_all(
    session: AsyncSession, prices: PriceList, running: RunningFlow, starts: Sequence[Start]
) -> list[dict[str, Any]]:
    """Start jobs of steps, and return the rows of the steps."""
    rows: list[dict[str, Any]] = []
    for index, start in enumerate(starts):
        row = await _start(session, prices, running, start, share=len(starts) - index)
        if row is not None:
            rows.append(row)
            if row["status"] == "running":
                await pause_store.limit_time(session, running.project_id, running.job_id, start)
    return rows


async def _plan(session: AnySession, running: RunningFlow) -> tuple[Rows, Plan]:
    job = {"id": str(running.job_id), "skill": running.skill_name}
    needed: set[str] = set()
    while True:
        rows = await _read(session, running, needed)
        plan = advance(running.flow, inputs=running.inputs, job=job, rows=rows)
        if plan.needed <= needed:
            return rows, plan
        needed |= plan.needed


async def _read(session: AnySession, running: RunningFlow, needed: Collection[str]) -> Rows:
    values = {"job_id": running.job_id, "project_id": running.project_id, "needed": list(needed)}
    return {(row.step, row.item): _stored(row) for row in (await session.execute(_READ, values)).all()}


def _stored(row: Any) -> StoredStep:
    child = decision = pause = None
    if row.child_status is not None:
        child = ChildEnd(row.child_status, row.child_result, row.child_error, row.child_code)
    if row.decision is not None:
        decision = Decision(row.decision, row.reason, row.decided_by, row.form)
    if row.has_pause:
        pause = StoredPause(row.is_over, row.has_event)
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
        pause=pause,
        finished_at=row.finished_at,
        is_copied=row.is_copied,
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


async def _ask(session: AsyncSession, running: RunningFlow, ask: Ask) -> dict[str, Any]:
    """Request an approval with its event, and return the row of the step."""
    if running.is_trial:
        return _row(ask.step.id, NO_ITEM, ask.step.kind, "failed", error=_UNASKED, error_code=NotAllowed.code)
    approval = ask.step.approval
    expires_after_s = (approval and approval.expires_after_s) or running.approval_timeout_s
    approval_id, expires_at = uuid4(), now() + timedelta(seconds=expires_after_s)
    shown = {"message": ask.message, **_shown_data(ask.show)}
    values = {
        "id": approval_id,
        "project_id": running.project_id,
        "job_id": running.job_id,
        "step": ask.position,
        "tool": ask.step.id,
        "input": json.dumps(shown),
        "effect": FLOW_STEP,
        "form_schema": None if approval is None or approval.form is None else json.dumps(approval.form),
        "reviewers": json.dumps(ask.reviewers),
        "expires_at": expires_at,
    }
    await session.execute(_ASK, values)
    required = ApprovalRequiredEvent(
        approval_id=str(approval_id),
        step=ask.position,
        tool=ask.step.id,
        tool_use_id=ask.step.id,
        expires_at=expires_at.isoformat(),
        input=shown,
    )
    await append(session, job_id=running.job_id, attempt=running.attempt, events=[NewEvent(required)])
    return _row(ask.step.id, NO_ITEM, "approval", "running")


def _shown_data(data: Any) -> dict[str, Any]:
    """Return the data that the reviewer sees; of long data only the size, since the steps of the flow contain them."""
    if data is None:
        return {}
    size = len(json.dumps(data).encode())
    return {"show": data} if size <= MAX_SHOWN_BYTES else {"show_bytes": size}


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
