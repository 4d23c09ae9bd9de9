"""The projects of the instance with their wallets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from backend.administration.admin import accounts
from backend.administration.admin.schemas import AdminProjectRead
from backend.core.errors import Conflict, Invalid, Missing
from studio import session
from studio.components.elements import button, framed_table, note, section, tag
from studio.formatting import usd
from studio.forms import said
from studio.pages import top_up
from studio.pages.operator.paged import more, next_page
from studio.typing_of_reflex import as_var


@dataclass
class ProjectRow:
    """The data of a project in the table."""

    slug: str
    name: str
    members: str
    queued: str
    balance: str
    reserved: str
    is_empty: bool


class Projects(rx.State):
    """The projects, loaded page by page."""

    rows: list[ProjectRow] = []
    more: str = ""
    """The cursor of the next page; empty if there is none."""
    credited: str = ""
    """The project for which the credit form is open; empty if none."""
    problem: str = ""
    notice: str = ""

    @rx.event
    async def load(self) -> None:
        """Load the first page."""
        self.reset()
        await self._read()

    @rx.event
    async def show_more(self) -> None:
        """Load the next page."""
        await self._read()

    @rx.event
    def begin(self, project: str) -> None:
        """Show the form that adds credit to a wallet."""
        self.credited, self.problem, self.notice = project, "", ""

    @rx.event
    def cancel(self) -> None:
        """Close the form."""
        self.credited, self.problem = "", ""

    @rx.event
    async def top_up(self, typed: dict[str, Any]) -> None:
        """Add credit to the wallet; jobs that wait for credit then start."""
        self.problem = ""
        try:
            body = top_up.parse(typed)
            async with session.visiting(self, once=typed) as visit:
                credit = await accounts.top_up(visit.session, visit.person, self.credited, body)
        except (Conflict, Invalid, Missing) as refused:
            self.problem = said(refused)
            return
        self.notice = f"Credit added. The balance of {self.credited} is {usd(credit.balance_micros)}."
        self.credited = self.more = ""
        self.rows = []
        await self._read()

    async def _read(self) -> None:
        await next_page(self, accounts.list_projects, _project)


def _project(one: AdminProjectRead) -> ProjectRow:
    return ProjectRow(
        slug=one.slug,
        name=one.name,
        members=f"{one.members:,}",
        queued=f"{one.queued:,}" if one.queued else "",
        balance=usd(one.balance_micros),
        reserved=usd(one.reserved_micros) if one.reserved_micros else "",
        is_empty=one.balance_micros <= 0,
    )


def listed() -> rx.Component:
    """Render the projects with their wallets."""
    columns = [
        ("Project", "36%", ""),
        ("Members", "11%", "num"),
        ("Queued", "11%", "num"),
        ("Balance", "14%", "num"),
        ("Reserved", "14%", "num"),
        (rx.el.span("Action", class_name="hidden-label"), "14%", "num"),
    ]
    return section(
        "Projects",
        rx.cond(Projects.notice != "", note(Projects.notice, state="ok", style={"margin_bottom": "10px"})),
        rx.cond(
            Projects.credited != "",
            rx.el.div(
                top_up.form(Projects.credited, Projects.top_up, Projects.cancel, Projects.problem),
                class_name="card",
                style={"margin_bottom": "10px"},
            ),
        ),
        rx.cond(
            as_var(Projects.rows).length() > 0,
            framed_table("Projects", columns, rx.foreach(Projects.rows, _project_row)),
            rx.el.p("No projects yet.", class_name="t2"),
        ),
        rx.cond(Projects.more != "", more(Projects.show_more)),
    )


def _project_row(row: rx.Var[ProjectRow]) -> rx.Component:
    return rx.el.tr(
        rx.el.td(
            row.name,
            " ",
            rx.el.span(row.slug, class_name="mono t3"),
            title=row.name + " (" + row.slug + ")",
        ),
        rx.el.td(row.members, class_name="num t2"),
        rx.el.td(row.queued, class_name="num t2"),
        rx.el.td(
            rx.el.span(rx.cond(row.is_empty, tag("empty", state="wait")), row.balance, class_name="row acts"),
            class_name="num",
        ),
        rx.el.td(row.reserved, class_name="num t2"),
        rx.el.td(
            button(
                "Add credit",
                kind="small",
                on_click=Projects.begin(row.slug),
                aria_label="Add credit to " + row.slug,
            ),
            class_name="num",
        ),
        key=row.slug,
    )
