"""Fork the job of a flow: a new job that starts with stored results of steps, and runs the other steps.

Copied rows of `flow_steps` keep their times, which are before the creation of the new job, and their jobs.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.errors import Invalid, Missing, Problem
from backend.core.jsonb import storable
from backend.execution.events.append import NewEvent, append_to_queued
from backend.execution.events.types import OMITTED, ForkedEvent
from backend.execution.jobs.forks.edits import Edit
from backend.execution.jobs.forks.replay import replay_spec
from backend.execution.jobs.forks.schemas import ForkCreate
from backend.execution.jobs.submit import submit
from backend.execution.jobs.tables import Job
from backend.identity.auth.principal import Principal
from backend.marketplace.errors import ContentOwnedByPublisher
from backend.money.pricing import PriceList
from backend.skills.deployments.active import load_deployed_skill, resolve_skill
from backend.skills.deployments.errors import DeploymentNotFound
from backend.skills.flows.types import Flow, Step

MAX_EDITED_RESULT_BYTES: Final = 4 << 20
"""Maximum size of a replaced result, as JSON. The body of the request can have twice as many bytes."""
_BLOCKS: Final = frozenset({"switch", "parallel"})
_CANCELLED: Final = "cancelled"
_STORED: Final = text("""
select s.step, s.kind from flow_steps s
where s.job_id = :job_id and s.project_id = :project_id and s.item = -1 and s.status in ('succeeded', 'skipped')
  and not exists (
    select from flow_steps u
    where u.job_id = s.job_id and u.project_id = :project_id and u.step = s.step and u.item < -1
  )
""")
"""A step that was undone has to run again."""
_FAILED: Final = text("""
select s.step, bool_and(s.error_code = :cancelled) as is_cancelled from flow_steps s
where s.job_id = :job_id and s.project_id = :project_id and s.status = 'failed' and s.item >= -1 and not exists (
  select from flow_steps d
  where d.job_id = s.job_id and d.project_id = :project_id and d.step = s.step and d.item = -1
    and d.status = 'succeeded'
)
group by s.step
""")
"""Failed elements do not fail a step with `on_error: continue`. Steps that the flow has cancelled are not the cause."""
_COPY: Final = text("""
insert into flow_steps (job_id, step, item, project_id, kind, status, tries, child_job_id, result, is_copied,
                        started_at, finished_at)
select :job_id, s.step, s.item, s.project_id, s.kind, s.status, 0, s.child_job_id, s.result, true,
       least(s.started_at, (
         select min(e.started_at) from flow_steps e
         where e.job_id = s.job_id and e.project_id = :project_id and e.step = s.step and e.item >= 0 and s.item < 0
       )), s.finished_at
from flow_steps s
where s.job_id = :from_job_id and s.project_id = :project_id and (
  s.item = -1 and s.step = any(:steps) and s.status in ('succeeded', 'skipped')
  or s.item >= 0 and s.step = :elements_of and s.status = 'succeeded' and not exists (
    select from flow_steps u
    where u.job_id = s.job_id and u.project_id = :project_id and u.step = s.step and u.item < -1
  )
)
""")
_EDIT: Final = text("""
insert into flow_steps (job_id, step, item, project_id, kind, status, tries, result, is_copied, started_at,
                        finished_at)
