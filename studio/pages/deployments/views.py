"""Saved views of versions: skillpack, filters and order."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.saved_views.schemas import (
    DeploymentViewFilters,
    View,
    ViewOfDeployments,
    ViewPage,
)
from studio.pages.deployments.query import DeploymentQuery
from studio.pages.deployments.versions import Deployments
from studio.saved_views import SavedViews, views_menu


class Views(SavedViews, rx.State):
    """The saved views of the user in the project."""

    def _list_name(self) -> ViewPage:
        return "deployments"

    async def _shown(self) -> View:
        query = (await self.get_state(Deployments)).shown()
        filters = {"skillpack": query.skillpack, "q": query.q or None, "state": query.state or None}
        return ViewOfDeployments(
            page="deployments", filters=DeploymentViewFilters.model_validate(filters), sort=query.sort
        )

    def _query_of(self, view: Any) -> str:
        filters = view.filters.model_dump(mode="json", exclude_none=True)
        return DeploymentQuery.parse({**filters, "sort": view.sort}).encode()


def menu() -> rx.Component:
    """Render the saved views."""
    return views_menu(Views, "the skillpack, the filters and the order")
