"""A job that a page submits and follows: a mixin for the state of the page, and the display of the job."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

import reflex as rx
from pydantic import ValidationError

from backend.core.errors import Conflict, Invalid, Missing, PaymentRequired, PurasError
from backend.execution.jobs.queries import get_job
from backend.execution.jobs.schemas import JobCreate, JobRead
from backend.execution.jobs.submit import JobSpec, submit
from backend.money.pricing import PriceList
from studio import session
from studio.components.elements import link, note, status
from studio.components.live import Elapsed, EventList, Json, LiveCost, LiveProgress, Pulse, Tabs, Turns, Value
from studio.job_facts import JobFacts, facts_of
from studio.shell import Shell

SOURCE: Final = "studio"
_INPUTS_PREFIX: Final = "inputs."
TABS: Final = [
    {"id": "steps", "label": "Steps"},
    {"id": "result", "label": "Result"},
    {"id": "json", "label": "JSON"},
]


class Running(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """The state of a page that runs a skill; the page must have a `project`."""

    errors: dict[str, str] = {}
    """Error messages by the JSON path of the invalid input."""
    problem: str = ""
    run: JobFacts = JobFacts()
    result: dict[str, Any] = {"value": None}
    """The result of the job under the key `value`, since a state variable cannot be of an arbitrary JSON type."""
    outputs: list[dict[str, Any]] = []
    stream: str = ""
    is_busy: bool = False
    tab: str = TABS[0]["id"]

    @rx.event
    def pick_tab(self, tab: str) -> None:
        """Show a tab of the job."""
        self.tab = tab

    @rx.event
    async def turn(self, _event: str) -> None:
        """Reload the job after a change of its status."""
        await self._read_run()

    @rx.event
    async def refresh(self) -> None:
        """Reload the job, since the reason for its waiting can change without an event."""
        await self._read_run()

    async def _begin_run(self, spec: dict[str, Any], key: str) -> None:
        """Submit a job and follow it; errors appear at their fields and above the form."""
        self.errors, self.problem = {}, ""
        try:
            request = JobCreate(source=SOURCE, **spec)
            async with session.acting(self, self.project, once=key) as act:
                job_spec = JobSpec(
                    request,
                    prices=PriceList.of(session.context().settings),
                    max_queued=session.context().settings.max_queued_jobs,
                )
                submitted = await submit(act.session, act.principal, job_spec)
                job = await get_job(act.session, act.principal, submitted.job_id)
        except ValidationError as invalid:
            self.problem = "; ".join(error["msg"] for error in invalid.errors())
            return
        except (Conflict, Invalid, Missing, PaymentRequired) as refused:
            self._show_error(refused)
            return
        self.result, self.outputs = {"value": None}, []
        self._show(job)
        self.stream = f"{self.project}/{submitted.job_id}"
        self.tab = TABS[0]["id"]

    async def _read_run(self) -> None:
        if not self.is_busy:
            return
        async with session.acting(self, self.project) as act:
            job = await get_job(act.session, act.principal, UUID(self.run.id))
        self._show(job)

    def _show(self, job: JobRead) -> None:
        self.run = facts_of(job)
        self.is_busy = not self.run.is_over
        if job.status == "succeeded":
            self.result, self.outputs, self.tab = {"value": job.result}, job.outputs, "result"

    def _show_error(self, error: PurasError) -> None:
        problems = error.problems if isinstance(error, Invalid) else ()
        self.errors = {one.path.removeprefix(_INPUTS_PREFIX): one.message for one in problems}
        self.problem = error.detail


def outcome(state: Any, output_schema: Any, before: rx.Component) -> rx.Component:
    """Render the progress and the result of the job; `before` is shown until a job exists."""
    run = state.run
    return rx.cond(
        run.id != "",
        rx.fragment(
            Turns.create(src=state.stream, after=0, on_turn=state.turn, key=state.stream),
            rx.cond(run.status == "queued", Pulse.create(seconds=2, on_tick=state.refresh)),
            rx.el.div(
                status(run.status, run.reason, is_big=True),
                Elapsed.create(start=run.started_at, end=run.finished_at),
                LiveCost.create(src=state.stream, charged=run.cost, is_over=run.is_over),
                rx.el.span(class_name="grow"),
                link("Open the job", href="/p/" + Shell.project_slug + "/jobs/" + run.id),
                class_name="pane-head",
                style={"font_weight": "400", "padding": "0 16px"},
            ),
            rx.cond(
                run.simulation != "", note(run.simulation, state="wait", style={"margin": "12px 16px 0"})
            ),
            rx.cond(run.error != "", note(run.error, state="fail", style={"margin": "12px 16px 0"})),
            LiveProgress.create(src=state.stream, is_over=run.is_over, key=state.stream + "-far"),
            Tabs.create(items=TABS, current=state.tab, label="Run", on_pick=state.pick_tab),
            rx.match(
                state.tab,
                ("steps", EventList.create(src=state.stream, key=state.stream)),
                ("result", _scroller("Result", _result(state, output_schema))),
                ("json", _scroller("JSON", Json.create(value=state.result["value"]))),
                rx.fragment(),
            ),
        ),
        before,
    )


def _result(state: Any, output_schema: Any) -> rx.Component:
    return rx.cond(
        state.run.status == "succeeded",
        Value.create(
            value=state.result["value"],
            schema=output_schema,
            project=Shell.project_slug,
            outputs=state.outputs,
        ),
        rx.el.p("The result appears here when the job succeeds.", class_name="t2"),
    )


def _scroller(label: str, *children: Any) -> rx.Component:
    return rx.el.div(*children, class_name="scroll grow pad", tab_index=0, role="region", aria_label=label)
