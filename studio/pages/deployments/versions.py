"""The state of the page of deployments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import reflex as rx

from backend.identity.environments import PRODUCTION
from backend.publishing import stats
from backend.publishing import versions as publishing
from backend.publishing.schemas import ListedDeployment
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.author_names import name_keys
from studio.first_snippets import of_push
from studio.formatting import size
from studio.skillpacks import Pack, chosen, packs_of
from studio.typing_of_reflex import Handled

PAGE_ROWS: Final = 50
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
    is_selected: bool = False


class Deployments(rx.State):
    """The versions of one skillpack; the URL contains the skillpack and the compared versions."""

    packs: list[Pack] = []
    slug: str = ""
    rows: list[VersionRow] = []
    active: VersionRow = VersionRow()
    previous: VersionRow = VersionRow()
    """The previously active version."""
    running_jobs: str = ""
    """The effect of another activation on the jobs of the active version, as text."""
    selected: list[str] = []
    """Numbers of the versions to compare, at most two."""
    base: str = ""
    head: str = ""
    gate_of: str = ""
    """ID of the version whose gate is shown."""
    message: str = ""
    """The result of the last action."""
    texts: dict[str, str] = {}
    """Code that publishes the first version, by language."""
    has_more: bool = False
    is_loaded: bool = False
    _limit: int = PAGE_ROWS

    @rx.event
    async def load(self) -> None:
        """Load the versions of the skillpack in the URL."""
        query = self.router.url.query_parameters
        self.reset()
        async with session.acting(self, self.project) as act:
            self.packs = await packs_of(act)
        self.slug = chosen(self.packs, query.get("skillpack", ""))
        is_default = self.slug == self.packs[0].slug
        self.texts = of_push(session.context().settings.url, "" if is_default else self.slug)
        await self._read()
        self.base, self.head = _number(query.get("base", "")), _number(query.get("head", ""))
        if not (self.base and self.head):
            self.base = self.head = ""
        self.gate_of = next((row.id for row in self.rows if row.gate_state == "gating"), "")
        self.is_loaded = True

    @rx.event
    async def refresh(self) -> None:
        """Load the list again."""
        if self.is_loaded and not self.base:
            await self._read()

    @rx.event
    async def more(self) -> None:
        """Show another page of the list."""
        self._limit += PAGE_ROWS
        await self._read()

    @rx.event
    def pick_pack(self, slug: str) -> Handled:
        """Show the versions of another skillpack."""
        return self._go(skillpack=slug)

    @rx.event
    async def select(self, number: str) -> None:
        """Select or deselect a version to compare; a third selection replaces the oldest one."""
        if number in self.selected:
            self.selected = [one for one in self.selected if one != number]
        else:
            self.selected = [*self.selected, number][-2:]
        await self._read()

    @rx.event
    def compare_selected(self) -> Handled:
        """Compare the two selected versions."""
        older, newer = sorted(self.selected, key=int)
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
        return self._go(skillpack=self.slug)

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
        self.selected, self.message = [], "The version was deleted. Its jobs are kept."
        await self._read()

    @rx.event
    def show_gate(self, deployment_id: str) -> None:
        """Show or hide the gate of a version."""
        self.gate_of = "" if self.gate_of == deployment_id else deployment_id

    @rx.event
    async def gate_settled(self, _state: str) -> None:
        """Load the versions again after a gate: the active version may have changed."""
        await self._read()

    async def _read(self) -> None:
        async with session.acting(self, self.project) as act:
            found = await stats.list_versions(
                act.session, act.principal, skillpack=self.slug, limit=self._limit + 1
            )
            pack = await skillpacks.get(act.session, act.principal, self.slug)
            previous_id = str(pack.previous_deployment_id or "")
            rows = [self._row(ListedDeployment.of_listed(one)) for one in found]
            await name_keys(act, rows, "created_by")
        self.has_more = len(rows) > self._limit
        if rows[: self._limit] != self.rows:
            self.rows = rows[: self._limit]
        self.active = next((row for row in rows if row.is_active), VersionRow())
        self.previous = next((row for row in rows if row.id == previous_id), VersionRow())
        self.running_jobs = _running_jobs(self.active)

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
            is_selected=str(one.version) in self.selected,
        )

    def _compare(self, base: str, head: str) -> Any:
        return self._go(skillpack=self.slug, base=base, head=head)

    def _go(self, **query: str) -> Any:
        is_default = query.get("skillpack") == self.packs[0].slug
        encoded = urlencode(
            {name: value for name, value in query.items() if name != "skillpack" or not is_default}
        )
        return rx.redirect(f"/p/{self.project}/deployments{'?' + encoded if encoded else ''}")


def _skills(one: ListedDeployment) -> str:
    active = [name for name in one.environments if name != PRODUCTION]
    return ", ".join(one.skills) + (f" · active in {' and '.join(active)}" if active else "")


def _number(text: str) -> str:
    """Return the number of a version in a URL; empty if it is not a number."""
    return text if text.isascii() and text.isdecimal() and len(text) <= 9 else ""


def _running_jobs(active: VersionRow) -> str:
    if not active.id:
        return ""
    if not active.live:
        return f"No jobs are running on {active.version}."
    jobs = "1 job finishes" if active.live == "1" else f"{active.live} jobs finish"
    return f"{jobs} on {active.version}."


def _before(gated: list[str]) -> str:
    return f"The gate runs first: the version becomes active when the suites of {', '.join(gated)} pass. "
