"""`/p/{project}/play/{skill}`: try a skill; the form comes from its schema, the run is an ordinary job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import reflex as rx
from pydantic import ValidationError

from backend.errors import Invalid, Missing
from backend.jobs.queries import get_job
from backend.jobs.schemas import JobRequest, JobView
from backend.jobs.submit import JobSpec, submit
from studio import session
from studio.components.elements import link, note, status, tag
from studio.components.live import Elapsed, Json, Pulse, SchemaForm, Tabs, Timeline, Turns, Value
from studio.job_facts import JobFacts, facts_of
from studio.shell import Crumb, Shell, shell
from studio.skills import SkillView, active_skill, active_skills

SOURCE = "studio"
_INPUTS_PREFIX = "inputs."
TABS = [
    {"id": "steps", "label": "Steps"},
    {"id": "result", "label": "Result"},
    {"id": "json", "label": "JSON"},
]


class Play(rx.State):
    """The playground of one skill."""

    skill_view: SkillView = SkillView(name="")
    others: list[SkillView] = []
    inputs: dict[str, Any] = {}
    rev: int = 0
    errors: dict[str, str] = {}
    problem: str = ""
    run: JobFacts = JobFacts()
    result: dict[str, Any] = {"value": None}
    """Whatever the skill returned, under `value`: a state holds no bare JSON."""
    outputs: list[dict[str, Any]] = []
    stream: str = ""
    is_busy: bool = False
    tab: str = TABS[0]["id"]
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Show the form of the address's skill."""
        self.reset()
        try:
            async with session.acting(self, self.project) as act:
                pack = self.router.url.query_parameters.get("skillpack", "")
                self.skill_view = await active_skill(act, self.skill, pack)
                self.others = await active_skills(act)
        except Missing as missing:
            return Shell.close(missing.detail)
        self.is_loaded = True
        return None

    @rx.event
    def pick_skill(self, play: str):
        """Go to another skill's playground."""
        return rx.redirect(f"/p/{self.project}/play/{play}")

    @rx.event
    def pick_example(self, index: int):
        """Put an example's inputs into the form."""
        self.inputs = self.skill_view.examples[index].inputs
        self.rev += 1
        self.errors = {}

    @rx.event
    def pick_tab(self, tab: str):
        """Show one tab of the run."""
        self.tab = tab

    @rx.event
    async def start(self, inputs: dict[str, Any]):
        """Submit a job with these inputs and follow it."""
        self.errors, self.problem = {}, ""
        try:
            request = JobRequest(skill=self.skill_view.name, inputs=inputs, source=SOURCE)
            async with session.acting(self, self.project) as act:
                spec = JobSpec(
                    request,
                    skillpack=self.skill_view.skillpack or None,
                    prices=session.instance().prices,
                    most_queued=session.instance().settings.most_queued_jobs,
                )
                submitted = await submit(act.session, act.principal, spec)
                job = await get_job(act.session, act.principal, submitted.job_id)
        except (Invalid, ValidationError) as invalid:
            self._show_problems(invalid)
            return
        self.result, self.outputs = {"value": None}, []
        self._show(job)
        self.stream = f"/v1/jobs/{submitted.job_id}/stream?project={self.project}"
        self.tab = TABS[0]["id"]

    @rx.event
    async def turn(self, _event: str):
        """Read the run again: its state has changed."""
        await self._read_run()

    @rx.event
    async def look(self):
        """Read the run again: what it waits for may have changed without an event."""
        await self._read_run()

    async def _read_run(self) -> None:
        if not self.is_busy:
            return
        async with session.acting(self, self.project) as act:
            job = await get_job(act.session, act.principal, UUID(self.run.id))
        self._show(job)

    def _show(self, job: JobView) -> None:
        self.run = facts_of(job)
        self.is_busy = not self.run.is_over
        if job.status == "succeeded":
            self.result, self.outputs, self.tab = {"value": job.result}, job.outputs, "result"

    def _show_problems(self, invalid: Invalid | ValidationError) -> None:
        """Each problem goes to its field; those of no field are told above the form."""
        if isinstance(invalid, ValidationError):
            self.problem = "; ".join(error["msg"] for error in invalid.errors())
            return
        self.errors = {
            problem.path.removeprefix(_INPUTS_PREFIX): problem.message for problem in invalid.problems
        }
        self.problem = invalid.detail


