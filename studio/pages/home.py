"""`/`: the projects of the user with their key figures, recent failures, and the form for a new project."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import reflex as rx

from backend.administration.projects import creation
from backend.authoring.drafts import publishing, templates
from backend.execution.jobs import activity
from backend.execution.jobs.activity import JobActivityRead
from backend.execution.jobs.queries import JobFilter, list_jobs
from backend.identity.auth.membership import Membership, act_in, memberships
from backend.identity.auth.principal import Principal
from backend.skills.deployments import service as deployments
from backend.skills.skillpacks import service as skillpacks
from backend.usage.queries import balance
from studio import session
from studio.components.elements import button, empty, link, section, tag
from studio.components.job_rows import JobRow, framed_job_table, row_of
from studio.components.live import Ago, Submit
from studio.formatting import usd
from studio.session import Visit
from studio.shell import Crumb, shell
from studio.skillpacks import JobNames, job_names
from studio.typing_of_reflex import Handled, as_var

_MAX_FAILURES = 6
_MAX_FAILURES_PER_PROJECT = 3
_MAX_CARDS = 6
"""If there are more projects, they are shown as rows."""
_HOURS = 24


@dataclass
class ProjectCard:
    """The data of a project on the home page."""

    slug: str
    name: str
    role: str
    version: str
    """The active version of the default skillpack; empty if there is none."""
    balance: str
    jobs: str
    """The number of jobs in the last 24 hours; `rate`, `spent` and `sparks` cover the same period."""
    rate: str
    """The success rate of the finished jobs; empty if there are none."""
    spent: str
    last_job_at: str
    sparks: list[str] = field(default_factory=list)
    """The heights of the bars of the chart, one per hour."""


@dataclass
class TemplateCard:
    """A template for a new project."""

    name: str
    title: str
    text: str
    skills: str


class _ProjectSummary(NamedTuple):
    card: ProjectCard
    failed: list[JobRow]


class Home(rx.State):
    """The state of the home page."""

    cards: list[ProjectCard] = []
    failures: list[JobRow] = []
    templates: list[TemplateCard] = []
    is_naming: bool = False
    is_loaded: bool = False

    @rx.event
    async def load(self) -> None:
        """Load the projects of the user and their recent failures."""
        self.is_naming = False
        # The previous content stays visible until then, since the user may already type into the form.
        async with session.visiting(self) as visit:
            found = [await _summary(visit, one) for one in await memberships(visit.session, visit.person)]
        self.cards = [one.card for one in found]
        failures = [row for one in found for row in one.failed]
        self.failures = sorted(failures, key=lambda row: row.created_at, reverse=True)[:_MAX_FAILURES]
        self.templates = [
            TemplateCard(one.name, one.title, one.description, ", ".join(one.skills))
            for one in templates.all_()
        ]
        self.is_loaded = True

    @rx.event
    def toggle_form(self) -> None:
        """Show or hide the form for a new project."""
        self.is_naming = not self.is_naming

    @rx.event
    async def create(self, form: dict[str, Any]) -> Handled:
        """Create a project, with the skills of a template if one is selected, and open it."""
        context, template = session.context(), str(form.get("template", ""))
        async with session.visiting(self, once=form) as visit:
            project = await creation.create_for_user(
                visit.session, visit.person, context.settings, name=str(form.get("name", ""))
            )
            if template:
                principal = await act_in(visit.session, visit.person, str(project.id))
                await publishing.publish_template(
                    visit.session,
                    principal,
                    template,
                    storage=context.storage,
                    quotas=context.settings.quotas,
                )
        self.is_loaded = False
        return rx.redirect(f"/p/{project.slug}")


async def _summary(visit: Visit, one: Membership) -> _ProjectSummary:
    principal = await act_in(visit.session, visit.person, str(one.project.id))
    wallet = await balance(visit.session, principal)
    newest = await list_jobs(visit.session, principal, filters=JobFilter(), limit=1)
    failed = await list_jobs(
        visit.session, principal, filters=JobFilter(status="failed"), limit=_MAX_FAILURES_PER_PROJECT
    )
    bars = await activity.bars(visit.session, principal, count=_HOURS)
    succeeded, ended = sum(bar.succeeded for bar in bars), sum(bar.succeeded + bar.failed for bar in bars)
    card = ProjectCard(
        slug=one.project.slug,
        name=one.project.name,
        role=one.role.name.lower(),
        version=await _active_version(visit, principal),
        balance=usd(wallet.available_micros),
        jobs=f"{sum(bar.jobs for bar in bars):,}",
        rate=f"{100 * succeeded / ended:.1f} %" if ended else "",
        spent=usd(sum(bar.cost_micros for bar in bars)),
        last_job_at=newest[0].created_at.isoformat() if newest else "",
        sparks=_heights(bars),
    )
    names = await job_names(visit.session, principal) if failed else JobNames({})
    rows = [row_of(job, one.project.slug, one.project.name, names.of(job)) for job in failed]
    return _ProjectSummary(card, rows)


async def _active_version(visit: Visit, principal: Principal) -> str:
    pack = await skillpacks.get(visit.session, principal)
    if pack.active_deployment_id is None:
        return ""
    active = await deployments.get(visit.session, principal, str(pack.active_deployment_id))
    return f"v{active.version}"


def _heights(bars: Any) -> list[str]:
    highest = max((bar.jobs for bar in bars), default=0)
    return [_height(bar, highest) for bar in bars] if highest else []


def _height(bar: JobActivityRead, highest: int) -> str:
    return f"{max(6, round(100 * bar.jobs / highest)) if bar.jobs else 0}%"


def page() -> rx.Component:
    """Render the projects as cards, or the form for the first project."""
    return shell(
        "home",
        [Crumb("Projects")],
        rx.el.h1("Projects", class_name="hidden-label"),
        rx.cond(
            Home.is_loaded,
            rx.cond(as_var(Home.cards).length() > 0, _projects(), _first()),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _projects() -> rx.Component:
    return rx.el.div(
        section(
            "Projects",
            rx.cond(Home.is_naming, _new_project()),
            rx.el.div(
                rx.foreach(Home.cards, _card),
                class_name=rx.cond(as_var(Home.cards).length() > _MAX_CARDS, "cards rows", "cards"),
            ),
            actions=[
                button(
                    "New project",
                    icon="plus",
                    kind="pri",
                    on_click=Home.toggle_form,
                    custom_attrs={
                        "data-key": "n",
                        "aria-expanded": rx.cond(Home.is_naming, "true", "false"),
                    },
                )
            ],
        ),
        rx.cond(
            as_var(Home.failures).length() > 0, section("Recent failures", framed_job_table(Home.failures))
        ),
        class_name="scroll grow column",
    )


def _first() -> rx.Component:
    return empty(
        "blocks",
        "Create your first project",
        "A project contains skills and their versions, jobs, files, API keys, and a wallet that pays for the jobs.",
        _new_project(),
    )


def _card(card: rx.Var[ProjectCard]) -> rx.Component:
    return link(
        rx.el.div(
            rx.el.span(card.name[:1], class_name="mark"),
            rx.el.span(card.name, class_name="strong cut grow"),
            rx.cond(card.version != "", tag(card.version)),
            tag(card.role),
            class_name="row",
        ),
        rx.el.div(
            rx.el.dl(
                _fact("Jobs (24 h)", card.jobs),
                _fact("Success rate", rx.cond(card.rate != "", card.rate, "None yet")),
                _fact("Spend (24 h)", card.spent),
                _fact("Available", card.balance),
                class_name="card-facts",
            ),
            rx.el.div(
                rx.foreach(card.sparks, lambda height: rx.el.i(style={"height": height})),
                class_name="sparks",
                aria_hidden="true",
            ),
            class_name="row",
            style={"margin_top": "12px", "gap": "16px"},
        ),
        rx.cond(
            card.last_job_at != "",
            rx.el.span("Last job: ", Ago.create(moment=card.last_job_at), class_name="t3"),
            rx.el.span("No jobs yet", class_name="t3"),
        ),
        href="/p/" + card.slug,
        class_name="card",
        key=card.slug,
    )


def _fact(name: str, value: Any) -> rx.Component:
    return rx.el.div(rx.el.dt(name), rx.el.dd(value))


def _new_project() -> rx.Component:
    return rx.el.form(
        rx.el.div(
            rx.el.label("Name", html_for="new-project", class_name="hidden-label"),
            rx.el.input(
                id="new-project",
                name="name",
                class_name="in",
                placeholder="Project name",
                max_length=200,
                required=True,
                auto_focus=True,
                auto_complete="off",
                style={"max_width": "320px"},
            ),
            Submit.create(label="Create project"),
            class_name="row",
        ),
        rx.el.fieldset(
            rx.el.legend("Template", class_name="label"),
            rx.el.div(
                _template(
                    "",
                    "Blank",
                    "An empty project. Write skills in the editor, or upload a ZIP archive with skills.",
                    "",
                ),
                rx.foreach(Home.templates, lambda one: _template(one.name, one.title, one.text, one.skills)),
                class_name="cards beginnings",
            ),
            class_name="field",
        ),
        on_submit=Home.create,
        class_name="col",
        style={"margin_bottom": "18px", "gap": "12px"},
    )


def _template(name: Any, title: Any, text: Any, skills: Any) -> rx.Component:
    id_ = rx.Var.create("template-") + name
    checked = {"default_checked": True} if isinstance(name, str) else {}
    return rx.el.div(
        rx.el.label(
            rx.el.input(
                type="radio",
                name="template",
                value=name,
                id=id_,
                aria_describedby=id_ + "-text",
                **checked,
            ),
            title,
            class_name="check strong",
            html_for=id_,
        ),
        rx.el.p(text, class_name="t2", id=id_ + "-text"),
        rx.el.p(skills, class_name="t3 mono"),
        class_name="card",
    )
