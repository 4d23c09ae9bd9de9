"""The dialog that creates cases from recent jobs of the skill."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import reflex as rx

from backend.core import ids
from backend.core.db.paging import Page
from backend.core.errors import PurasError
from backend.evals import cases as saved_cases
from backend.evals.case_of_job import EVAL
from backend.evals.schemas import CaseCreate
from backend.execution.jobs.queries import JobFilter, list_jobs
from backend.execution.jobs.schemas import JobRead
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.components.elements import button, note
from studio.components.jobs import Modal
from studio.components.live import Check
from studio.pages.evals.cases import Cases, short
from studio.pages.evals.state import Evals
from studio.session import Act
from studio.shell import Shell
from studio.typing_of_reflex import AsyncUpdates, as_var

LAST_JOBS: Final = 20
_MAX_EXAMINED: Final = 200


@dataclass
class JobChoice:
    """A job that can become a case."""

    id: str
    short_id: str
    inputs: str
    result: str


class FromJobs(rx.State):
    """The dialog."""

    is_open: bool = False
    is_loaded: bool = False
    is_busy: bool = False
    jobs: list[JobChoice] = []
    picked: list[str] = []
    failures: list[str] = []

    @rx.event
    async def open(self) -> AsyncUpdates:
        """Open the dialog with the jobs of the skill that are not cases yet."""
        self.reset()
        self.is_open = True
        yield
        async with session.acting(self, self.project) as act:
            found = await self._fresh(act)
        self.jobs = [
            JobChoice(str(one.id), ids.short(one.id), short(one.inputs), short(one.result)) for one in found
        ]
        self.picked = [one.id for one in self.jobs]
        self.is_loaded = True

    @rx.event
    def close(self) -> None:
        """Close the dialog."""
        self.is_open = False

    @rx.event
    def toggle(self, job_id: str) -> None:
        """Select a job, or deselect it."""
        is_picked = job_id in self.picked
        self.picked = [one for one in self.picked if one != job_id] if is_picked else [*self.picked, job_id]

    @rx.event
    async def create(self) -> AsyncUpdates:
        """Create a case from each selected job."""
        if self.is_busy or not self.picked:
            return
        self.is_busy, failures = True, []
        yield
        for job_id in self.picked:
            try:
                async with session.acting(self, self.project) as act:
                    vault = session.context().vault
                    await saved_cases.save(
                        act.session, act.principal, UUID(job_id), CaseCreate(), vault=vault
                    )
            except PurasError as error:
                failures.append(f"{ids.short(UUID(job_id))}: {error.detail}")
        self.is_busy, self.failures, self.is_open = False, failures, bool(failures)
        yield [Evals.reread, Cases.refresh]

    async def _fresh(self, act: Act) -> list[JobRead]:
        evals = await self.get_state(Evals)
        pack = await skillpacks.get(act.session, act.principal, evals.slug)
        saved = await saved_cases.list_some(
            act.session,
            act.principal,
            Page(saved_cases.MAX_SAVED),
            skillpack=str(pack.id),
            skill=evals.skill.name,
        )
        known = {one.source_job_id for one in saved.items}
        filters = JobFilter(status="succeeded", skill=evals.skill.name)
        jobs = await list_jobs(act.session, act.principal, filters=filters, limit=_MAX_EXAMINED)
        # Jobs of suites are cases already.
        return [
            one for one in jobs if one.skillpack_id == pack.id and one.source != EVAL and one.id not in known
        ][:LAST_JOBS]


def from_jobs() -> rx.Component:
    """Render the button and its dialog."""
    return rx.cond(
        Shell.can_write & ~Evals.is_reading,
        rx.fragment(
            rx.cond(
                Evals.has_cases,
                button("Create cases from jobs…", on_click=FromJobs.open),
                button(f"Create cases from the last {LAST_JOBS} jobs…", kind="pri", on_click=FromJobs.open),
            ),
            rx.cond(FromJobs.is_open, _dialog()),
        ),
    )


def _dialog() -> rx.Component:
    count = as_var(FromJobs.picked).length()
    return Modal.create(
        rx.el.form(
            rx.el.h2("Create cases from recent jobs of ", Evals.skill.name),
            rx.el.p(
                "Select jobs with correct results. The result of a job becomes the expected output of its case. "
                "Values of secrets are redacted.",
                class_name="t2",
            ),
            rx.cond(~FromJobs.is_loaded, rx.el.p("Loading jobs…", class_name="t3")),
            rx.cond(
                FromJobs.is_loaded & (as_var(FromJobs.jobs).length() == 0),
                rx.el.p(
                    "There are no succeeded jobs that are not cases yet. Run the skill first.",
                    class_name="t2",
                ),
            ),
            rx.cond(
                as_var(FromJobs.jobs).length() > 0,
                rx.el.ul(
                    rx.foreach(FromJobs.jobs, _job), class_name="picked", tab_index=0, aria_label="Jobs"
                ),
            ),
            rx.cond(
                as_var(FromJobs.failures).length() > 0,
                note(rx.foreach(FromJobs.failures, lambda one: rx.el.p(one)), state="fail"),
            ),
            rx.el.div(
                button("Cancel", on_click=FromJobs.close),
                rx.el.button(
                    rx.cond(
                        FromJobs.is_busy,
                        "Creating…",
                        rx.cond(count == 1, "Create 1 case", f"Create {count} cases"),
                    ),
                    type="submit",
                    class_name="btn pri",
                    disabled=FromJobs.is_busy | (count == 0),
                ),
                class_name="acts",
            ),
            on_submit=lambda _: FromJobs.create(),
            class_name="in-dlg",
        ),
        label="Create cases from jobs",
        broad=True,
        on_close=FromJobs.close,
    )


def _job(job: rx.Var[JobChoice]) -> rx.Component:
    return rx.el.li(
        rx.el.label(
            Check.create(
                checked=as_var(FromJobs.picked).contains(job.id),
                label="Job " + job.short_id,
                on_change=FromJobs.toggle(job.id),
            ),
            rx.el.span(job.short_id, class_name="mono t3"),
            rx.el.span(job.inputs, class_name="mono cut", title=job.inputs),
            rx.el.span("→", aria_hidden="true"),
            rx.el.span(job.result, class_name="mono cut t2", title=job.result),
            class_name="check",
        ),
        key=job.id,
    )
