"""List the steps of the job of a flow, and the elements of a step with `for_each`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from backend.core.db.engine import AnySession
from backend.core.db.paging import Page, Slice
from backend.core.errors import Invalid, Missing, Problem
from backend.execution.flows.children import child_id
from backend.execution.flows.state import NO_ITEM
from backend.execution.jobs.status import TERMINAL
from backend.execution.jobs.tables import Job
from backend.execution.steps.schemas import MAX_LISTED_RESULT_BYTES, ElementCounts, JobStepRead, StepStatus
from backend.skills.deployments.active import load_deployed_skill
from backend.skills.flows.references import steps_read_by
from backend.skills.flows.types import Flow, Step
from backend.skills.schemas.messages import spelled

_WAITS: Final = frozenset({"approval", "wait"})
"""Kinds of steps that run no job and wait for something else."""
_SHOWN_STATUS: Final = (
    "case when s.status = 'failed' and s.error_code = 'cancelled' then 'cancelled' else s.status end"
)
"""A step whose job or approval was cancelled is stored as failed, since the flow handles both in the same way."""
_COLUMNS: Final = f"""
s.step, s.item, s.kind, {_SHOWN_STATUS} as status, s.tries, s.is_copied, s.child_job_id, s.error, s.error_code,
s.started_at, s.finished_at, x.is_long, case when not x.is_long then s.result end as result, c.status as child_status,
case when c.parent_job_id = s.job_id then c.used_micros + c.called_used_micros else 0 end as used_micros,
case when s.item < 0 and json_typeof(s.result) = 'array' then json_array_length(s.result) end as length
from flow_steps s
cross join lateral (
  select coalesce(not :is_whole and (
    pg_column_size(s.result) > :max_bytes or octet_length(cast(s.result as text)) > :max_bytes
  ), false) as is_long
) x
left join jobs c on c.id = s.child_job_id and c.project_id = :project_id
where s.job_id = :job_id and s.project_id = :project_id
"""
_STEPS: Final = text(f"select {_COLUMNS} and s.item = -1")
_ELEMENTS: Final = text(f"""
select {_COLUMNS} and s.step = :step and s.item > :after
  and (cast(:statuses as text[]) is null or {_SHOWN_STATUS} = any(:statuses))
order by s.item limit :limit
""")
_COUNTS: Final = text(f"""
select s.step, {_SHOWN_STATUS} as status, count(*) as count,
       min(s.started_at) as started_at, max(s.finished_at) as finished_at,
       cast(coalesce(
         sum(c.used_micros + c.called_used_micros) filter (where c.parent_job_id = s.job_id), 0
       ) as bigint) as used_micros