select :job_id, e.step, -1, :project_id, e.kind, 'succeeded', 0, e.result, true, clock_timestamp(), clock_timestamp()
from json_to_recordset(cast(:edits as json)) as e(step text, kind text, result json)
""")


async def fork_flow(
    session: AsyncSession,
    principal: Principal,
    job: Job,
    body: ForkCreate,
    *,
    prices: PriceList,
    max_queued: int,
) -> UUID:
    """Create a job of the same flow that starts with the stored results of the steps before one of them.

    Raises:
        ContentOwnedByPublisher: The flow is that of a listing.
        Missing: The skill has no such version.
        Invalid: The step does not exist, an edit is not possible, or the inputs are not valid.
    """
    if job.publisher_id is not None:
        raise ContentOwnedByPublisher(job.id, job.listing)
    if body.model is not None:
        raise Invalid(
            "A flow has no model of its own.",
            [Problem("model", "Leave it out: its steps name their models.")],
        )
    before = await _flow_of_job(session, job)
    flow = before if body.version is None else await _flow_of_version(session, principal, job, body.version)
    if flow is None:
        raise DeploymentNotFound(str(job.deployment_id))
    values = {"job_id": job.id, "project_id": job.project_id}
    stored = {row.step: row.kind for row in (await session.execute(_STORED, values)).all()}
    failed = (await session.execute(_FAILED, {**values, "cancelled": _CANCELLED})).all()
    first = _first_step(flow, body, {row.step: row.is_cancelled for row in failed})
    kept = _kept(flow, before, stored, first, body)
    if body.keep_elements:
        _check_elements(flow, before, first, body)
    edits = _checked_edits(flow, first, body.edits)
    spec = await replay_spec(session, principal, job.id, version=body.version, prices=prices)
    overrides = {} if body.inputs is None else {"inputs": body.inputs}
    request = spec.request.model_copy(update={**overrides, "source": "fork"})
    submitted = await submit(session, principal, replace(spec, request=request, max_queued=max_queued))
    copied = {
        "job_id": submitted.job_id,
        "from_job_id": job.id,
        "project_id": job.project_id,
        "steps": sorted(kept - {str(edit.step) for edit in body.edits}),
        "elements_of": first if body.keep_elements else None,
    }
    await session.execute(_COPY, copied)
    if edits:
        await session.execute(_EDIT, {**values, "job_id": submitted.job_id, "edits": storable(edits)})
    forked = ForkedEvent(
        from_job_id=str(job.id),
        from_step=len(kept | {str(edit.step) for edit in body.edits}),
        first_step=first,
        inputs=body.inputs is not None or OMITTED,
        version=body.version or OMITTED,
        edits=[{"what": "result", "step": edit.step} for edit in body.edits] or OMITTED,
    )
    await append_to_queued(session, job_id=submitted.job_id, events=[NewEvent(forked)])
    return submitted.job_id


def running_again(steps: Sequence[Step], first: str) -> set[str] | None:
    """Return the IDs of the steps that run again if a flow starts at the step `first`; None if there is no such step.

    These are the step itself, the ones that contain it, and all that follow these. Steps of other branches of a
    `parallel` do not follow it.
    """
    for index, step in enumerate(steps):
        inner = (running_again(block, first) for _, block in step.blocks)
        again = _ids([step]) if step.id == first else next((one for one in inner if one is not None), None)
        if again is not None:
            return {step.id} | again | _ids(steps[index + 1 :])
    return None


def _ids(steps: Iterable[Step]) -> set[str]:
    return {one.id for step in steps for one in Flow(steps=(step,)).walk()}


async def _flow_of_job(session: AsyncSession, job: Job) -> Flow | None:
    """Return the flow that the job runs; None if its deployment is deleted."""
    try:
        skill = (await load_deployed_skill(session, job.deployment_id, job.skill_name)).skill
    except Missing:
        return None
    return Flow.model_validate(skill.flow)


async def _flow_of_version(session: AsyncSession, principal: Principal, job: Job, version: int) -> Flow:
    resolved = await resolve_skill(
        session, principal, skill=job.skill_name, skillpack=str(job.skillpack_id), version=version
    )
    if not resolved.skill.is_flow:
        raise Invalid(
            f"In version {version}, the skill is not a flow.",
            [Problem("version", "Name a version in which the skill is a flow.")],
        )
    return Flow.model_validate(resolved.skill.flow)


def _first_step(flow: Flow, body: ForkCreate, failed: dict[str, bool]) -> str:
    """Return the ID of the first step that runs again; `failed` has the failed ones, and which were cancelled."""
    ids = [step.id for step in flow.walk()]
    if isinstance(body.step, str) and body.step in ids:
        return body.step
    advice = f"Name one of: {', '.join(ids)}."
    if body.step is not None:
        raise Invalid(f"The flow has no step {body.step!r}.", [Problem("step", advice)])
    ordered = sorted(
        (step for step in failed if step in ids), key=lambda step: (failed[step], ids.index(step))
    )
    if ordered:
        return ordered[0]
    if failed:
        raise _gone(failed, "step")
    raise Invalid(
        "No step of the job has failed, so the first step to run must be named.", [Problem("step", advice)]
    )


def _kept(flow: Flow, before: Flow | None, stored: dict[str, str], first: str, body: ForkCreate) -> set[str]:
    """Return the steps whose stored results are copied.

    A decision about an approval holds for the data that it was made for. So it is copied only if nothing has changed:
    otherwise a fork could pass other data through the approval.
    """
    again = running_again(flow.steps, first) or set()
    steps = {step.id: step for step in flow.walk()}
    steps_before = {} if before is None else {step.id: step for step in before.walk()}
    again_before = set() if before is None else running_again(before.steps, first) or set()
    gone = stored.keys() - steps.keys() - again_before
    if gone:
        raise _gone(gone, "version")
    kept = stored.keys() - again
    changed = {
        step
        for step in kept
        if stored[step] != steps[step].kind
        or (step in steps_before and _is_loop(steps_before[step]) != _is_loop(steps[step]))
    }
    if changed:
        raise Invalid(
            f"In that version, these steps do something else: {_listed(changed)}.",
            [Problem("version", "Fork from an earlier step, or use the version of the job.")],
        )
    has_changes = body.inputs is not None or bool(body.edits)
    return {
        step
        for step in kept
        if stored[step] != "approval" or (not has_changes and steps[step] == steps_before.get(step))
    }


def _check_elements(flow: Flow, before: Flow | None, first: str, body: ForkCreate) -> None:
    """Reject changes after which the elements may be other ones than those with stored results."""
    is_same = before is not None and _for_each(before, first) == _for_each(flow, first)
    if is_same and body.inputs is None and not body.edits:
        return
    why = "the step has another 'for_each' in that version" if not is_same else "the data have changed"
    raise Invalid(
        f"The elements of the step {first!r} cannot be kept, since {why}.",
        [Problem("keep_elements", "Leave it out: all elements then run again.")],
    )


def _checked_edits(flow: Flow, first: str, edits: Sequence[Edit]) -> list[dict[str, Any]]:
    """Return the rows of the replaced results."""
    again = running_again(flow.steps, first) or set()
    steps = {step.id: step for step in flow.walk()}
    rows: dict[str, dict[str, Any]] = {}
    for index, edit in enumerate(edits):
        if not isinstance(edit.step, str):
            raise _invalid_edit(
                index, "An edit of a flow is {step, result}, where 'step' is the ID of the step."
            )
        step = steps.get(edit.step)
        if step is None:
            raise _invalid_edit(
                index, f"The flow has no step {edit.step!r}. Name one of: {', '.join(steps)}."
            )
        if step.id in again:
            raise _invalid_edit(
                index, f"The step {step.id!r} runs again. Only results of steps before it can change."
            )
        if step.id in rows:
            raise _invalid_edit(index, "Two edits change the same step. Remove one of them.")
        if step.kind == "approval":
            raise _invalid_edit(
                index,
                f"The step {step.id!r} is an approval. Only a reviewer decides about it, in the new job.",
            )
        if step.kind in _BLOCKS:
            raise _invalid_edit(
                index, f"The step {step.id!r} has no result of its own. Change a step inside of it."
            )
        rows[step.id] = {"step": step.id, "kind": step.kind, "result": _checked_result(index, edit.result)}
    return list(rows.values())


def _checked_result(index: int, result: Any) -> Any:
    try:
        size = len(storable(result).encode())
    except (ValueError, RecursionError) as error:
        raise _invalid_edit(
            index, "The result is not JSON: it contains NaN or infinity.", "result"
        ) from error
    if size > MAX_EDITED_RESULT_BYTES:
        most = f"{MAX_EDITED_RESULT_BYTES >> 20} MiB"
        raise _invalid_edit(
            index, f"The result has {size:,} bytes as JSON; at most {most} are allowed.", "result"
        )
    return result


def _is_loop(step: Step) -> bool:
    return step.for_each is not None


def _for_each(flow: Flow, step_id: str) -> Any:
    return next((step.for_each for step in flow.walk() if step.id == step_id), None)


def _gone(steps: Collection[str], field: str) -> Invalid:
    return Invalid(
        f"The flow no longer has these steps of the job: {_listed(steps)}.",
        [Problem(field, "Fork from an earlier step, or use the version of the job.")],
    )


def _listed(steps: Collection[str]) -> str:
    return ", ".join(sorted(steps))


def _invalid_edit(index: int, message: str, key: str = "step") -> Invalid:
    return Invalid(message, [Problem(f"edits[{index}].{key}", message)])
