"""Saved views of the memory: search, filters and order."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.saved_views.schemas import MemoryViewFilters, View, ViewOfMemory, ViewPage
from studio.pages.memory.query import MemoryQuery
from studio.pages.memory.state import MemoryPage
from studio.saved_views import SavedViews, views_menu


class Views(SavedViews, rx.State):
    """The saved views of the user in the project."""

    def _list_name(self) -> ViewPage:
        return "memory"

    async def _shown(self) -> View:
        query = (await self.get_state(MemoryPage)).shown()
        filters = {"q": query.q or None, "state": query.state, "mtype": query.type or None}
        return ViewOfMemory(page="memory", filters=MemoryViewFilters.model_validate(filters), sort=query.sort)

    def _query_of(self, view: Any) -> str:
        filters = view.filters
        shown = {
            "q": filters.q or "",
            "state": filters.state or "",
            "type": filters.mtype or "",
            "sort": view.sort,
        }
        return MemoryQuery.parse(shown).encode()


def menu() -> rx.Component:
    """Render the saved views."""
    return views_menu(Views, "the search, the filters and the order")
