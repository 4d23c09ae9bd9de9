"""Saved views of evals: skillpack, skill, tab, open suite, and how its runs are shown."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.saved_views.schemas import EvalViewFilters, View, ViewOfEvals, ViewPage
from studio.pages.evals.query import EvalQuery
from studio.pages.evals.state import Evals
from studio.saved_views import SavedViews, views_menu


class Views(SavedViews, rx.State):
    """The saved views of the user in the project."""

    def _list_name(self) -> ViewPage:
        return "evals"

    async def _shown(self) -> View:
        query = (await self.get_state(Evals)).shown()
        names = EvalViewFilters.model_fields
        values = {name: getattr(query, name) for name in names if getattr(query, name) != ""}
        return ViewOfEvals(page="evals", filters=EvalViewFilters.model_validate(values), sort=query.sort)

    def _query_of(self, view: Any) -> str:
        filters = view.filters.model_dump(mode="json", exclude_none=True)
        return EvalQuery.parse(
            {**{name: str(one) for name, one in filters.items()}, "sort": view.sort}
        ).encode()


def menu() -> rx.Component:
    """Render the saved views."""
    return views_menu(Views, "the skill, the tab, the open suite, the filter and the order")
