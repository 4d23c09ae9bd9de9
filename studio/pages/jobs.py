"""`/p/{project}/jobs`: the live list of the jobs of a project.

The list is in `assets/ui/jobs`, which uses the public REST API.
"""

from __future__ import annotations

import reflex as rx

from backend.execution.jobs.queries import JobFilter, list_jobs
from studio import session
from studio.components.elements import empty, link_button
from studio.components.live import JobList, Pulse
from studio.components.snippets import from_code
from studio.first_snippets import of_run
from studio.shell import Crumb, Shell, shell
from studio.skills import active_skills

REFRESH_S = 2.0


class Jobs(rx.State):
    """Whether the project has jobs, and code snippets that submit the first one."""

    has_jobs: bool = False
    has_skills: bool = False
    is_loaded: bool = False
    texts: dict[str, str] = {}

    @rx.event
    async def load(self):
        """Check whether the project has jobs, and create the code snippets if it has none."""
        async with session.acting(self, self.project) as act:
            self.has_jobs = bool(await list_jobs(act.session, act.principal, filters=JobFilter(), limit=1))
            found = [] if self.has_jobs else await active_skills(act)
        self.has_skills, self.texts = bool(found), of_run(session.context().settings.url, found)
        self.is_loaded = True

    @rx.event
    async def refresh(self):
        """Check whether the first job has been submitted."""
        async with session.acting(self, self.project) as act:
            self.has_jobs = bool(await list_jobs(act.session, act.principal, filters=JobFilter(), limit=1))


def page() -> rx.Component:
    """Render the list of jobs, or the empty state."""
    return shell(
        "jobs",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Jobs")],
        rx.el.h1("Jobs", class_name="hidden-label"),
        rx.cond(
            Jobs.is_loaded,
            rx.cond(
                Jobs.has_jobs,
                JobList.create(
                    project=Shell.project_slug,
                    csrf=Shell.csrf,
                    can_write=Shell.can_write,
                    key=Shell.project_slug,
                ),
                _none_yet(),
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _none_yet() -> rx.Component:
    base = "/p/" + Shell.project_slug
    return empty(
        "activity",
        "No jobs yet",
        "A job is one execution of a skill. It records its version, its cost and all of its steps, and it continues "
        "on another worker if its worker is lost.",
        Pulse.create(seconds=REFRESH_S, on_tick=Jobs.refresh),
        rx.el.div(
            rx.cond(
                Jobs.has_skills,
                link_button("Run a skill", href=base, icon="play", kind="pri"),
                link_button("Publish your first skills", href=base, icon="upload", kind="pri"),
            ),
            class_name="row",
        ),
        from_code(Jobs.texts),
    )
