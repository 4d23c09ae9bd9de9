"""`/p/{project}`: the skills of the active version, and the form that publishes the next version."""

from __future__ import annotations

from datetime import timedelta
from typing import Final

import reflex as rx

from backend.administration.projects import first_steps
from backend.core.clock import now
from backend.execution.jobs.failures.queries import FailureFilter
from backend.integrations.alerts import service as alerts
from backend.skills.deployments import service as deployments
from studio import session
from studio.components.elements import link, link_button, note, section, tag
from studio.components.live import BundleDrop
from studio.components.snippets import snippets
from studio.first_snippets import of_run
from studio.pages.first_steps import NEW_SKILL, Step, checklist, steps_of
from studio.pages.jobs.failures import DEFAULT_FAILURE_DAYS, Cluster, cluster_card, clusters_of
from studio.pages.read_on_load import ReadOnLoad
from studio.shell import Crumb, Shell, shell
from studio.skills import SkillView, active_skills
from studio.typing_of_reflex import as_var

MAX_FAILURES: Final = 3


class Overview(ReadOnLoad, rx.State):
    """The skills of a project."""

    skills: list[SkillView] = []
    published: str = ""
    """The result of the last upload of a bundle."""
    texts: dict[str, str] = {}
    steps: list[Step] = []
    """The first steps; empty if all were taken, or the user has dismissed them."""
    progress: str = ""
    failures: list[Cluster] = []
    """The most frequent open errors of the last days."""
    raised: str = ""
    """The names of the alerts that are raised."""

    @rx.event
    async def show_published(self, version: int) -> None:
        """Show the version that an uploaded bundle has become."""
        async with session.acting(self, self.project) as act:
            deployment = await deployments.get(act.session, act.principal, str(version))
            is_gating = (deployment.gate or {}).get("state") == "gating"
        self.published = (
            f"Version {version} is published. It becomes active when its eval gates have passed."
            if is_gating
            else f"Version {version} is active. Running jobs continue with the version that they started with."
        )
        await self._read()

    @rx.event
    async def dismiss_first_steps(self) -> None:
        """Remove the first steps from this page for the user."""
        async with session.acting(self, self.project) as act:
            await first_steps.dismiss(act.session, act.principal)
        self.steps = []

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            self.skills = await active_skills(act)
            found = await first_steps.read(act.session, act.principal)
            rules = await alerts.list_all(act.session, act.principal)
            since = now() - timedelta(days=DEFAULT_FAILURE_DAYS)
            self.failures = (await clusters_of(act, FailureFilter(since=since), MAX_FAILURES)).clusters
        self.raised = ", ".join(rule.name for rule in rules if rule.state == "raised")
        self.steps = steps_of(found, self.project, self.skills)
        self.progress = f"{sum(step.is_done for step in self.steps)} of {len(self.steps)}"
        self.texts = of_run(session.context().settings.url, self.skills)


def page() -> rx.Component:
    """Render the skills and the form that publishes a version."""
    return shell(
        "project",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Skills")],
        rx.cond(
            Overview.is_loaded,
            rx.el.div(
                rx.el.h1("Skills", class_name="hidden-label"),
                rx.cond(Overview.raised != "", _raised()),
                rx.cond(
                    Shell.can_write,
                    checklist(Overview.steps, Overview.progress, Overview.dismiss_first_steps),
                ),
                _published(),
                rx.cond(
                    as_var(Overview.skills).length() > 0,
                    section(
                        "Skills",
                        rx.el.div(rx.foreach(Overview.skills, _skill), class_name="cards"),
                        actions=[_new_skill()],
                    ),
                    _first_steps(),
                ),
                rx.cond(as_var(Overview.failures).length() > 0, _failures()),
                rx.cond(
                    Shell.can_write,
                    rx.cond(
                        as_var(Overview.skills).length() > 0,
                        rx.el.details(
                            rx.el.summary("Publish from a ZIP file"), _publish(), class_name="publish-more"
                        ),
                        section("Publish", _publish()),
                    ),
                ),
                rx.cond(
                    Shell.can_write | (as_var(Overview.skills).length() > 0),
                    section("From your code", snippets(Overview.texts)),
                ),
                class_name="scroll grow column",
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _raised() -> rx.Component:
    base = "/p/" + Shell.project_slug
    text = rx.el.div(
        rx.el.span("Alerts: ", Overview.raised, class_name="grow"),
        link("Show alerts", href=base + "/settings/alerts"),
        link("Show monitoring", href=base + "/monitoring"),
        class_name="row wrap",
    )
    return note(text, state="fail")


def _failures() -> rx.Component:
    jobs = "/p/" + Shell.project_slug + "/jobs"
    return section(
        "Failures",
        rx.el.ul(rx.foreach(Overview.failures, cluster_card), class_name="clusters"),
        actions=[
            link(
                f"All failures of {DEFAULT_FAILURE_DAYS} days",
                href=jobs + f"?failures={DEFAULT_FAILURE_DAYS}",
            )
        ],
    )


def _first_steps() -> rx.Component:
    return rx.el.div(
        rx.icon("blocks", size=20, color="var(--acc-t)"),
        rx.el.h2("Publish your first skills", style={"margin": "10px 0 2px"}),
        rx.el.p(
            "A skill is a folder with a skill.yaml file. If its entry point is a prompt, the skill is an agent; if it "
            "is a Python function, the skill is a function. Create a skill in the editor, upload a ZIP archive of your "
            "skills folder below, or run ",
            rx.el.span("puras deploy", class_name="mono"),
            " in the folder.",
            class_name="t2",
            style={"max_width": "62ch"},
        ),
        rx.el.div(_new_skill(), style={"margin_top": "12px"}),
    )


def _new_skill() -> rx.Component:
    href = "/p/" + Shell.project_slug + NEW_SKILL
    return rx.cond(Shell.can_write, link_button("New skill", href=href, icon="plus", kind="pri"))


def _skill(skill: rx.Var[SkillView]) -> rx.Component:
    return link(
        rx.el.div(
            rx.icon(rx.cond(skill.kind == "agent", "bot", "square-function"), size=15, color="var(--t3)"),
            rx.el.span(skill.full_name, class_name="strong cut grow", title=skill.full_name),
            tag(skill.version),
            class_name="row",
        ),
        rx.el.p(
            rx.cond(skill.description != "", skill.description, skill.title),
            class_name="t2 two-lines",
            title=skill.description,
            style={"margin_top": "6px"},
        ),
        href="/p/" + Shell.project_slug + "/play/" + skill.play,
        class_name="card",
        key=skill.play,
    )


def _publish() -> rx.Component:
    return BundleDrop.create(
        project=Shell.project_slug, csrf=Shell.csrf, on_published=Overview.show_published
    )


def _published() -> rx.Component:
    return rx.cond(
        Overview.published != "",
        note(
            Overview.published,
            " ",
            link("View all versions", href="/p/" + Shell.project_slug + "/deployments"),
            state="ok",
        ),
    )
