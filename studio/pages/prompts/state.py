"""The state of the page of prompts: the agent, the versions of its prompt, and the two that are compared."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import reflex as rx

from backend.authoring.drafts import reading
from backend.authoring.drafts.errors import DraftFileNotFound
from backend.core.errors import Missing
from backend.execution.jobs.queries import get_row
from backend.identity.api_keys import keys
from backend.publishing.prompts import service as prompts
from backend.publishing.prompts.schemas import PromptVersion, PromptVersionText
from backend.skills.skillpacks import service as skillpacks
from backend.skills.skillpacks.tables import full_name
from studio import session
from studio.formatting import usd
from studio.named_by_url import NamedByUrl
from studio.session import Act
from studio.shell import Shell
from studio.skills import SkillView, active_skills
from studio.typing_of_reflex import Handled

DRAFT: Final = "draft"
LABEL: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_MAX_DEPLOYMENTS: Final = 4


@dataclass
class PromptItem:
    """A version of the prompt, as the table shows it."""

    number: str
    """`draft`: the text of the draft, if no version has it."""
    title: str
    created_at: str = ""
    author: str = ""
    labels: list[str] = field(default_factory=list)
    deployments: str = ""
    active_in: list[str] = field(default_factory=list)
    used_in: str = ""
    jobs: str = ""
    success: str = ""
    cost: str = ""
    score: str = ""
    is_stored: bool = True


class Prompts(NamedByUrl, rx.State):
    """The versions of the prompt of one agent."""

    agents: list[SkillView] = []
    skill: str = ""
    """The name of the agent; empty if the project has none."""
    pack: str = ""
    """The slug of its skillpack."""
    full_name: str = ""
    play: str = ""
    """The URL of the playground of the agent."""
    rows: list[PromptItem] = []
    is_complete: bool = True
    base: str = ""
    head: str = ""
    """The versions that are compared."""
    before: str = ""
    after: str = ""
    job_id: str = ""
    """The job that the page was opened from."""
    job_number: str = ""
    """The version that this job has used."""
    job_play: str = ""
    """The URL of the playground with this job and the prompt of the draft."""
    labeling: str = ""
    """The version whose label is being entered."""
    problem: str = ""
    is_loaded: bool = False
    _draft: str | None = None

    @rx.event
    async def load(self) -> Handled:
        """Load the agent that the URL names, or that of a job."""
        asked = self._wanted().query_parameters
        self.reset()
        try:
            async with session.acting(self, self.project) as act:
                self.agents = [one for one in await active_skills(act) if one.kind == "agent"]
                if job := asked.get("job", ""):
                    await self._open_job(act, UUID(job))
                else:
                    pack = asked.get("skillpack", "")
                    first = next((one for one in self.agents if pack in ("", one.pack)), None)
                    self.skill = asked.get("skill", "") or (first.name if first else "")
                    self.pack = pack or (first.pack if first else "")
                    if asked.get("skill") and not pack:
                        same = [one.pack for one in self.agents if one.name == self.skill]
                        self.pack = same[0] if same else self.pack
                if self.skill:
                    await self._read(act, asked.get("base", ""), asked.get("head", ""))
        except (Missing, ValueError) as failed:
            return Shell.close(getattr(failed, "detail", "") or "The job ID is not valid.")
        self.is_loaded = True
        return None

    @rx.event
    def pick_agent(self, chosen: str) -> Handled:
        """Open the prompts of another agent."""
        pack, _, skill = chosen.partition(" ")
        return rx.redirect(f"/p/{self.project}/prompts?{urlencode({'skill': skill, 'skillpack': pack})}")

    @rx.event
    async def pick(self, side: str, number: str) -> None:
        """Compare another version."""
        async with session.acting(self, self.project) as act:
            await self._compare(
                act, number if side == "base" else self.base, number if side == "head" else self.head
            )
        self._note_change(is_entry=False)

    @rx.event
    async def show(self, number: str) -> None:
        """Compare a version with the one before it."""
        known = [row.number for row in self.rows]
        at = known.index(number) if number in known else 0
        async with session.acting(self, self.project) as act:
            await self._compare(act, known[min(at + 1, len(known) - 1)], number)
        self._note_change(is_entry=False)

    @rx.event
    async def more(self) -> None:
        """Read the deployments that were not read before."""
        async with session.acting(self, self.project) as act:
            await self._read(act, self.base, self.head)

    @rx.event
    def start_label(self, number: str) -> None:
        """Show the field for a label of a version."""
        self.labeling, self.problem = number, ""

    @rx.event
    def cancel_label(self) -> None:
        """Hide the field for a label."""
        self.labeling = self.problem = ""

    @rx.event
    async def add_label(self, form: dict[str, Any]) -> None:
        """Give the version the label; another version of the prompt loses it."""
        label = str(form.get("label", "")).strip().lower()
        if not LABEL.fullmatch(label):
            self.problem = "Use up to 40 small letters, digits, - and _, such as candidate."
            return
        async with session.acting(self, self.project) as act:
            await prompts.set_label(
                act.session,
                act.principal,
                self.skill,
                label,
                int(self.labeling),
                skillpack=self.pack,
                storage=session.context().storage,
            )
            self.labeling = self.problem = ""
            await self._read(act, self.base, self.head)

    @rx.event
    async def remove_label(self, label: str) -> None:
        """Delete a label."""
        async with session.acting(self, self.project) as act:
            await prompts.delete_label(act.session, act.principal, self.skill, label, skillpack=self.pack)
            await self._read(act, self.base, self.head)

    async def _open_job(self, act: Act, job_id: UUID) -> None:
        job = await get_row(act.session, act.principal, job_id)
        pack = await skillpacks.get(act.session, act.principal, str(job.skillpack_id))
        self.skill, self.pack, self.job_id = job.skill_name, pack.slug, str(job.id)
        if job.deployment_id is None:
            return
        storage = session.context().storage
        number = await prompts.number_of(
            act.session, act.principal, job.deployment_id, job.skill_name, storage=storage
        )
        self.job_number = "" if number is None else str(number)
        version = job.deployment_version or ""
        columns = [("skillpack", pack.slug), ("c", f"{version}~~{job.id}"), ("c", f"{DRAFT}~~")]
        self.job_play = f"/p/{self.project}/play/{job.skill_name}?{urlencode(columns, safe='~')}"

    async def _read(self, act: Act, base: str, head: str) -> None:
        storage = session.context().storage
        found = await prompts.history(
            act.session, act.principal, self.skill, skillpack=self.pack, storage=storage
        )
        pack = await skillpacks.get(act.session, act.principal, found.skillpack)
        self.skill, self.pack, self.is_complete = found.skill, found.skillpack, found.is_complete
        self.full_name = full_name(found.skill, found.skillpack, is_default=pack.is_default)
        self.play = f"/p/{self.project}/play/{found.skill}?{urlencode({'skillpack': found.skillpack})}"
        authors = [one.created_by for one in found.versions]
        names = await keys.names_of(act.session, act.principal, authors)
        rows = [_item(one, names.get(one.created_by, "")) for one in found.versions]
        self._draft = await self._read_draft(act, found.versions)
        if self._draft is not None:
            rows.insert(0, PromptItem(DRAFT, "Draft"))
        self.rows = rows
        numbers = [row.number for row in rows if row.is_stored]
        head = head if head in numbers else self.job_number if self.job_number in numbers else ""
        head = head or (numbers[0] if numbers else "")
        at = numbers.index(head) if head in numbers else 0
        base = base if base in numbers else (numbers[min(at + 1, len(numbers) - 1)] if numbers else "")
        await self._compare(act, base, head)

    async def _compare(self, act: Act, base: str, head: str) -> None:
        self.base, self.head = base, head
        self.before, self.after = await self._text(act, base), await self._text(act, head)
        place = {"skill": self.skill, "skillpack": self.pack, "base": base, "head": head}
        job = {"job": self.job_id} if self.job_id else {}
        self.query = urlencode({**place, **job})

    async def _text(self, act: Act, number: str) -> str:
        if not number:
            return ""
        if number == DRAFT:
            return self._draft or ""
        found = await self._version(act, int(number))
        return found.text or ""

    async def _version(self, act: Act, number: int) -> PromptVersionText:
        return await prompts.read(
            act.session,
            act.principal,
            self.skill,
            number,
            skillpack=self.pack,
            storage=session.context().storage,
        )

    async def _read_draft(self, act: Act, versions: Sequence[PromptVersion]) -> str | None:
        """Return the prompt of the draft, if it differs from the newest version; None without a draft."""
        stored = next((one.number for one in versions if one.is_stored), None)
        if stored is None:
            return None
        newest = await self._version(act, stored)
        pack = await skillpacks.get(act.session, act.principal, self.pack)
        try:
            file = await reading.read_file(act.session, act.principal, pack, newest.path)
        except DraftFileNotFound:
            return None
        text = file.content.decode("utf-8", "replace")
        return None if text == newest.text else text


def _item(version: PromptVersion, key_name: str) -> PromptItem:
    numbers = [f"v{one.version}" if one.version else "draft run" for one in version.deployments]
    shown = list(dict.fromkeys(numbers))
    rest = len(shown) - _MAX_DEPLOYMENTS
    statistics = version.statistics
    return PromptItem(
        number=str(version.number),
        title=f"Prompt {version.number}",
        created_at=version.created_at.isoformat(),
        author=key_name or version.created_by.removeprefix("user:"),
        labels=version.labels,
        deployments=", ".join(shown[:_MAX_DEPLOYMENTS]) + (f" and {rest} more" if rest > 0 else ""),
        active_in=sorted({name for one in version.deployments for name in one.active_in}),
        used_in=", ".join(statistics.environments) if statistics else "",
        jobs=str(statistics.jobs) if statistics else "",
        success=_percent(statistics.success_rate_pct) if statistics else "",
        cost=usd(statistics.p50_cost_micros)
        if statistics and statistics.p50_cost_micros is not None
        else "–",
        score="–" if version.eval_score is None else f"{version.eval_score:g}",
        is_stored=version.is_stored,
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:g} %"
