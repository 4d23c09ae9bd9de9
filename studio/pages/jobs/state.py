"""The state of the list of jobs: its query, its rows and the selected rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final, cast

import reflex as rx

from backend.core.db.paging import Page
from backend.core.errors import NotAllowed
from backend.execution.jobs.failures.tables import STATES
from backend.execution.jobs.queries import list_jobs
from backend.execution.jobs.sorting import NEWEST_FIRST, SORTS, JobSort, cursor_position, parse_position
from backend.identity.api_keys import keys
from backend.identity.auth.principal import Role
from backend.skills.deployments import service as deployments
from studio import session
from studio.first_snippets import of_run
from studio.named_by_url import NamedByUrl
from studio.page_queries import next_sort
from studio.pages.jobs.query import (
    COLUMNS,
    DEFAULT_COLUMNS,
    FAILURE_DAYS,
    FILTERS,
    JobQuery,
    is_valid,
    parse_columns,
)
from studio.pages.jobs.rows import JobItem, items_of
from studio.selection import Selection
from studio.session import Act
from studio.skills import active_skills
from studio.typing_of_reflex import AsyncUpdates

PAGE_ROWS: Final = 50
MAX_LIVE_ROWS: Final = 200
"""Rows after these are loaded once, and not again when the list changes."""
MAX_ROWS: Final = 1_000
_MAX_CHOICES: Final = 100
_NO_FILTERS: Final = dict.fromkeys(FILTERS, "")


@dataclass
class Choice:
    """A value of a filter with its label."""

    value: str
    label: str


class Jobs(NamedByUrl, Selection, rx.State):
    """The jobs of a project that match the query in the URL."""

    filters: dict[str, str] = _NO_FILTERS
    sort: str = NEWEST_FIRST
    columns: list[str] = list(DEFAULT_COLUMNS)
    query: str = ""
    """The query of the URL as it should be."""
    compared: list[str] = []
    failure_days: int = 0
    """The period of the failures that are shown instead of the list; 0: the list."""
    failure_state: str = "open"
    """The state of the errors that are shown."""
    rows: list[JobItem] = []
    fresh: int = 0
    """The number of new jobs above the rows that do not move."""
    has_more: bool = False
    is_loaded: bool = False
    is_reading: bool = False
    has_jobs: bool = False
    has_skills: bool = False
    texts: dict[str, str] = {}
    """Code that submits the first job, by language."""
    skills: list[str] = []
    versions: list[Choice] = []
    keys: list[Choice] = []
    stored_columns: str = rx.LocalStorage("", name="job-columns", sync=True)
    """The columns that the user has chosen in this browser, separated by commas."""
    _url_columns: str = ""
    _project: str = ""
    _cursor: str = ""

    @rx.event
    async def load(self) -> AsyncUpdates:
        """Load the rows that the URL names, then the choices of the filters."""
        query = JobQuery.parse(self._wanted().query_parameters)
        is_other = self._project != self.project
        if is_other:
            stored = self.stored_columns
            self.reset()
            self.stored_columns, self._project = stored, self.project
        if is_other or query != self._query():
            self._set_query(query)
            self.rows, self.has_more, self.fresh, self.is_reading = [], False, 0, True
            yield
        await self._read()
        self.is_loaded = True
        if is_other:
            yield
            await self._read_choices()

    @rx.event
    async def refresh(self, is_held: bool) -> None:
        """Read the rows again; if they are held, they change where they are, and new ones are counted only."""
        await self._read(is_held=is_held and bool(self.rows))

    @rx.event
    async def more(self) -> None:
        """Read the next page of rows."""
        async with session.acting(self, self.project) as act:
            items = await self._page(act, Page(PAGE_ROWS, self._cursor))
        known = {row.id for row in self.rows}
        self.rows = [*self.rows, *(one for one in items if one.id not in known)]
        self.has_more = bool(self._cursor) and len(self.rows) < MAX_ROWS

    @rx.event
    async def set_filter(self, name: str, text: str) -> None:
        """Change a filter; an empty text removes it."""
        if name in FILTERS and (not text or is_valid(name, text)):
            await self._go(self._query().with_filters({name: text}))

    @rx.event
    async def search(self, text: str) -> None:
        """Search while the user types, which Back does not undo letter by letter."""
        await self._go(self._query().with_filters({"q": text.strip()[:200]}), is_entry=False)

    @rx.event
    async def pick_period(self, since: str, until: str) -> None:
        """Show the jobs of a period; of any time if both are empty."""
        period = {"since": since, "until": until}
        if all(not text or is_valid(name, text) for name, text in period.items()):
            await self._go(self._query().with_filters(period))

    @rx.event
    async def sort_by(self, column: str) -> None:
        """Sort by a column: descending first, then ascending, then newest first again."""
        order = next_sort(self.sort, column, default=NEWEST_FIRST)
        if order in SORTS:
            await self._go(replace(self._query(), sort=cast(JobSort, order)))

    @rx.event
    def show_failures(self, days: int) -> None:
        """Show the failures of this number of days; the list of jobs for 0."""
        if days in (0, *FAILURE_DAYS):
            self._change(replace(self._query(), failure_days=days))

    @rx.event
    def show_failure_state(self, state: str) -> None:
        """Show the errors in this state."""
        if state in STATES:
            self._change(replace(self._query(), failure_state=state))

    @rx.event
    async def clear(self) -> None:
        """Show all jobs."""
        await self._go(JobQuery(columns=self._query().columns))

    @rx.event
    def toggle_column(self, column: str) -> None:
        """Show or hide a column, and remember the columns in this browser."""
        shown = {*self.columns} ^ {column}
        self.columns = [one for one in COLUMNS if one in shown]
        self.stored_columns = ",".join(self.columns) or "none"
        self._change(replace(self._query(), columns=()), is_entry=False)

    @rx.event
    def compare(self) -> None:
        """Compare the two selected jobs."""
        if len(self.picked) == len({*self.picked}) == 2:
            self._change(replace(self._query(), compared=tuple(self.picked)))
            self.leave()

    @rx.event
    def stop_comparing(self) -> None:
        """Show the list again."""
        self._change(replace(self._query(), compared=()))

    def _selectable(self) -> list[str]:
        return [row.id for row in self.rows]

    def _query(self) -> JobQuery:
        return JobQuery.parse(
            {
                **self.filters,
                "sort": self.sort,
                "columns": self._url_columns,
                "compare": ",".join(self.compared),
                "failures": str(self.failure_days),
                "failure_state": self.failure_state,
            }
        )

    async def _go(self, query: JobQuery, *, is_entry: bool = True) -> None:
        if query != self._query():
            self._change(query, is_entry=is_entry)
            await self._read()

    def _change(self, query: JobQuery, *, is_entry: bool = True) -> None:
        self._set_query(query)
        self._note_change(is_entry=is_entry)

    def _set_query(self, query: JobQuery) -> None:
        chosen = query.columns or parse_columns(self.stored_columns)
        has_stored = bool(query.columns or self.stored_columns)
        self.filters = {**_NO_FILTERS, **query.filters}
        self.sort, self.compared = query.sort, list(query.compared)
        self.failure_days, self.failure_state = query.failure_days, query.failure_state
        self._url_columns = ",".join(query.columns)
        self.columns = list(chosen if has_stored else DEFAULT_COLUMNS)
        self.picked, self.is_picking = [], False
        self.query = query.encode()

    async def _read(self, *, is_held: bool = False) -> None:
        """Read the rows from the first one; their number stays the same."""
        count = min(max(len(self.rows), PAGE_ROWS), MAX_LIVE_ROWS)
        is_whole = len(self.rows) <= MAX_LIVE_ROWS
        cursor = self._cursor
        async with session.acting(self, self.project) as act:
            items = await self._page(act, Page(count))
            if not (items or self._has_filters()):
                await self._read_first_steps(act)
        if is_held:
            self._cursor = cursor
            self._hold(items)
            return
        rows = items if is_whole else [*items, *_without(self.rows[count:], items)]
        self._cursor = self._cursor if is_whole else cursor
        if rows != self.rows:
            self.rows = rows
        self.fresh, self.is_reading = 0, False
        self.has_more = bool(self._cursor) and len(rows) < MAX_ROWS
        self.has_jobs = self.has_jobs or bool(rows) or self._has_filters()
        shown = {row.id for row in rows}
        self._keep_picked(shown)

    def _hold(self, items: list[JobItem]) -> None:
        """Update the rows without moving them, and count the new ones above them."""
        newest = {one.id: one for one in items}
        rows = [newest.get(row.id, row) for row in self.rows]
        if rows != self.rows:
            self.rows = rows
        known = {row.id for row in self.rows}
        self.fresh = next((at for at, one in enumerate(items) if one.id in known), len(items))

    async def _page(self, act: Act, page: Page) -> list[JobItem]:
        query = self._query()
        found = await list_jobs(
            act.session,
            act.principal,
            filters=query.job_filter(),
            limit=page.limit + 1,
            sort=query.sort,
            after=parse_position(query.sort, page),
        )
        part = page.slice(found, lambda job: cursor_position(query.sort, job))
        self._cursor = part.next_cursor or ""
        return await items_of(act, part.items)

    def _has_filters(self) -> bool:
        return any(self.filters.values())

    async def _read_first_steps(self, act: Act) -> None:
        found = await active_skills(act)
        self.has_skills, self.texts = bool(found), of_run(session.context().settings.url, found)

    async def _read_choices(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await deployments.active_skills(act.session, act.principal)
            self.skills = sorted({one.skill.name for one in found})
            versions = await deployments.list_(act.session, act.principal, limit=PAGE_ROWS)
            self.versions = [Choice(str(one.version), f"v{one.version}") for one in versions]
            self.keys = await _key_choices(act)


async def _key_choices(act: Act) -> list[Choice]:
    """Return the API keys of the project; none for a user who may not list them."""
    try:
        act.principal.require(Role.ADMIN, "keys:read")
    except NotAllowed:
        return []
    page = await keys.list_keys(act.session, act.principal, Page(_MAX_CHOICES))
    return [Choice(str(one.id), one.name or one.prefix) for one in page.items]


def _without(rows: list[JobItem], others: list[JobItem]) -> list[JobItem]:
    known = {one.id for one in others}
    return [row for row in rows if row.id not in known]
