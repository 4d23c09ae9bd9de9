"""What the page of deployments knows and does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import reflex as rx

from backend.publishing import stats
from backend.publishing import versions as publishing
from backend.publishing.schemas import ListedDeployment
from backend.skills.skillpacks import service as skillpacks
from studio import session
from studio.author_names import name_keys
from studio.first_snippets import of_push
from studio.formatting import size
from studio.skillpacks import Pack, chosen, packs_of

PAGE_ROWS: Final = 50
_GATES: Final = {"gating": "gate runs", "refused": "gate refused", "superseded": "gate given up"}


@dataclass
class VersionRow:
    """What the list shows of a version."""

    id: str = ""
    number: str = ""
    version: str = ""
    is_active: bool = False
    notes: str = ""
    skills: str = ""
    created_by: str = ""
    created_at: str = ""
    size: str = ""
    score: str = ""
    scores: str = ""
    """Of each skill."""
    live: str = ""
    """How many jobs have not ended on it; empty for none."""
    gate: str = ""
    """What there is to say of its gate."""
    gate_state: str = ""
    before: str = ""
    """What happens before it becomes active; empty: nothing."""
    is_chosen: bool = False


class Deployments(rx.State):
    """The versions of one skillpack; the skillpack, and what is compared, live in the address."""

    packs: list[Pack] = []
    slug: str = ""
    rows: list[VersionRow] = []
    active: VersionRow = VersionRow()
    previous: VersionRow = VersionRow()
    """The one that was active before."""
    staying: str = ""
    """What becomes of the jobs of the active version when another one is activated."""
    chosen: list[str] = []
    """Numbers of versions that somebody wants to compare, at most two."""
    base: str = ""
    head: str = ""
    gate_of: str = ""
    """Id of the version whose gate is shown."""
    done: str = ""
    """What the last act came to."""
    texts: dict[str, str] = {}
    """How the first version is made from code."""
    has_more: bool = False
    is_loaded: bool = False
    _limit: int = PAGE_ROWS

    @rx.event
    async def load(self):
        """Read the versions of the skillpack that the address names."""
        asked = self.router.url.query_parameters
        self.reset()
        async with session.acting(self, self.project) as act:
            self.packs = await packs_of(act)
        self.slug = chosen(self.packs, asked.get("skillpack", ""))
        is_default = self.slug == self.packs[0].slug
        self.texts = of_push(session.context().settings.url, "" if is_default else self.slug)
        await self._read()
        self.base, self.head = _number(asked.get("base", "")), _number(asked.get("head", ""))
        if not (self.base and self.head):
            self.base = self.head = ""
        self.gate_of = next((row.id for row in self.rows if row.gate_state == "gating"), "")
        self.is_loaded = True

    @rx.event
    async def refresh(self):
        """Read again what is shown."""
        if self.is_loaded and not self.base:
            await self._read()

    @rx.event
    async def more(self):
        """Show a page more."""
        self._limit += PAGE_ROWS
        await self._read()

    @rx.event
    def pick_pack(self, slug: str):
        """Show the versions of another skillpack."""
        return self._go(skillpack=slug)

    @rx.event
    async def choose(self, number: str):
        """Choose a version to compare, or take the choice back; of three the first one goes."""
        if number in self.chosen:
            self.chosen = [one for one in self.chosen if one != number]
        else:
            self.chosen = [*self.chosen, number][-2:]
        await self._read()

    @rx.event
    def compare_chosen(self):
        """Show what the newer one of both changes."""
        older, newer = sorted(self.chosen, key=int)
        return self._compare(older, newer)

    @rx.event
    def compare_with_active(self, number: str):
        """Show what a version changes over the active one."""
        return self._compare(self.active.number, number)

    @rx.event
    def swap(self):
        """Show the same comparison the other way round."""
        return self._compare(self.head, self.base)

    @rx.event
    def back_to_list(self):
        """Show the versions again."""
        return self._go(skillpack=self.slug)

    @rx.event
    async def activate(self, deployment_id: str):
        """Make a version the active one, or begin its gate."""
        self.done = ""
        async with session.acting(self, self.project) as act:
            made = await publishing.activate(act.session, act.principal, deployment_id)
            state = (made.gate or {}).get("state", "")
        self.gate_of = deployment_id if state == "gating" else ""
        self.done = (
            "" if self.gate_of else f"v{made.version} is active. Jobs that run go on with their version."
        )
        await self._read()

    @rx.event
    async def roll_back(self):
        """Make the version active that was so before."""
        await self._read()  # somebody else may have activated another one meanwhile
        if self.previous.id:
            return Deployments.activate(self.previous.id)
        return None

    @rx.event
    async def delete(self, deployment_id: str):
        """Delete a version."""
        async with session.acting(self, self.project) as act:
            await publishing.delete(act.session, act.principal, deployment_id)
        self.chosen, self.done = [], "The version is deleted. Jobs that ran on it stay."
        await self._read()

    @rx.event
    def show_gate(self, deployment_id: str):
        """Show how a version stands with its gates, or put that away."""
        self.gate_of = "" if self.gate_of == deployment_id else deployment_id

    @rx.event
    async def gate_settled(self, _state: str):
        """A gate has been decided: which version is active may have changed."""
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
        self.staying = _staying(self.active)

    def _row(self, one: ListedDeployment) -> VersionRow:
        state = one.gate.state if one.gate else ""
        means = [score.mean_score for score in one.scores if score.mean_score is not None]
        waits = bool(one.gated_skills) and state != "passed"
        return VersionRow(
            id=str(one.id),
            number=str(one.version),
            version=f"v{one.version}",
            is_active=one.is_active,
            notes=one.notes,
            skills=", ".join(one.skills),
            created_by=one.created_by,
            created_at=one.created_at.isoformat(),
            size=size(one.size_bytes),
            score=f"{round(sum(means) / len(means), 1):g}" if means else "",
            scores=", ".join(f"{score.skill} {score.mean_score}" for score in one.scores),
            live=f"{one.live_jobs:,}" if one.live_jobs else "",
            gate=_GATES.get(state, ""),
            gate_state=state,
            before=_before(one.gated_skills) if waits else "",
            is_chosen=str(one.version) in self.chosen,
        )

    def _compare(self, base: str, head: str) -> Any:
        return self._go(skillpack=self.slug, base=base, head=head)

    def _go(self, **asked: str) -> Any:
        is_default = asked.get("skillpack") == self.packs[0].slug
        query = urlencode(
            {name: value for name, value in asked.items() if name != "skillpack" or not is_default}
        )
        return rx.redirect(f"/p/{self.project}/deployments{'?' + query if query else ''}", replace=True)


def _number(asked: str) -> str:
    """The number of a version, as an address may name it; empty where it names none."""
    return asked if asked.isascii() and asked.isdecimal() and len(asked) <= 9 else ""


def _staying(active: VersionRow) -> str:
    if not active.id:
        return ""
    if not active.live:
        return f"No job runs on {active.version} now."
    jobs = "1 job finishes" if active.live == "1" else f"{active.live} jobs finish"
    return f"{jobs} on {active.version}, which they began with."


def _before(gated: list[str]) -> str:
    return (
        f"Its gate comes first: the suites of {', '.join(gated)} run, and it becomes active when they pass. "
    )