from flow_steps s left join jobs c on c.id = s.child_job_id and c.project_id = :project_id
where s.job_id = :job_id and s.project_id = :project_id and s.item >= 0
group by s.step, {_SHOWN_STATUS}
""")  # noqa: S608 - the interpolated value is a constant
_REPEATED: Final = text("""
select step, item, tries from flow_steps
where job_id = :job_id and project_id = :project_id and tries > 1 and (cast(:step as text) is null or step = :step)
""")
_USED: Final = text("""
select id, used_micros + called_used_micros as used_micros from jobs
where project_id = :project_id and id = any(:ids)
""")
_FORKED: Final = text("""
select payload from job_events where job_id = :job_id and type = 'forked' and seq <= 10 and exists (
  select from jobs j where j.id = :job_id and j.project_id = :project_id
)
""")
"""The event directly follows the submission."""


class _Place(NamedTuple):
    """A step of a flow.yaml."""

    step: Step
    position: int
    parent: str | None
    block: str | None

    @property
    def shared(self) -> dict[str, Any]:
        """Return what the entries of the step and of its elements have in common."""
        return {
            "title": self.step.title,
            "position": self.position,
            "parent": self.parent,
            "block": self.block,
        }


class _Reading(NamedTuple):
    """What entries of a list share."""

    job: Job
    edited: frozenset[str]
    earlier_micros: Mapping[tuple[str, int], int]
    """What earlier jobs of repeated steps and elements have used."""


async def list_steps(
    session: AsyncSession, job: Job, *, page: Page, name: str | None = None, status: StepStatus | None = None
) -> Slice[JobStepRead]:
    """Return steps of a flow in their order, or the elements of the step `name`.

    Raises:
        Invalid: There is no step with this name.
    """
    places = await _places(session, job)
    if name is not None and places and name not in places:
        raise Invalid(
            f"The flow has no step {name!r}.", [Problem("query.step", f"Name one of: {', '.join(places)}.")]
        )
    if name is not None and name in places and places[name].step.for_each is not None:
        return await _elements(session, job, places[name], page=page, status=status)
    steps = await _steps(session, job, places, is_whole=name is not None)
    after = page.number() or 0
    shown = [
        step
        for step in steps
        if step.position > after and name in (None, step.name) and status in (None, step.status)
    ]
    return page.slice(shown[: page.limit + 1], lambda step: (step.position,))


async def _places(session: AsyncSession, job: Job) -> dict[str, _Place]:
    """Return the steps of the flow by ID; none if its deployment is deleted."""
    try:
        skill = (await load_deployed_skill(session, job.deployment_id, job.skill_name)).skill
    except Missing:
        return {}
    flow = Flow.model_validate(skill.flow)
    parents = {
        one.id: (step.id, spelled(path[:2] if len(path) > 1 else path, ""))
        for step in flow.walk()
        for path, block in step.blocks
        for one in block
    }
    return {
        step.id: _Place(step, position, *parents.get(step.id, (None, None)))
        for position, step in enumerate(flow.walk(), start=1)
    }


async def _steps(
    session: AsyncSession, job: Job, places: Mapping[str, _Place], *, is_whole: bool
) -> list[JobStepRead]:
    reading = await _reading(session, job, step=None)
    rows = {row.step: row for row in await _rows(session, job, _STEPS, is_whole=is_whole)}
    values = {"job_id": job.id, "project_id": job.project_id}
    counts: dict[str, list[Any]] = defaultdict(list)
    for row in (await session.execute(_COUNTS, values)).all():
        counts[row.step].append(row)
    if not places:
        ordered = sorted(rows.values(), key=lambda row: (row.started_at, row.step))
        return [_view(reading, row, position=number) for number, row in enumerate(ordered, start=1)]
    found: dict[str, JobStepRead] = {}
    for step_id, place in reversed(list(places.items())):  # inner steps before the ones that contain them
        inner = [one for one in found.values() if one.parent == step_id]
        found[step_id] = _step(reading, place, rows.get(step_id), counts[step_id], inner)
    return [found[step_id] for step_id in places]


def _step(
    reading: _Reading, place: _Place, row: Any, counts: Sequence[Any], inner: Sequence[JobStepRead]
) -> JobStepRead:
    """Return a step; steps with elements or inner steps have started with the first of these."""
    shared = {**place.shared, "reads": steps_read_by(place.step)}
    elements = _element_counts(reading.job, row, counts) if place.step.for_each is not None else None
    starts = [one.started_at for one in [*counts, *inner] if one.started_at is not None]
    earlier = sum(micros for (step, _), micros in reading.earlier_micros.items() if step == place.step.id)
    if row is not None:
        view = _view(reading, row, **shared)
        started_at = min([row.started_at, *starts])
        cost_micros = row.used_micros + sum(one.used_micros for one in counts) + earlier
        return view.model_copy(
            update={"started_at": started_at, "cost_micros": cost_micros, "elements": elements}
        )
    return JobStepRead(
        **shared,
        name=place.step.id,
        kind=place.step.kind or "skill",
        status=_status_without_row(reading.job, place.step, starts, elements),
        tries=0,
        result=None,
        elements=elements,
        cost_micros=sum(one.used_micros for one in counts) + earlier,
        started_at=min(starts, default=None),
        finished_at=None,
    )


def _status_without_row(
    job: Job, step: Step, starts: Sequence[datetime], elements: ElementCounts | None
) -> StepStatus:
    """Return the status of a step whose elements or inner steps may have started, but have not all ended."""
    if not starts:
        return "pending"
    if job.status not in TERMINAL:
        return "running"
    return "failed" if elements is not None and elements.failed and step.on_error == "fail" else "cancelled"


def _element_counts(job: Job, row: Any, counts: Sequence[Any]) -> ElementCounts:
    by_status = {one.status: one.count for one in counts}
    running = by_status.get("running", 0)
    is_over = job.status in TERMINAL
    return ElementCounts(
        total=None if row is None else row.length,
        running=0 if is_over else running,
        succeeded=by_status.get("succeeded", 0),
        failed=by_status.get("failed", 0),
        cancelled=by_status.get("cancelled", 0) + (running if is_over else 0),
    )


async def _elements(
    session: AsyncSession, job: Job, place: _Place, *, page: Page, status: StepStatus | None
) -> Slice[JobStepRead]:
    reading = await _reading(session, job, step=place.step.id)
    number = page.number()
    values = {
        "step": place.step.id,
        "after": NO_ITEM if number is None else number,
        "limit": page.limit + 1,
        "statuses": None if status is None else _statuses_in_rows(job, status),
    }
    rows = await _rows(session, job, _ELEMENTS, is_whole=False, **values)
    views = [_view(reading, row, **place.shared, item=row.item) for row in rows]
    return page.slice(views, lambda view: (view.item,))


def _statuses_in_rows(job: Job, status: StepStatus) -> list[str]:
    """Return the statuses of rows, as `_SHOWN_STATUS` gives them, that are shown as `status`."""
    is_over = job.status in TERMINAL  # then an element that was running is shown as cancelled
    if status == "running":
        return [] if is_over else ["running"]
    return ["cancelled", "running"] if status == "cancelled" and is_over else [status]


async def _rows(session: AnySession, job: Job, query: Any, *, is_whole: bool, **values: Any) -> Sequence[Any]:
    shared = {"job_id": job.id, "project_id": job.project_id}
    more = {"is_whole": is_whole, "max_bytes": MAX_LISTED_RESULT_BYTES}
    return (await session.execute(query, {**shared, **more, **values})).all()


async def _reading(session: AnySession, job: Job, *, step: str | None) -> _Reading:
    values = {"job_id": job.id, "project_id": job.project_id}
    edited: frozenset[str] = frozenset()
    if job.source == "fork":
        payload = (await session.execute(_FORKED, values)).scalar_one_or_none()
        edited = frozenset(str(edit.get("step")) for edit in (payload or {}).get("edits") or ())
    repeated = (await session.execute(_REPEATED, {**values, "step": step})).all()
    places = {
        child_id(job.id, row.step, row.item, tries): (row.step, row.item)
        for row in repeated
        for tries in range(1, row.tries)
    }
    earlier: dict[tuple[str, int], int] = defaultdict(int)
    if places:
        used = (await session.execute(_USED, {"project_id": job.project_id, "ids": list(places)})).all()
        for one in used:
            earlier[places[one.id]] += one.used_micros
    return _Reading(job, edited, earlier)


def _view(reading: _Reading, row: Any, *, position: int, **more: Any) -> JobStepRead:
    job = reading.job
    is_edited = row.item == NO_ITEM and row.step in reading.edited
    return JobStepRead(
        **more,
        name=row.step,
        kind=row.kind,
        position=position,
        status=_status(job, row),
        tries=row.tries,
        is_copied=row.is_copied and not is_edited,
        is_edited=is_edited,
        result=row.result,
        has_long_result=row.is_long,
        error=row.error,
        error_code=row.error_code,
        child_job_id=row.child_job_id,
        child_status=row.child_status,
        cost_micros=row.used_micros + reading.earlier_micros.get((row.step, row.item), 0),
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


def _status(job: Job, row: Any) -> StepStatus:
    if row.status != "running":
        status: StepStatus = row.status
        return status
    if job.status in TERMINAL:
        return "cancelled"
    return "waiting" if row.kind in _WAITS else "running"
