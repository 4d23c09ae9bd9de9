"""Saved views of the drive: folder, filter and order."""

from __future__ import annotations

from typing import Any

import reflex as rx

from backend.saved_views.schemas import DriveViewFilters, View, ViewOfDrive, ViewPage
from studio.pages.drive.query import DriveQuery
from studio.pages.drive.state import Drive
from studio.saved_views import SavedViews, views_menu


class Views(SavedViews, rx.State):
    """The saved views of the user in the project."""

    def _list_name(self) -> ViewPage:
        return "drive"

    async def _shown(self) -> View:
        drive = await self.get_state(Drive)
        filters = DriveViewFilters(folder=drive.folder or None, q=drive.text or None)
        return ViewOfDrive(page="drive", filters=filters, sort=DriveQuery.parse({"sort": drive.sort}).sort)

    def _query_of(self, view: Any) -> str:
        return DriveQuery(view.filters.folder or "", "", view.filters.q or "", view.sort).encode()


def menu() -> rx.Component:
    """Render the saved views."""
    return views_menu(Views, "the folder, the filter and the order")