def page() -> rx.Component:
    """The form on the left, what came of it on the right."""
    base = "/p/" + Shell.project_slug
    return shell(
        "project",
        [Crumb(Shell.project_name, base), Crumb("Skills", base), Crumb(Play.skill_view.name)],
        rx.cond(
            Play.is_loaded,
            rx.el.div(
                rx.el.section(_form(), aria_label="Inputs"),
                rx.el.section(_outcome(), aria_label="Run"),
                class_name="play",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _form() -> rx.Component:
    skill = Play.skill_view
    return rx.fragment(
        rx.el.div(
            rx.el.div(
                rx.el.h1(rx.cond(skill.title != "", skill.title, skill.name), class_name="cut grow"),
                rx.el.select(
                    rx.foreach(Play.others, lambda one: rx.el.option(one.name, value=one.play)),
                    value=skill.play,
                    on_change=Play.pick_skill,
                    aria_label="Skill",
                    class_name="in",
                    style={"max_width": "150px"},
                ),
                class_name="row",
            ),
            rx.cond(
                skill.description != "",
                rx.el.p(skill.description, class_name="t2", style={"margin_top": "4px"}),
            ),
            rx.cond(
                skill.examples.length() > 0,
                rx.el.div(
                    rx.el.span("Examples", class_name="cap"),
                    rx.foreach(
                        skill.examples,
                        lambda example, index: rx.el.button(
                            example.title,
                            type="button",
                            class_name="chip cut",
                            title=example.description,
                            on_click=Play.pick_example(index),
                        ),
                    ),
                    class_name="row wrap",
                    style={"margin_top": "10px", "gap": "6px"},
                ),
            ),
            rx.cond(Play.problem != "", note(Play.problem, state="fail", style={"margin_top": "10px"})),
            class_name="head",
            style={"border_bottom": "1px solid var(--line)"},
        ),
        SchemaForm.create(
            schema=skill.input_schema,
            value=Play.inputs,
            rev=Play.rev,
            errors=Play.errors,
            project=Shell.project_slug,
            csrf=Shell.csrf,
            busy=Play.is_busy,
            on_run=Play.start,
        ),
    )


def _outcome() -> rx.Component:
    run = Play.run
    return rx.cond(
        run.id != "",
        rx.fragment(
            Turns.create(src=Play.stream, after=0, on_turn=Play.turn, key=Play.stream),
            rx.cond(run.status == "queued", Pulse.create(seconds=2, on_beat=Play.look)),
            rx.el.div(
                status(run.status, run.reason, is_big=True),
                Elapsed.create(start=run.started_at, end=run.finished_at),
                rx.el.span(run.cost, class_name="num t2"),
                rx.el.span(class_name="grow"),
                link("Open the job", href="/p/" + Shell.project_slug + "/jobs/" + run.id),
                class_name="pane-head",
                style={"font_weight": "400", "padding": "0 16px"},
            ),
            rx.cond(run.error != "", note(run.error, state="fail", style={"margin": "12px 16px 0"})),
            Tabs.create(items=TABS, current=Play.tab, label="Run", on_pick=Play.pick_tab),
            rx.match(
                Play.tab,
                ("steps", Timeline.create(src=Play.stream, key=Play.stream)),
                ("result", _scroller("Result", _result())),
                ("json", _scroller("JSON", Json.create(value=Play.result["value"]))),
                rx.fragment(),
            ),
        ),
        rx.el.div(
            rx.icon("flask-conical", size=20, color="var(--acc-t)"),
            rx.el.p(
                "Fill the form and run the skill: what it does is shown here as it happens.", class_name="t2"
            ),
            rx.el.p(
                "The run is an ordinary job of the active version, ",
                tag(Play.skill_view.version),
                ".",
                class_name="t3",
            ),
            class_name="col",
            style={
                "margin": "auto",
                "align_items": "center",
                "gap": "6px",
                "padding": "24px",
                "text_align": "center",
            },
        ),
    )


def _result() -> rx.Component:
    return rx.cond(
        Play.run.status == "succeeded",
        Value.create(
            value=Play.result["value"],
            schema=Play.skill_view.output_schema,
            project=Shell.project_slug,
            outputs=Play.outputs,
        ),
        rx.el.p("The result is shown here as soon as the job has succeeded.", class_name="t2"),
    )


def _scroller(label: str, *children: Any) -> rx.Component:
    return rx.el.div(*children, class_name="scroll grow pad", tab_index=0, role="region", aria_label=label)
