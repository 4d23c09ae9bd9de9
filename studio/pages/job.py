"""`/p/{project}/jobs/{job}`: one job, live."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import reflex as rx

from backend.errors import Missing
from backend.jobs.cancel import cancel
from backend.jobs.errors import JobNotFound
from backend.jobs.queries import get_job, get_row
from backend.jobs.replay import replay
from studio import session
from studio.components.elements import button, facts, identifier, link_button, note, status, tag
from studio.components.live import Ago, Confirm, Elapsed, Json, Logs, Pulse, Tabs, Timeline, Turns, Value
from studio.job_facts import JobFacts, facts_of
from studio.shell import Crumb, Shell, shell
from studio.skills import schemas_of

TABS = [
    {"id": "timeline", "label": "Timeline"},
    {"id": "logs", "label": "Logs"},
    {"id": "result", "label": "Result"},
    {"id": "inputs", "label": "Inputs"},
]


class JobPage(rx.State):
    """One job."""

    facts: JobFacts = JobFacts()
    inputs: dict[str, Any] = {}
    input_schema: dict[str, Any] = {}
    result: dict[str, Any] = {"value": None}
    """Whatever the skill returned, under `value`: a state holds no bare JSON."""
    output_schema: dict[str, Any] = {}
    outputs: list[dict[str, Any]] = []
    has_result: bool = False
    stream: str = ""
    seen: int = 0
    """Number of the newest event that the facts know of."""
    tab: str = TABS[0]["id"]
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Show the job of the address from its beginning."""
        self.reset()
        try:
            async with session.acting(self, self.project) as act:
                await self._read(act)
        except Missing as missing:
            return Shell.close(missing.detail)
        self.stream = f"/v1/jobs/{self.facts.id}/stream?project={self.project}"
        self.tab = "result" if self.facts.status == "succeeded" else TABS[0]["id"]
        self.is_loaded = True
        return None

    @rx.event
    async def look(self):
        """Read the job again: what it waits for may have changed without an event."""
        async with session.acting(self, self.project) as act:
            await self._read(act)

    @rx.event
    async def turn(self, _event: str):
        """Read the job again: its state has changed."""
        was_over = self.facts.is_over
        async with session.acting(self, self.project) as act:
            await self._read(act)
        if self.facts.status == "succeeded" and not was_over and self.tab == "timeline":
            self.tab = "result"

    @rx.event
    def pick_tab(self, tab: str):
        """Show one tab."""
        self.tab = tab

    @rx.event
    async def cancel(self):
        """End the job."""
        async with session.acting(self, self.project) as act:
            await cancel(act.session, act.principal, UUID(self.facts.id))
        async with session.acting(self, self.project) as act:
            await self._read(act)

    @rx.event
    async def replay(self):
        """Run the same inputs on the same version again, and go there."""
        async with session.acting(self, self.project) as act:
            submitted = await replay(
                act.session,
                act.principal,
                UUID(self.facts.id),
                version=None,
                prices=session.instance().prices,
                most_queued=session.instance().settings.most_queued_jobs,
            )
        return rx.redirect(f"/p/{self.project}/jobs/{submitted.job_id}")

    async def _read(self, act: session.Act) -> None:
        job_id = _job_id(self.job)
        row = await get_row(act.session, act.principal, job_id)
        job = await get_job(act.session, act.principal, job_id)
        schemas = await schemas_of(act, job.deployment_id, job.skill_name)
        self.facts, self.seen = facts_of(job), row.event_seq
        self.inputs, self.input_schema = job.inputs, schemas.inputs
        self.result, self.output_schema = {"value": job.result}, schemas.outputs
        self.outputs, self.has_result = job.outputs, job.status == "succeeded"


def _job_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise JobNotFound(text) from None


