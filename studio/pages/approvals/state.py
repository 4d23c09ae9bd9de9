"""The state of the inbox: its filters, the pending approvals and the selected ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Final, cast, get_args
from urllib.parse import urlencode

import reflex as rx

from backend.core import ids
from backend.core.clock import now
from backend.core.db.paging import Page
from backend.execution.approvals import service as approvals
from backend.identity.environments import Environment
from studio import deciding, session
from studio.deciding import Deciding, PendingCall
from studio.named_by_url import NamedByUrl
from studio.selection import Selection
from studio.session import Act

PAGE_ROWS: Final = 50
MAX_ROWS: Final = 500
AGES: Final = {"5m": 300, "1h": 3_600, "1d": 86_400}
"""Seconds by the value of the filter."""
_FILTERS: Final = ("skill", "environment", "age")
_NO_FILTERS: Final = dict.fromkeys(_FILTERS, "")


@dataclass
class InboxItem(PendingCall):
    """A pending approval with its job."""

    job_id: str = ""
    short_id: str = ""
    skill: str = ""
    environment: str = ""
    is_of_session: bool = False
    created_at: str = ""
    is_over: bool = False
    """Whether it was decided or has expired since it was read."""


class Inbox(NamedByUrl, Deciding, Selection, rx.State):
    """The pending approvals of a project."""

    filters: dict[str, str] = _NO_FILTERS
    rows: list[InboxItem] = []
    skills: list[str] = []
    fresh: int = 0
    """The number of new approvals above the rows that do not move."""
    has_more: bool = False
    is_loaded: bool = False
    _cursor: str = ""
    _project: str = ""

    @rx.event
    async def load(self) -> None:
        """Load the approvals that the URL names."""
        wanted = self._wanted().query_parameters
        if self._project != self.project:
            self.reset()
            self._project = self.project
        self._set_filters(wanted)
        await self._read()
        self.is_loaded = True

    @rx.event
    async def refresh(self, is_held: bool) -> None:
        """Read the approvals again; if they are held, they stay where they are, and new ones are counted only."""
        await self._read(is_held=is_held and bool(self.rows))

    @rx.event
    async def more(self) -> None:
        """Read the next page."""
        async with session.acting(self, self.project) as act:
            items = await self._page(act, Page(PAGE_ROWS, self._cursor))
        known = {row.id for row in self.rows}
        self.rows = [*self.rows, *(one for one in items if one.id not in known)]
        self.has_more = bool(self._cursor) and len(self.rows) < MAX_ROWS

    @rx.event
    async def set_filter(self, name: str, text: str) -> None:
        """Change a filter; an empty text removes it."""
        await self._go({**self.filters, name: text})

    @rx.event
    async def clear(self) -> None:
        """Show all pending approvals."""
        await self._go({})

    @rx.event
    def leave(self) -> None:
        """Deselect all approvals, and close the forms."""
        self.picked, self.editing, self.rejecting = [], "", ""

    @rx.event
    async def act(self, kind: str, approval_id: str) -> None:
        """Perform the action of a key on the approval with the focus."""
        row = next((one for one in self.rows if one.id == approval_id), None)
        if row is None or row.is_over or not row.may_decide:
            return
        if kind == "approve" and not row.has_form:
            await self._decide(approval_id, "approved")
        elif kind == "deny":
            self.rejecting, self.reason, self.editing = approval_id, "", ""
        elif kind == "edit" and row.can_edit:
            self.editing, self.rejecting, self.wrong, self.errors = approval_id, "", "", {}

    def _selectable(self) -> list[str]:
        return [row.id for row in self.rows if not row.is_over]

    def _forget(self, approval_id: str) -> None:
        self.rows = [row for row in self.rows if row.id != approval_id]
        self.picked = [one for one in self.picked if one != approval_id]

    async def _go(self, filters: Mapping[str, str]) -> None:
        self._set_filters(filters)
        self._note_change(is_entry=False)
        await self._read()

    def _set_filters(self, given: Mapping[str, str]) -> None:
        filters = {name: given.get(name, "")[:200] for name in _FILTERS}
        if filters["environment"] not in get_args(Environment):
            filters["environment"] = ""
        if filters["age"] not in AGES:
            filters["age"] = ""
        self.filters = filters
        self.query = urlencode({name: text for name, text in filters.items() if text})
        self.picked = []

    async def _read(self, *, is_held: bool = False) -> None:
        """Read the approvals from the first one; their number stays the same."""
        cursor = self._cursor
        count = min(max(len(self.rows), PAGE_ROWS), MAX_ROWS)
        async with session.acting(self, self.project) as act:
            items = await self._page(act, Page(count))
            self.skills = list(await approvals.skills_waiting(act.session, act.principal))
        if is_held:
            self._cursor = cursor
            self._hold(items)
            return
        if items != self.rows:
            self.rows = items
        self.fresh, self.has_more = 0, bool(self._cursor) and len(items) < MAX_ROWS
        shown = {row.id for row in items}
        self._keep_picked(shown)

    def _hold(self, items: list[InboxItem]) -> None:
        """Mark the approvals that are not pending any more, and count the new ones."""
        pending = {one.id for one in items}
        for row in self.rows:
            row.is_over = row.id not in pending
        self.rows = list(self.rows)
        self._keep_picked(pending)
        known = {row.id for row in self.rows}
        self.fresh = sum(one.id not in known for one in items)

    async def _page(self, act: Act, page: Page) -> list[InboxItem]:
        age = AGES.get(self.filters["age"])
        filters = approvals.ApprovalFilter(
            status="pending",
            skill=self.filters["skill"] or None,
            environment=cast(Environment, self.filters["environment"]) or None,
            until=None if age is None else now() - timedelta(seconds=age),
        )
        found = await approvals.list_approvals(act.session, act.principal, page, filters)
        self._cursor = found.next_cursor or ""
        jobs = await approvals.jobs_of(act.session, act.principal, found.items)
        calls = await deciding.pending_calls(act.session, act.principal, found.items)
        return [
            InboxItem(
                **asdict(call),
                job_id=str(one.job_id),
                short_id=ids.short(one.job_id),
                skill=job.skill,
                environment=job.environment,
                is_of_session=job.session_id is not None,
                created_at=one.created_at.isoformat(),
            )
            for one, call in zip(found.items, calls, strict=True)
            if (job := jobs.get(one.job_id)) is not None
        ]
