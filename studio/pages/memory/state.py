"""The state of the list of memory records: its query, its rows, and the form for a new record."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Final, cast, get_args

import reflex as rx

from backend.core import ids
from backend.core.db.paging import Page
from backend.core.errors import Conflict, Invalid
from backend.data.memory import queries, search
from backend.data.memory import writing as memory
from backend.data.memory.schemas import MAX_RESULTS, MemoryFilter, MemoryRead, MemorySearch, MemorySort
from studio import session
from studio.code_snippets import curl, of_route
from studio.forms import said
from studio.page_queries import next_sort
from studio.pages.memory import record_form
from studio.pages.memory.query import LAST_WRITTEN_FIRST, MemoryQuery
from studio.pages.memory.record import Record
from studio.selection import Selection
from studio.session import Act
from studio.typing_of_reflex import Handled

_ROWS: Final = 50
_MAX_KEPT_ROWS: Final = 200
"""Rows that are read again when a record is opened."""


@dataclass
class RecordRow:
    """The fields of a record in the list."""

    id: str
    href: str
    title: str
    summary: str
    kind: str
    key: str
    by: str
    job: str
    at: str
    is_pinned: bool
    is_forgotten: bool
    is_current: bool


class MemoryPage(Selection, rx.State):
    """The memory records of a project."""

    rows: list[RecordRow] = []
    query: str = ""
    state: str = "live"
    mtype: str = ""
    sort: str = LAST_WRITTEN_FIRST
    open_id: str = ""
    texts: dict[str, str] = {}
    problem: str = ""
    is_semantic: bool = False
    is_new: bool = False
    has_more: bool = False
    is_loaded: bool = False
    _cursor: str = ""
    _project: str = ""

    @rx.event
    async def load(self) -> Handled:
        """Load the search results and the record of the URL; the rows stay if only another record is opened."""
        query, before = MemoryQuery.parse(self.router.url.query_parameters), self.shown()
        is_same = self._project == self.project and replace(query, id=before.id) == before
        kept = (
            (self.picked, self.is_picking, len(self.rows)) if is_same and self.is_loaded else ([], False, 0)
        )
        self.reset()
        self._project = self.project
        self.picked, self.is_picking, count = kept
        self.query, self.open_id, self.sort = query.q, query.id, query.sort
        self.state, self.mtype = query.state, query.type
        self.texts = _texts(session.context().settings.url)
        await self._read(min(max(count, _ROWS), _MAX_KEPT_ROWS))
        self._keep_picked({row.id for row in self.rows})
        self.is_loaded = True
        return Record.open(self.open_id)

    @rx.event
    async def refresh(self) -> None:
        """Read the records again."""
        await self._read(min(max(len(self.rows), _ROWS), _MAX_KEPT_ROWS))

    @rx.event
    async def more(self) -> None:
        """Read the next page of the list."""
        async with session.acting(self, self.project) as act:
            found = await self._page(act, Page(_ROWS, self._cursor))
        known = {row.id for row in self.rows}
        self.rows = [*self.rows, *(row for row in found if row.id not in known)]

    @rx.event
    def search(self, text: str) -> Handled:
        """Search for records."""
        is_typing = bool(self.query and text.strip())
        return self._go(replace(self.shown(), q=text.strip(), state="live", id=""), is_entry=not is_typing)

    @rx.event
    def pick_state(self, state: str) -> Handled:
        """Show the records of a state; the search finds live records only."""
        return self._go(replace(self.shown(), state=cast(Any, state), q="", id=""))

    @rx.event
    def pick_type(self, mtype: str) -> Handled:
        """Show the records of a type; of all types if it is empty."""
        return self._go(replace(self.shown(), type=mtype, id=""))

    @rx.event
    def sort_by(self, column: str) -> Handled:
        """Sort by a column: the newest first, texts from A to Z; then the other way, then the last written first."""
        is_text = column != "updated_at"
        sort = next_sort(self.sort, column, default=LAST_WRITTEN_FIRST, is_ascending_first=is_text)
        if sort not in get_args(MemorySort):
            return None
        return self._go(replace(self.shown(), sort=cast(MemorySort, sort)))

    @rx.event
    def begin(self) -> None:
        """Show the form for a new record."""
        self.is_new, self.problem = True, ""

    @rx.event
    def stop(self) -> None:
        """Hide the form."""
        self.is_new = False

    @rx.event
    async def create(self, typed: dict[str, Any]) -> Handled:
        """Create a record."""
        try:
            new, context = record_form.new(typed), session.context()
            async with session.acting(self, self.project, once=typed) as act:
                written = await memory.put(
                    act.session, context.vault, act.principal, new, context.settings.quotas
                )
        except (Conflict, Invalid) as error:
            self.problem = said(error)
            return None
        return rx.redirect(f"/p/{self.project}/memory?id={written.id}")

    def shown(self) -> MemoryQuery:
        """Return the query of the page."""
        shown = {
            "q": self.query,
            "state": self.state,
            "type": self.mtype,
            "sort": self.sort,
            "id": self.open_id,
        }
        return MemoryQuery.parse(shown)

    def _selectable(self) -> list[str]:
        return [row.id for row in self.rows if not row.is_forgotten]

    async def _read(self, count: int) -> None:
        mtype: Any = self.mtype or None
        if self.query:
            async with session.acting(self, self.project) as act:
                who = act.principal
            wanted = MemorySearch(query=self.query, mtype=mtype, limit=MAX_RESULTS)
            found = await search.search(session.context(), who, wanted)
            self.is_semantic, self.has_more = found.is_semantic, False
            self.rows = [self._row(one) for one in found.results]
        else:
            async with session.acting(self, self.project) as act:
                self.rows = await self._page(act, Page(count))

    async def _page(self, act: Act, page: Page) -> list[RecordRow]:
        query = self.shown()
        mtype: Any = query.type or None
        filters = MemoryFilter(state=query.state, mtype=mtype)
        found = await queries.list_some(act.session, act.principal, filters, page, sort=query.sort)
        self._cursor = found.next_cursor or ""
        self.has_more = bool(self._cursor)
        return [self._row(MemoryRead.model_validate(one)) for one in found.items]

    def _row(self, one: MemoryRead) -> RecordRow:
        return RecordRow(
            id=str(one.id),
            href=self._address(replace(self.shown(), id=str(one.id))),
            title=one.title or one.entity_key or one.kind,
            summary=one.summary,
            kind=one.kind,
            key=one.entity_key or "",
            by=f"job {ids.short(one.job_id)}" if one.job_id else one.written_by,
            job=f"/p/{self.project}/jobs/{one.job_id}" if one.job_id else "",
            at=one.updated_at.isoformat(),
            is_pinned=one.pinned,
            is_forgotten=one.forgotten_at is not None,
            is_current=str(one.id) == self.open_id,
        )

    def _go(self, query: MemoryQuery, *, is_entry: bool = True) -> Any:
        """Open the page with another query; Back undoes it if it is an entry of the history."""
        return rx.redirect(self._address(query), replace=not is_entry)

    def _address(self, query: MemoryQuery) -> str:
        """Return the URL of the page with a query."""
        encoded = query.encode()
        return f"/p/{self.project}/memory{'?' + encoded if encoded else ''}"


def _texts(origin: str) -> dict[str, str]:
    """Return code that stores and finds records, by language."""
    record = {"kind": "customer", "entity_key": "acme", "record": {"tone": "formal"}}
    texts = of_route(origin, "POST", "/v1/memory", record)
    search = curl(origin, "POST", "/v1/memory/search", {"query": "Which tone does Acme want?"})
    return texts | {
        "curl": f"{texts['curl']}\n{search}",
        "skill": """\
from puras import memory

memory.put("customer", {"tone": "formal"}, entity_key="acme")
for found in memory.search("Which tone does Acme want?"):
    print(found["title"], found["record"])""",
    }
