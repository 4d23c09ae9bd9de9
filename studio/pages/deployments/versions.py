"""The state of the page of deployments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast, get_args

import reflex as rx

from backend.core.db.paging import Page
from backend.identity.environments import PRODUCTION
from backend.publishing import stats
from backend.publishing import versions as publishing
from backend.publishing.schemas import ListedDeployment
from backend.publishing.stats import ListedVersion
from backend.skills.deployments import service
from backend.skills.deployments.listing import NEWEST_FIRST, DeploymentFilter, DeploymentSort
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.author_names import name_keys
from studio.first_snippets import of_push
from studio.formatting import size
from studio.page_queries import next_sort
from studio.pages.deployments.query import DeploymentQuery
from studio.selection import Selection
from studio.session import Act
from studio.skillpacks import Pack, chosen, packs_of
from studio.typing_of_reflex import Handled

PAGE_ROWS: Final = 50
MAX_LIVE_ROWS: Final = 200
"""Rows after these are read once, and not again when the list changes."""
COMPARED_VERSIONS: Final = 2
_GATES: Final = {"gating": "gate running", "refused": "gate rejected", "superseded": "gate stopped"}


@dataclass
class VersionRow:
    """The fields of a version in the list."""

    id: str = ""
    number: str = ""
    version: str = ""
    is_active: bool = False
    notes: str = ""
    skills: str = ""
    """The names of its skills, and the environments in which it is active, without production."""
    created_by: str = ""
    created_at: str = ""
    size: str = ""
    score: str = ""
    scores: str = ""
    """The mean score of each skill."""
    live: str = ""
    """The number of its unfinished jobs; empty for none."""
    gate: str = ""
    """The state of its gate, as text; empty if there is nothing to show."""
    gate_state: str = ""
    before: str = ""
    """The gate that must pass before its activation, as text; empty for none."""
    is_deletable: bool = False
    """Whether no environment and no unfinished job uses it."""


class Deployments(Selection, rx.State):
    """The versions of one skillpack; the URL contains the skillpack, filters, order and the compared versions."""

    packs: list[Pack] = []
    slug: str = ""
    rows: list[VersionRow] = []
    active: VersionRow = VersionRow()
    """The active version of production, also if the list does not show it."""
    previous: VersionRow = VersionRow()
    """The previously active version."""
    running_jobs: str = ""
    """The effect of another activation on the jobs of the active version, as text."""
    text: str = ""
    """A part of the release notes or of the name of a skill, or a version."""
    state: str = ""
    sort: str = NEWEST_FIRST
    base: str = ""
    head: str = ""
    gate_of: str = ""
    """ID of the version whose gate is shown."""
    message: str = ""
    """The result of the last action."""
    texts: dict[str, str] = {}
    """Code that publishes the first version, by language."""
    has_versions: bool = False
    """Whether the list is shown instead of the empty state of a skillpack without versions."""
    has_more: bool = False
    is_loaded: bool = False
    _cursor: str = ""

    @rx.event
    async def load(self) -> None:
        """Load the versions that the URL names."""
        query = DeploymentQuery.parse(self.router.url.query_parameters)
        self.reset()
        async with session.acting(self, self.project) as act:
            self.packs = await packs_of(act)
        self.slug = chosen(self.packs, query.skillpack)
        is_default = self.slug == self.packs[0].slug
        self.texts = of_push(session.context().settings.url, "" if is_default else self.slug)
        self.text, self.state, self.sort = query.q, query.state, query.sort
        self.base, self.head = query.base, query.head
        await self._read()
        self.gate_of = next((row.id for row in self.rows if row.gate_state == "gating"), "")
        self.is_loaded = True

    @rx.event
    async def refresh(self) -> None:
        """Load the list again."""
        if self.is_loaded and not self.base:
            await self._read()

    @rx.event
    async def more(self) -> None:
        """Read the next page of the list."""
        async with session.acting(self, self.project) as act:
            found = await self._page(act, Page(PAGE_ROWS, self._cursor))
        known = {row.id for row in self.rows}
        self.rows = [*self.rows, *(row for row in found if row.id not in known)]

    @rx.event
    def pick_pack(self, slug: str) -> Handled:
        """Show the versions of another skillpack."""
        return self._go(DeploymentQuery(slug))

    @rx.event
    def search(self, text: str) -> Handled:
        """Filter by text while the user types, which Back does not undo letter by letter."""
        is_typing = bool(self.text and text.strip())
        return self._go(replace(self.shown(), q=text.strip()), is_entry=not is_typing)

    @rx.event
    def pick_state(self, state: str) -> Handled:
        """Show the versions that are active, those that are not, or all."""
        return self._go(replace(self.shown(), state=state))

    @rx.event
    def sort_by(self, column: str) -> Handled:
        """Sort by a column: descending first, then ascending, then newest first again."""
        sort = next_sort(self.sort, column, default=NEWEST_FIRST)
        if sort not in get_args(DeploymentSort):
            return None
        return self._go(replace(self.shown(), sort=cast(DeploymentSort, sort)))

    @rx.event
    def compare_selected(self) -> Handled:
        """Compare the two selected versions."""
        numbers = [row.number for row in self.rows if row.id in self.picked]
        if len(numbers) != COMPARED_VERSIONS:
            return None
        older, newer = sorted(numbers, key=int)
        return self._compare(older, newer)

    @rx.event
    def compare_with_active(self, number: str) -> Handled:
        """Compare a version with the active one."""
        return self._compare(self.active.number, number)

    @rx.event
    def swap(self) -> Handled:
        """Reverse the comparison."""
        return self._compare(self.head, self.base)

    @rx.event
    def back_to_list(self) -> Handled:
        """Return to the list of versions."""
        return self._compare("", "")

    @rx.event
    async def activate(self, deployment_id: str) -> None:
        """Activate a version, or start its gate."""
        self.message = ""
        async with session.acting(self, self.project) as act:
            made = await publishing.activate(act.session, act.principal, deployment_id)
            state = (made.gate or {}).get("state", "")
        self.gate_of = deployment_id if state == "gating" else ""
        self.message = "" if self.gate_of else f"v{made.version} is active. Running jobs keep their version."
        await self._read()

    @rx.event
    async def roll_back(self) -> Handled:
        """Activate the previously active version."""
        await self._read()  # another user may have activated a version in the meantime
        if self.previous.id:
            return Deployments.activate(self.previous.id)
        return None

    @rx.event
    async def delete(self, deployment_id: str) -> None:
        """Delete a version."""
        async with session.acting(self, self.project) as act:
            await publishing.delete(act.session, act.principal, deployment_id)
        self.message = "The version was deleted. Its jobs are kept."
        await self._read()

    @rx.event
    def show_gate(self, deployment_id: str) -> None:
        """Show or hide the gate of a version."""
        self.gate_of = "" if self.gate_of == deployment_id else deployment_id

    @rx.event
    async def gate_settled(self, _state: str) -> None:
        """Load the versions again after a gate: the active version may have changed."""
        await self._read()

    def shown(self) -> DeploymentQuery:
        """Return the query of the page."""
        shown = {"skillpack": self.slug, "q": self.text, "state": self.state, "sort": self.sort}
        return DeploymentQuery.parse({**shown, "base": self.base, "head": self.head})

    def _selectable(self) -> list[str]:
        return [row.id for row in self.rows]

    async def _read(self) -> None:
        """Read the versions from the first one; their number stays the same."""
        count = min(max(len(self.rows), PAGE_ROWS), MAX_LIVE_ROWS)
        rest, cursor = self.rows[count:], self._cursor
        async with session.acting(self, self.project) as act:
            found = await self._page(act, Page(count))
            await self._read_active(act)
        if rest:
            self._cursor, self.has_more = cursor, bool(cursor)
        known = {row.id for row in found}
        rows = [*found, *(row for row in rest if row.id not in known)]
        if rows != self.rows:
            self.rows = rows
        self.has_versions = bool(rows or self.text or self.state)
        self._keep_picked({row.id for row in rows})

    async def _page(self, act: Act, page: Page) -> list[VersionRow]:
        query = self.shown()
        filters = DeploymentFilter(query.q or None, cast(Any, query.state) or None)
        found = await stats.list_versions(
            act.session, act.principal, page, filters, skillpack=self.slug, sort=query.sort
        )
        self._cursor = found.next_cursor or ""
        self.has_more = bool(self._cursor)
        return await self._rows_of(act, found.items)

    async def _read_active(self, act: Act) -> None:
        """Read the active and the previously active version."""
        pack = await skillpacks.get(act.session, act.principal, self.slug)
        ids = [pack.active_deployment_id, pack.previous_deployment_id]
        deployments = await service.by_ids(
            act.session, act.principal, [one for one in ids if one is not None]
        )
        listed = await stats.with_stats(act.session, act.principal, pack, list(deployments.values()))
        rows = {row.id: row for row in await self._rows_of(act, listed)}
        self.active = rows.get(str(pack.active_deployment_id), VersionRow())
        self.previous = rows.get(str(pack.previous_deployment_id), VersionRow())
        self.running_jobs = _running_jobs(self.active)

    async def _rows_of(self, act: Act, listed: Sequence[ListedVersion]) -> list[VersionRow]:
        rows = [self._row(ListedDeployment.of_listed(one)) for one in listed]
        await name_keys(act, rows, "created_by")
        return rows

    def _row(self, one: ListedDeployment) -> VersionRow:
        state = one.gate.state if one.gate else ""
        means = [score.mean_score for score in one.scores if score.mean_score is not None]
        has_gate = bool(one.gated_skills) and state != "passed"
        return VersionRow(
            id=str(one.id),
            number=str(one.version),
            version=f"v{one.version}",
            is_active=one.is_active,
            notes=one.notes,
            skills=_skills(one),
            created_by=one.created_by,
            created_at=one.created_at.isoformat(),
            size=size(one.size_bytes),
            score=f"{round(sum(means) / len(means), 1):g}" if means else "",
            scores=", ".join(f"{score.skill} {score.mean_score}" for score in one.scores),
            live=f"{one.live_jobs:,}" if one.live_jobs else "",
            gate=_GATES.get(state, ""),
            gate_state=state,
            before=_before(one.gated_skills) if has_gate else "",
            is_deletable=not (one.environments or one.live_jobs),
        )

    def _compare(self, base: str, head: str) -> Any:
        return self._go(replace(self.shown(), base=base, head=head))

    def _go(self, query: DeploymentQuery, *, is_entry: bool = True) -> Any:
        """Open the page with another query; Back undoes it if it is an entry of the history."""
        is_default = query.skillpack == self.packs[0].slug
        query_text = replace(query, skillpack="" if is_default else query.skillpack).encode()
        path = f"/p/{self.project}/deployments"
        return rx.redirect(f"{path}?{query_text}" if query_text else path, replace=not is_entry)


def _skills(one: ListedDeployment) -> str:
    active = [name for name in one.environments if name != PRODUCTION]
    return ", ".join(one.skills) + (f" · active in {' and '.join(active)}" if active else "")


def _running_jobs(active: VersionRow) -> str:
    if not active.id:
        return ""
    if not active.live:
        return f"No jobs are running on {active.version}."
    jobs = "1 job finishes" if active.live == "1" else f"{active.live} jobs finish"
    return f"{jobs} on {active.version}."


def _before(gated: list[str]) -> str:
    return f"The gate runs first: the version becomes active when the suites of {', '.join(gated)} pass. "
