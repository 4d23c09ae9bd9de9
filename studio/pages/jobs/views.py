"""Saved views of the list of jobs: filters, orders and columns."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import reflex as rx

from backend.saved_views.schemas import View, ViewOfJobs, ViewPage
from studio.pages.jobs.query import JobQuery, parse_columns
from studio.pages.jobs.state import Jobs
from studio.saved_views import SavedViews, views_menu


class Views(SavedViews, rx.State):
    """The saved views of the user in the project."""

    def _list_name(self) -> ViewPage:
        return "jobs"

    async def _shown(self) -> View:
        jobs = await self.get_state(Jobs)
        query = JobQuery.parse({**jobs.filters, "sort": jobs.sort})
        query = replace(query, columns=parse_columns(",".join(jobs.columns)))
        filters = query.view_filters()
        return ViewOfJobs(page="jobs", filters=filters, sort=query.sort, columns=list(query.columns))

    def _query_of(self, view: Any) -> str:
        return JobQuery.of_view(view).encode()


def menu() -> rx.Component:
    """Render the saved views."""
    return views_menu(Views, "the filters, the order and the columns")
