"""Saved views of the marketplace: tab, search, filter and order."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.saved_views.schemas import ListingViewFilters, View, ViewOfListings, ViewPage
from studio.pages.marketplace.query import MarketQuery
from studio.pages.marketplace.state import OWN, Market
from studio.saved_views import SavedViews, views_menu


class Views(SavedViews, rx.State):
    """The saved views of the user in the project."""

    def _list_name(self) -> ViewPage:
        return "marketplace"

    async def _shown(self) -> View:
        query = (await self.get_state(Market)).shown()
        filters = {"q": query.q or None, "mine": query.tab == OWN or None, "status": query.status or None}
        return ViewOfListings(
            page="marketplace", filters=ListingViewFilters.model_validate(filters), sort=query.sort
        )

    def _query_of(self, view: Any) -> str:
        filters = view.filters
        shown = {"tab": OWN if filters.mine else "", "q": filters.q or "", "status": filters.status or ""}
        return MarketQuery.parse({**shown, "sort": view.sort}).encode()


def menu() -> rx.Component:
    """Render the saved views."""
    return views_menu(Views, "the search, the filter and the order")
