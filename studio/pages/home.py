"""`/`: the person's projects, and a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from backend.auth.membership import Membership, act_in, memberships
from backend.jobs.queries import JobFilter, list_jobs
from backend.ledger.queries import balance
from backend.projects import service as projects
from studio import session
from studio.components.elements import button, empty, link, section, tag
from studio.components.job_rows import JobRow, framed_job_table, row_of
from studio.components.live import Ago
from studio.session import Visit
from studio.shell import Crumb, shell
from studio.wording import usd

_MOST_FAILURES = 6
_FAILURES_OF_EACH = 3


@dataclass
class ProjectCard:
    """What the home page shows of a project."""

    slug: str
    name: str
    role: str
    balance: str
    last_job_at: str


class Home(rx.State):
    """The home page."""

    cards: list[ProjectCard] = []
    failures: list[JobRow] = []
    is_naming: bool = False

    @rx.event
    async def load(self):
        """Read the person's projects and what failed in them of late."""
        self.is_naming = False
        cards: list[ProjectCard] = []
        failures: list[JobRow] = []
        async with session.visiting(self) as visit:
            for one in await memberships(visit.session, visit.person):
                card, failed = await _look_into(visit, one)
                cards.append(card)
                failures += failed
        self.cards = cards
        self.failures = sorted(failures, key=lambda row: row.created_at, reverse=True)[:_MOST_FAILURES]

    @rx.event
    def name_one(self):
        """Show the form for a new project."""
        self.is_naming = True

    @rx.event
    async def create(self, form: dict[str, Any]):
        """Make a project and go to it."""
        async with session.visiting(self) as visit:
            project = await projects.create(
                visit.session,
                name=str(form.get("name", "")),
                created_by=visit.person,
                concurrency_limit=session.instance().settings.project_concurrency,
                most_of_person=session.instance().settings.most_projects,
            )
        return rx.redirect(f"/p/{project.slug}")


async def _look_into(visit: Visit, one: Membership) -> tuple[ProjectCard, list[JobRow]]:
    principal = await act_in(visit.session, visit.person, str(one.project.id))
    wallet = await balance(visit.session, principal)
    newest = await list_jobs(visit.session, principal, which=JobFilter(), limit=1)
    failed = await list_jobs(
        visit.session, principal, which=JobFilter(status="failed"), limit=_FAILURES_OF_EACH
    )
    card = ProjectCard(
        slug=one.project.slug,
        name=one.project.name,
        role=one.role.name.lower(),
        balance=usd(wallet.available_micros),
        last_job_at=newest[0].created_at.isoformat() if newest else "",
    )
    return card, [row_of(job, one.project.slug) for job in failed]


def page() -> rx.Component:
    """The projects as cards, or how to make the first one."""
    return shell(
        "home",
        [Crumb("Projects")],
        rx.el.h1("Projects", class_name="hidden-label"),
        rx.cond(
            Home.cards.length() > 0,
            rx.el.div(
                section(
                    "Projects",
                    rx.cond(Home.is_naming, _new_project()),
                    rx.el.div(rx.foreach(Home.cards, _card), class_name="cards"),
                    actions=[button("New project", icon="plus", kind="pri", on_click=Home.name_one)],
                ),
                rx.cond(
                    Home.failures.length() > 0,
                    section("Recent failures", framed_job_table(Home.failures)),
                ),
                class_name="scroll grow column",
            ),
            empty(
                "blocks",
                "Make your first project",
                "A project holds your skills and their versions, its jobs, its files, its keys and its money.",
                _new_project(),
            ),
        ),
    )


def _card(card: rx.Var[ProjectCard]) -> rx.Component:
    return link(
        rx.el.div(
            rx.el.span(card.name[:1], class_name="mark"),
            rx.el.span(card.name, class_name="strong cut grow"),
            tag(card.role),
            class_name="row",
        ),
        rx.el.div(
            rx.el.span(card.balance, class_name="num"),
            rx.el.span("free in the wallet", class_name="t3"),
            rx.el.span(class_name="grow"),
            rx.cond(
                card.last_job_at != "",
                rx.el.span("last job ", Ago.create(moment=card.last_job_at), class_name="t3"),
                rx.el.span("no jobs yet", class_name="t3"),
            ),
            class_name="row",
            style={"margin_top": "12px"},
        ),
        href="/p/" + card.slug,
        class_name="card",
        key=card.slug,
    )


def _new_project() -> rx.Component:
    return rx.el.form(
        rx.el.label("Name", html_for="new-project", class_name="hidden-label"),
        rx.el.input(
            id="new-project",
            name="name",
            class_name="in",
            placeholder="Name of the project",
            max_length=200,
            required=True,
            auto_focus=True,
            auto_complete="off",
            style={"max_width": "320px"},
        ),
        button("Create project", kind="pri", type="submit"),
        on_submit=Home.create,
        class_name="row",
        style={"margin_bottom": "14px"},
    )