def page() -> rx.Component:
    """Head, tabs, and what the tab shows."""
    base = "/p/" + Shell.project_slug
    return shell(
        "jobs",
        [Crumb(Shell.project_name, base), Crumb("Jobs", base + "/jobs"), Crumb(JobPage.facts.id[:8])],
        rx.cond(
            JobPage.is_loaded,
            rx.fragment(
                _watch(),
                _head(),
                Tabs.create(items=TABS, current=JobPage.tab, label="Job", on_pick=JobPage.pick_tab),
                rx.el.div(
                    _tab(),
                    class_name="col grow",
                    role="tabpanel",
                    aria_label="Tab",
                    style={"min_height": "0"},
                ),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _watch() -> rx.Component:
    """What keeps the facts true: turns of the job's state, and its reason for waiting."""
    return rx.fragment(
        Turns.create(src=JobPage.stream, after=JobPage.seen, on_turn=JobPage.turn, key=JobPage.stream),
        rx.cond(JobPage.facts.status == "queued", Pulse.create(seconds=2, on_beat=JobPage.look)),
    )


def _head() -> rx.Component:
    job = JobPage.facts
    return rx.el.section(
        rx.el.div(
            rx.el.h1(job.skill, class_name="cut"),
            tag(job.version),
            status(job.status, job.reason, is_big=True),
            rx.el.div(class_name="grow"),
            _actions(),
            class_name="row wrap",
        ),
        facts(
            ("Job", identifier(job.id)),
            ("Attempt", rx.el.span(job.attempt, class_name="num")),
            ("Submitted by", rx.fragment(job.submitted_by, rx.el.span(" · " + job.source, class_name="t3"))),
            ("Submitted", Ago.create(moment=job.created_at)),
            ("Duration", _duration(job)),
            ("Cost", rx.el.span(job.cost, class_name="num")),
        ),
        rx.cond(
            job.status == "failed",
            note(
                rx.el.span(job.error_code, class_name="mono strong"),
                rx.cond(job.error_code != "", " · ", ""),
                job.error,
                state="fail",
                style={"margin_top": "12px"},
            ),
        ),
        class_name="head",
        aria_label="Job",
    )


def _duration(job: rx.Var[JobFacts]) -> rx.Component:
    running = Elapsed.create(start=job.started_at, end=job.finished_at)
    return rx.cond(job.started_at != "", running, rx.el.span("not started", class_name="t3"))


def _actions() -> rx.Component:
    job = JobPage.facts
    return rx.el.div(
        link_button(
            "Playground", href="/p/" + Shell.project_slug + "/play/" + job.skill, icon="flask-conical"
        ),
        rx.cond(
            Shell.can_write,
            rx.fragment(
                button("Replay", icon="rotate-ccw", on_click=JobPage.replay),
                rx.cond(
                    job.is_over,
                    rx.fragment(),
                    Confirm.create(
                        label="Cancel",
                        kind="danger",
                        title="Cancel this job?",
                        text="It ends within seconds, with all that it has started. What it has done stays done.",
                        confirm="Cancel the job",
                        on_confirm=JobPage.cancel,
                    ),
                ),
            ),
        ),
        class_name="row",
        style={"flex": "none", "gap": "6px"},
    )


def _tab() -> rx.Component:
    return rx.match(
        JobPage.tab,
        ("timeline", Timeline.create(src=JobPage.stream)),
        ("logs", Logs.create(src=JobPage.stream)),
        ("result", _scroller("Result", _result())),
        (
            "inputs",
            _scroller(
                "Inputs",
                Value.create(value=JobPage.inputs, schema=JobPage.input_schema, project=Shell.project_slug),
                rx.el.h2("As JSON", style={"margin": "24px 0 8px"}),
                Json.create(value=JobPage.inputs),
            ),
        ),
        rx.fragment(),
    )


def _result() -> rx.Component:
    none = rx.cond(
        JobPage.facts.is_over,
        rx.el.p("This job has no result: it did not succeed.", class_name="t2"),
        rx.el.p("The result is shown here as soon as the job has succeeded.", class_name="t2"),
    )
    shown = rx.fragment(
        Value.create(
            value=JobPage.result["value"],
            schema=JobPage.output_schema,
            project=Shell.project_slug,
            outputs=JobPage.outputs,
        ),
        rx.el.h2("As JSON", style={"margin": "24px 0 8px"}),
        Json.create(value=JobPage.result["value"]),
    )
    return rx.cond(JobPage.has_result, shown, none)


def _scroller(label: str, *children: Any) -> rx.Component:
    return rx.el.div(*children, class_name="scroll grow pad", tab_index=0, role="region", aria_label=label)
