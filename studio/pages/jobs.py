"""`/p/{project}/jobs`: the jobs of a project, as they come and go.

The list itself is `assets/ui/jobs`, which speaks to the same REST routes as everybody else.
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

LOOK_EVERY_S = 2.0


class Jobs(rx.State):
    """Whether there are jobs, and how the first one is made."""

    has_jobs: bool = False
    has_skills: bool = False
    is_loaded: bool = False
    texts: dict[str, str] = {}

    @rx.event
    async def load(self):
        """Find out whether there is a list to show."""
        async with session.acting(self, self.project) as act:
            self.has_jobs = bool(await list_jobs(act.session, act.principal, filters=JobFilter(), limit=1))
            found = [] if self.has_jobs else await active_skills(act)
        self.has_skills, self.texts = bool(found), of_run(session.context().settings.url, found)
        self.is_loaded = True

    @rx.event
    async def look(self):
        """Find out whether the first job has come."""
        async with session.acting(self, self.project) as act:
            self.has_jobs = bool(await list_jobs(act.session, act.principal, filters=JobFilter(), limit=1))


def page() -> rx.Component:
    """The list; where there is none yet, how to make the first job."""
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
        "A job is one run of one skill. It keeps its version, its cost and every step, and it survives a lost worker.",
        Pulse.create(seconds=LOOK_EVERY_S, on_beat=Jobs.look),
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
