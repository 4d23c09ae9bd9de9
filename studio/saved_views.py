"""The saved views of a list: named filters and orders of the user in the project."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing
from backend.saved_views import service
from backend.saved_views.schemas import MAX_NAME_CHARACTERS, View, ViewPage
from studio import session
from studio.components.elements import button, link
from studio.components.jobs import Menu
from studio.components.live import Copy, Submit
from studio.forms import text
from studio.typing_of_reflex import as_var


@dataclass
class ViewItem:
    """A saved view."""

    name: str
    href: str
    """The page with the view."""


class SavedViews(rx.State, mixin=True):  # type: ignore[call-arg]  # Reflex is Any to mypy
    """The state of the saved views of a list."""

    views: list[ViewItem] = []
    problem: str = ""
    share_url: str = ""
    """The URL of the list as it is shown."""

    @rx.event
    async def load(self) -> None:
        """Load the views."""
        await self._read()

    @rx.event
    async def look(self) -> None:
        """Note the URL of the list, when the menu opens."""
        self.share_url = session.context().settings.url.rstrip("/") + self._href(await self._shown())

    @rx.event
    async def save(self, typed: dict[str, Any]) -> None:
        """Save the list as it is shown under a name."""
        name, view = text(typed, "name"), await self._shown()
        if not 0 < len(name) <= MAX_NAME_CHARACTERS:
            self.problem = f"Enter a name of at most {MAX_NAME_CHARACTERS} characters."
            return
        try:
            async with session.acting(self, self.project, once=typed) as act:
                await service.put_view(act.session, act.principal, name, view)
        except (Conflict, Invalid) as error:
            self.problem = error.detail
            return
        await self._read()

    @rx.event
    async def delete(self, name: str) -> None:
        """Delete a view."""
        try:
            async with session.acting(self, self.project) as act:
                await service.delete_view(act.session, act.principal, name, self._list_name())
        except Missing:
            pass  # another tab has deleted it
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await service.list_views(act.session, act.principal, self._list_name())
        self.views = [ViewItem(one.name, self._href(one.view)) for one in found]
        self.problem = ""

    def _href(self, view: View) -> str:
        query = self._query_of(view)
        return f"/p/{self.project}/{self._list_name()}{'?' + query if query else ''}"

    def _list_name(self) -> ViewPage:
        """Return the list, which is also the last part of the path of its page."""
        raise NotImplementedError

    async def _shown(self) -> View:
        """Return the view that is shown."""
        raise NotImplementedError

    def _query_of(self, view: Any) -> str:
        """Return the query of the URL that opens a view."""
        raise NotImplementedError


def views_menu(state: Any, stores: str) -> rx.Component:
    """Render the saved views, the form that saves one, and the link to the list as it is.

    Args:
        state: The class of the state, a `SavedViews`.
        stores: What a view stores, such as `the filters and the order`.
    """
    return Menu.create(
        rx.foreach(state.views, lambda view: _view(state, view)),
        rx.cond(
            as_var(state.views).length() == 0,
            rx.el.p(f"A view stores {stores} of the list.", class_name="t3"),
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
            on_submit=state.save,
            reset_on_submit=True,
            class_name="row",
        ),
        rx.cond(state.problem != "", rx.el.p(state.problem, role="alert", class_name="bad")),
        Copy.create(text=state.share_url, label="Copy link to this list"),
        label="Views",
        on_open=state.look,
    )


def _view(state: Any, view: rx.Var[ViewItem]) -> rx.Component:
    return rx.el.div(
        link(view.name, href=view.href, class_name="item grow cut"),
        button(
            rx.icon("x", size=13),
            kind="quiet icon small",
            aria_label=f"Delete view {view.name}",
            on_click=state.delete(view.name),
        ),
        class_name="row",
        key=view.name,
    )
