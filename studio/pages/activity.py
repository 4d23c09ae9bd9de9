"""`/p/{project}/activity`: what members, keys and jobs did in the project, updated live."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast, get_args
from urllib.parse import urlencode

import reflex as rx

from backend.administration.activity import service
from backend.administration.activity.schemas import ActivityCategory, ActivityRead
from backend.administration.activity.service import ActivityFilter
from backend.core.db.paging import Page
from studio import session
from studio.author_names import name_keys
from studio.components.annotation import TopicChanges
from studio.components.elements import empty, link, more_button, segments, tag
from studio.components.jobs import UrlQuery
from studio.components.live import Ago
from studio.named_by_url import NamedByUrl
from studio.shell import Crumb, Shell, shell
from studio.typing_of_reflex import as_var

_PAGE_ROWS: Final = 50
_MAX_ROWS: Final = 500
_LABELS: Final[dict[ActivityCategory, str]] = {
    "publishing": "Publishing",
    "jobs": "Jobs",
    "comments": "Comments",
    "reviews": "Annotation",
    "evals": "Evals",
    "alerts": "Alerts",
    "members": "Members",
    "settings": "Settings",
    "marketplace": "Marketplace",
}


@dataclass
class ActivityRow:
    """An entry of the list."""

    id: int
    actor: str
    label: str
    """The actor as the filter expects it."""
    summary: str
    category: str
    href: str
    """Empty: there is no page that shows more."""
    at: str


class Activity(NamedByUrl, rx.State):
    """The activity of a project that matches the query in the URL."""

    rows: list[ActivityRow] = []
    category: str = ""
    actor: str = ""
    has_more: bool = False
    is_loaded: bool = False
    _cursor: str = ""

    @rx.event
    async def load(self) -> None:
        """Load the entries that the URL names."""
        parameters = self._wanted().query_parameters
        self.reset()
        category = parameters.get("category", "")
        self.category = category if category in get_args(ActivityCategory) else ""
        self.actor = parameters.get("actor", "")[:200]
        self.query = self._encoded()
        await self._read()
        self.is_loaded = True

    @rx.event
    async def refresh(self) -> None:
        """Read the entries again, after something has happened."""
        if self.is_loaded:
            await self._read()

    @rx.event
    async def more(self) -> None:
        """Read the next page of entries."""
        rows = await self._page(Page(_PAGE_ROWS, self._cursor or None))
        known = {row.id for row in self.rows}
        self.rows = [*self.rows, *(row for row in rows if row.id not in known)]
        self.has_more = bool(self._cursor) and len(self.rows) < _MAX_ROWS

    @rx.event
    async def pick_category(self, category: str) -> None:
        """Show entries of one category; of all if it is empty."""
        self.category = category if category in get_args(ActivityCategory) else ""
        await self._go()

    @rx.event
    async def pick_actor(self, actor: str) -> None:
        """Show what one actor did; everyone if it is empty."""
        self.actor = actor[:200]
        await self._go()

    async def _go(self) -> None:
        self.query = self._encoded()
        self._note_change(is_entry=True)
        self.rows = []
        await self._read()

    def _encoded(self) -> str:
        parts = {"category": self.category, "actor": self.actor}
        return urlencode({name: value for name, value in parts.items() if value}, safe=":@")

    async def _read(self) -> None:
        count = min(max(len(self.rows), _PAGE_ROWS), _MAX_ROWS)
        rows = await self._page(Page(count))
        if rows != self.rows:
            self.rows = rows
        self.has_more = bool(self._cursor) and len(rows) < _MAX_ROWS

    async def _page(self, page: Page) -> list[ActivityRow]:
        filters = ActivityFilter(
            category=cast(ActivityCategory, self.category) if self.category else None,
            actor=self.actor or None,
        )
        async with session.acting(self, self.project) as act:
            found = await service.list_activity(act.session, act.principal, filters, page)
            rows = [_row(one, self.project) for one in found.items]
            await name_keys(act, rows, "actor", is_short=True)
        self._cursor = found.next_cursor or ""
        return rows


def _row(one: ActivityRead, project: str) -> ActivityRow:
    return ActivityRow(
        id=one.id,
        actor=one.actor.removeprefix("user:"),
        label=one.actor,
        summary=one.summary,
        category=_LABELS[one.category],
        href=f"/p/{project}{one.path}" if one.path else "",
        at=one.at.isoformat(),
    )


def page() -> rx.Component:
    """Render the filters and the entries."""
    return shell(
        "activity",
        [Crumb(Shell.project_name, "/p/" + Shell.project_slug), Crumb("Activity")],
        rx.el.h1("Activity", class_name="hidden-label"),
        UrlQuery.of(Activity),
        TopicChanges.create(project=Shell.project_slug, topic="activity", on_change=Activity.refresh),
        rx.cond(
            Activity.is_loaded,
            rx.el.div(
                _filters(),
                rx.cond(as_var(Activity.rows).length() > 0, _list(), _none()),
                class_name="col grow",
                style={"min_height": "0"},
            ),
            rx.el.p("Loading…", class_name="skeleton"),
        ),
    )


def _filters() -> rx.Component:
    return rx.el.div(
        segments(
            "Category",
            {"": "All", **_LABELS},
            Activity.category,
            Activity.pick_category,
            tab_index=0,
        ),
        rx.cond(
            Activity.actor != "",
            rx.el.button(
                Activity.actor,
                " ✕",
                type="button",
                class_name="chip cut",
                aria_label=f"Show the activity of everyone instead of {Activity.actor}",
                on_click=Activity.pick_actor(""),
            ),
        ),
        class_name="job-bar row wrap",
    )


def _list() -> rx.Component:
    return rx.el.div(
        rx.el.ol(
            rx.foreach(Activity.rows, _entry), class_name="entries activity-list", aria_label="Activity"
        ),
        more_button(Activity, class_name="pad"),
        class_name="scroll grow pad",
        tab_index=0,
        role="region",
        aria_label="Activity",
    )


def _entry(row: rx.Var[ActivityRow]) -> rx.Component:
    summary: Any = rx.cond(row.href != "", link(row.summary, href=row.href), rx.el.span(row.summary))
    return rx.el.li(
        rx.el.button(
            row.actor,
            type="button",
            class_name="who cut",
            title=f"Show only the activity of {row.actor}",
            on_click=Activity.pick_actor(row.label),
        ),
        summary,
        rx.el.span(class_name="grow"),
        tag(row.category),
        rx.el.span(Ago.create(moment=row.at), class_name="t3 num"),
        key=row.id.to(str),
    )


def _none() -> rx.Component:
    is_filtered = (Activity.category != "") | (Activity.actor != "")
    return empty(
        "history",
        rx.cond(is_filtered, "Nothing matches these filters", "Nothing has happened yet"),
        "Activity shows what members, API keys and jobs do in this project: published and promoted versions, comments, "
        "reviews, alerts, and new members.",
    )
