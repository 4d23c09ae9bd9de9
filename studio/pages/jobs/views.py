"""Saved views: named filters, orders and columns of the user in the project."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing
from backend.execution.jobs.views import service
from backend.execution.jobs.views.schemas import MAX_NAME_CHARACTERS, JobViewUpdate
from studio import session
from studio.components.elements import button
from studio.components.jobs import Menu
from studio.components.live import Copy, Submit
from studio.forms import text
from studio.pages.jobs.query import JobQuery, parse_columns
from studio.pages.jobs.state import Jobs
from studio.typing_of_reflex import as_var


@dataclass
class View:
    """A saved view."""

    name: str
    query: str
    """The query of the URL that opens it."""


class Views(rx.State):
    """The saved views of the user in the project."""

    views: list[View] = []
    problem: str = ""
    share_url: str = ""
    """The URL of the list with its columns."""

    @rx.event
    async def load(self) -> None:
        """Load the views."""
        await self._read()

    @rx.event
    async def look(self) -> None:
        """Note the URL of the list, when the menu opens."""
        query = await self._query()
        base = f"{session.context().settings.url.rstrip('/')}/p/{self.project}/jobs"
        self.share_url = f"{base}?{query.encode()}"

    @rx.event
    async def save(self, typed: dict[str, Any]) -> None:
        """Save the filters, the order and the columns of the list under a name."""
        name, query = text(typed, "name"), await self._query()
        if not 0 < len(name) <= MAX_NAME_CHARACTERS:
            self.problem = f"Enter a name of at most {MAX_NAME_CHARACTERS} characters."
            return
        update = JobViewUpdate(filters=query.view_filters(), sort=query.sort, columns=list(query.columns))
        try:
            async with session.acting(self, self.project, once=typed) as act:
                await service.put_view(act.session, act.principal, name, update)
        except (Conflict, Invalid) as error:
            self.problem = error.detail
            return
        await self._read()

    @rx.event
    async def delete(self, name: str) -> None:
        """Delete a view."""
        try:
            async with session.acting(self, self.project) as act:
                await service.delete_view(act.session, act.principal, name)
        except Missing:
            pass  # another tab has deleted it
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await service.list_views(act.session, act.principal)
        self.views = [View(one.name, JobQuery.of_view(one).encode()) for one in found]
        self.problem = ""

    async def _query(self) -> JobQuery:
        jobs = await self.get_state(Jobs)
        query = JobQuery.parse({**jobs.filters, "sort": jobs.sort})
        return replace(query, columns=parse_columns(",".join(jobs.columns)))


def menu() -> rx.Component:
    """Render the saved views, the form that saves one, and the link to the list as it is."""
    return Menu.create(
        rx.foreach(Views.views, _view),
        rx.cond(
            as_var(Views.views).length() == 0,
            rx.el.p("A view stores the filters, the order and the columns of the list.", class_name="t3"),
        ),
        rx.el.form(
            rx.el.input(
                name="name",
                aria_label="Name of the view",
                placeholder="Name of the view",
                max_length=MAX_NAME_CHARACTERS,
                required=True,
                auto_complete="off",
                class_name="in",
            ),
            Submit.create(label="Save view"),
            on_submit=Views.save,
            reset_on_submit=True,
            class_name="row",
        ),
        rx.cond(Views.problem != "", rx.el.p(Views.problem, role="alert", class_name="bad")),
        Copy.create(text=Views.share_url, label="Copy link to this list"),
        label="Views",
        on_open=Views.look,
    )


def _view(view: rx.Var[View]) -> rx.Component:
    return rx.el.div(
        rx.el.button(
            view.name, type="button", class_name="item grow cut", on_click=Jobs.open_query(view.query)
        ),
        button(
            rx.icon("x", size=13),
            kind="quiet icon small",
            aria_label=f"Delete view {view.name}",
            on_click=Views.delete(view.name),
        ),
        class_name="row",
        key=view.name,
    )
