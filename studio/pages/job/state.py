"""What the page of one job knows, and what it can do."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.errors import Missing
from backend.execution.jobs.cancel import cancel
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.forks.replay import replay
from backend.execution.jobs.queries import get_job, get_row
from backend.execution.jobs.schemas import JobRead
from backend.money.pricing import PriceList
from backend.skills.deployments import service as deployments
from backend.usage import queries as ledger
from studio import session
from studio.author_names import name_keys
from studio.job_facts import JobFacts, facts_of
from studio.pages.job.approval_bar import Asking
from studio.pages.job.feedback import Opinions
from studio.pages.job.receipt import ReceiptFacts, receipt_facts
from studio.shell import Shell
from studio.skillpacks import job_names
from studio.skills import written_in

_TRANSCRIPT = {"id": "transcript", "label": "Transcript"}
TABS = [
    {"id": "timeline", "label": "Timeline"},
    _TRANSCRIPT,
    {"id": "logs", "label": "Logs"},
    {"id": "result", "label": "Result"},
    {"id": "inputs", "label": "Inputs"},
    {"id": "receipt", "label": "Receipt"},
    {"id": "sandbox", "label": "Sandbox"},
    {"id": "events", "label": "Events"},
]
_MEASURED = ("memory_mb", "timeout_s")
_TRACED = ("exception", "bad_entrypoint", "bad_result")
"""Codes of errors that the skill's own code has raised."""
_TABS_OF_FUNCTIONS = [tab for tab in TABS if tab is not _TRANSCRIPT]


class JobPage(rx.State):
    """One job."""

    facts: JobFacts = JobFacts()
    inputs: dict[str, Any] = {}
    input_schema: dict[str, Any] = {}
    result: dict[str, Any] = {"value": None}
    """Whatever the skill returned, under `value`: a state holds no bare JSON."""
    output_schema: dict[str, Any] = {}
    outputs: list[dict[str, Any]] = []
    has_result: bool = False
    usage: dict[str, Any] = {}
    """What it took: `wall_s`, `cpu_s`, `peak_memory_mb`."""
    most: dict[str, float] = {}
    """What it could take at most of that, where its skill or its caller said so."""
    stream: str = ""
    seen: int = 0
    """Number of the newest event that the facts know of."""
    receipt: ReceiptFacts = ReceiptFacts([], [], [])
    newest: int = 0
    """The active version, where that is another one than the job's; else 0."""
    play: str = ""
    """Address of the playground with the job's inputs; empty where there is none for it."""
    notebook: str = ""
    """Address of the notebook page that opens the job in the working copy of its skillpack."""
    skillpack: str = ""
    """Slug of the project's skillpack that it runs; empty for a publisher's."""
    has_traceback: bool = False
    tabs: list[dict[str, str]] = TABS
    tab: str = TABS[0]["id"]
    is_loaded: bool = False

    @rx.event
    async def load(self):
        """Show the job of the address from its beginning."""
        self.reset()
        try:
            async with session.acting(self, self.project) as act:
                await self._read(act)
        except Missing as missing:
            return Shell.close(missing.detail)
        if self.job != self.facts.id:  # another spelling of the id
            query = self.router.url.query
            rest = f"?{query}" if query else ""
            return rx.redirect(f"/p/{self.project}/jobs/{self.facts.id}{rest}", replace=True)
        self.stream = f"{self.project}/{self.facts.id}"
        asked = self.router.url.query_parameters.get("tab", "")
        self.tab = asked if any(tab["id"] == asked for tab in self.tabs) else self._first_tab()
        self.is_loaded = True
        return [Asking.look(self.facts.id), Opinions.look(self.facts.id)]

    @rx.event
    async def look(self):
        """Read the job again: what it waits for may have changed without an event."""
        async with session.acting(self, self.project) as act:
            await self._read(act)

    @rx.event
    async def turn(self, _event: str):
        """Read the job again: its state has changed."""
        async with session.acting(self, self.project) as act:
            await self._read(act)
        return Asking.look(self.facts.id)

    @rx.event
    def pick_tab(self, tab: str):
        """Show one tab; the address names it, without a visit."""
        self.tab = tab

    @rx.event
    async def cancel(self):
        """End the job."""
        async with session.acting(self, self.project) as act:
            await cancel(act.session, act.principal, UUID(self.facts.id))
        async with session.acting(self, self.project) as act:
            await self._read(act)

    @rx.event
    async def replay(self, key: str):
        """Run the same inputs on the same version again, and go there."""
        return await self._replay(key, None)

    @rx.event
    async def replay_on_newest(self, key: str):
        """Run the same inputs on the active version, and go there."""
        return await self._replay(key, self.newest)

    async def _replay(self, key: str, version: int | None) -> Any:
        try:
            async with session.acting(self, self.project, once=key) as act:
                submitted = await replay(
                    act.session,
                    act.principal,
                    UUID(self.facts.id),
                    version=version,
                    prices=PriceList.of(session.context().settings),
                    max_queued=session.context().settings.max_queued_jobs,
                )
                await act.made(submitted.job_id)
            made = submitted.job_id
        except session.AlreadyDone as done:
            if done.job_id is None:
                raise
            made = done.job_id
        return rx.redirect(f"/p/{self.project}/jobs/{made}")

    async def _read(self, act: session.Act) -> None:
        job_id = _job_id(self.job)
        row = await get_row(act.session, act.principal, job_id)
        job = await get_job(act.session, act.principal, job_id)
        written = await written_in(act, row.deployment_id, job.skill_name)
        names = await job_names(act.session, act.principal)
        facts = facts_of(job, names.of(job))
        await name_keys(act, [facts], "submitted_by")
        self.facts, self.seen = facts, row.event_seq
        self.skillpack = names.slugs.get(job.skillpack_id, "")
        self.has_traceback = job.status == "failed" and job.error_code in _TRACED
        pack = f"skillpack={self.skillpack}&" if self.skillpack else ""
        self.notebook = f"/p/{self.project}/notebook?{pack}job={job.id}"
        self.tabs = TABS if job.type == "agentic" else _TABS_OF_FUNCTIONS
        self.receipt = receipt_facts(await ledger.receipt(act.session, act.principal, job_id))
        self.inputs, self.input_schema = job.inputs, written.inputs
        self.result, self.output_schema = {"value": job.result}, written.outputs
        self.usage, self.most = job.usage, _narrower(written.limits, job.limits)
        self.outputs, self.has_result = job.outputs, job.status == "succeeded"
        await self._read_skill(act, job)

    async def _read_skill(self, act: session.Act, job: JobRead) -> None:
        """What could be done with the job's inputs now."""
        self.newest, self.play = 0, ""
        if job.prompt is not None:
            return
        try:
            now = await deployments.get_skill(
                act.session, act.principal, job.skill_name, skillpack=str(job.skillpack_id)
            )
        except Missing:
            return
        self.newest = now.version if now.version and now.version != job.deployment_version else 0
        pack = "" if now.is_default else f"skillpack={now.skillpack_slug}&"
        self.play = f"/p/{self.project}/play/{job.skill_name}?{pack}from={job.id}"

    def _first_tab(self) -> str:
        return "result" if self.facts.status == "succeeded" else TABS[0]["id"]


def _narrower(declared: dict[str, float], asked: dict[str, Any]) -> dict[str, float]:
    """The limits that hold for the job: its own, where they are less than its skill's."""
    known = {name: [limits[name] for limits in (declared, asked) if limits.get(name)] for name in _MEASURED}
    return {name: min(values) for name, values in known.items() if values}


def _job_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise JobNotFound(text) from None
