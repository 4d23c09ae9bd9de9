"""The state of the page of one job."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import reflex as rx

from backend.core.errors import Missing
from backend.core.ids import short
from backend.execution.jobs.cancel import cancel
from backend.execution.jobs.errors import JobNotFound
from backend.execution.jobs.failures.errors import FailureNotFound
from backend.execution.jobs.failures.queries import read_failure
from backend.execution.jobs.forks.replay import replay
from backend.execution.jobs.queries import get_job, get_row
from backend.execution.jobs.schemas import JobRead
from backend.identity.auth.principal import Role
from backend.identity.environments import PRODUCTION
from backend.integrations.providers.families import has_model, list_families
from backend.money.pricing import PriceList
from backend.skills.deployments import service as deployments
from backend.usage import queries as ledger
from studio import session
from studio.author_names import name_keys
from studio.job_facts import JobFacts, facts_of
from studio.pages.job.annotations import Annotations
from studio.pages.job.approval_bar import PendingApprovals
from studio.pages.job.comments import Comments
from studio.pages.job.feedback import Feedback
from studio.pages.job.receipt import ReceiptFacts, receipt_facts
from studio.pages.jobs.failures import decision_of
from studio.pages.play.columns import DRAFT
from studio.shell import Shell
from studio.skillpacks import job_names
from studio.skills import written_in
from studio.typing_of_reflex import Handled

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
    {"id": "comments", "label": "Comments"},
]
_MEASURED = ("memory_mb", "timeout_s")
_TRACED = ("exception", "bad_entrypoint", "bad_result")
"""Error codes of failures with a traceback of the skill's own code."""
_OF_EVENTS = frozenset({"timeline", "steps", "transcript", "sandbox", "events"})
"""Tabs that show all events of a job."""
_STATUS = {
    "queued": "Queued",
    "running": "Running",
    "waiting": "Waiting",
    "succeeded": "Succeeded",
    "failed": "Failed",
    "cancelled": "Canceled",
}
_TABS_OF_FUNCTIONS = [tab for tab in TABS if tab is not _TRANSCRIPT]
_TABS_OF_FLOWS = [{"id": "steps", "label": "Steps"}, *_TABS_OF_FUNCTIONS]
_TABS = {"agentic": TABS, "flow": _TABS_OF_FLOWS}


class JobPage(rx.State):
    """One job."""

    facts: JobFacts = JobFacts()
    inputs: dict[str, Any] = {}
    input_schema: dict[str, Any] = {}
    result: dict[str, Any] = {"value": None}
    """The result of the skill under `value`, since a state variable must have a known type."""
    output_schema: dict[str, Any] = {}
    outputs: list[dict[str, Any]] = []
    has_result: bool = False
    usage: dict[str, Any] = {}
    """What the job used: `wall_s`, `cpu_s`, `peak_memory_mb`."""
    limits: dict[str, float] = {}
    """The limits of its memory and time, if its skill or its caller has set them."""
    stream: str = ""
    seen: int = 0
    """Number of the newest event that `facts` include."""
    receipt: ReceiptFacts = ReceiptFacts([], [], [])
    newest: int = 0
    """The active version if the job has another one, otherwise 0."""
    play: str = ""
    """URL of the playground with the job's inputs; empty if the skill is not available there."""
    try_draft: str = ""
    """URL of the playground with this job next to the draft; empty if the skill is not available there."""
    notebook: str = ""
    """URL of the notebook page that opens the job in the draft of its skillpack."""
    assistant: str = ""
    """URL of the editor that names the failed job; empty if the assistant cannot work on its skill."""
    skillpack: str = ""
    """Slug of its skillpack in the project; empty for a skill of the marketplace."""
    version: int = 0
    """The version of its skillpack; 0 for a draft, and for a skill of the marketplace."""
    error_state: str = ""
    """What was decided about the error of the job: `Resolved in v5`, `Regressed`; empty if nothing was."""
    has_traceback: bool = False
    tabs: list[dict[str, str]] = TABS
    tab: str = TABS[0]["id"]
    is_loaded: bool = False
    _comments: int = 0
    """The number of comments and annotations."""
    _job: JobRead | None = None

    @rx.var
    def title(self) -> str:
        """Return the title of the page: the skill, the status, and the last characters of the ID."""
        return f"{self.facts.skill} · {_STATUS.get(self.facts.status, self.facts.status)} · {short(self.facts.id)}"

    @rx.var
    def needs_events(self) -> bool:
        """Return whether the tab or the head shows the events of the job."""
        return not self.facts.is_over or self.tab in _OF_EVENTS

    @rx.event
    async def load(self) -> Any:
        """Load the job of the URL."""
        if not self.is_loaded or self.job != self.facts.id:
            self.reset()
        try:
            async with session.acting(self, self.project) as act:
                await self._read(act)
                # With the job, since a part of the page that appears later moves the others.
                await (await self.get_state(PendingApprovals)).read(act, self.facts.id)
                await (await self.get_state(Feedback)).read(act, self.facts.id)
                await (await self.get_state(Annotations)).read(act, self.facts.id)
                await (await self.get_state(Comments)).read(act, self.facts.id)
                await (await self.get_state(Comments)).read_steps(act, self.facts.id)
                await self._count()
        except Missing as missing:
            return Shell.close(missing.detail)
        if self.job != self.facts.id:  # another notation of the ID
            query = self.router.url.query
            rest = f"?{query}" if query else ""
            return rx.redirect(f"/p/{self.project}/jobs/{self.facts.id}{rest}", replace=True)
        self.stream = f"{self.project}/{self.facts.id}"
        wanted = self.router.url.query_parameters.get("tab", "")
        self.tab = wanted if any(tab["id"] == wanted for tab in self.tabs) else self._first_tab()
        self._show_content()
        self.is_loaded = True
        return None

    @rx.event
    async def look(self) -> None:
        """Load the job again: its reason for waiting may have changed without an event."""
        async with session.acting(self, self.project) as act:
            await self._read(act)

    @rx.event
    async def turn(self, _event: str) -> Handled:
        """Load the job again after a change of its state."""
        async with session.acting(self, self.project) as act:
            await self._read(act)
        return PendingApprovals.look(self.facts.id)

    @rx.event
    async def count_comments(self) -> None:
        """Show the number of comments and annotations in the label of their tab."""
        await self._count()

    async def _count(self) -> None:
        comments, annotations = await self.get_state(Comments), await self.get_state(Annotations)
        self._comments = len(comments.rows) + len(annotations.rows)
        self.tabs = _with_count(self.tabs, self._comments)

    @rx.event
    def pick_tab(self, tab: str) -> None:
        """Show one tab; the URL names it, without a navigation."""
        self.tab = tab
        self._show_content()

    def _show_content(self) -> None:
        """Send the inputs or the result only to their own tabs: they can be large."""
        job = self._job
        self.inputs = job.inputs if job is not None and self.tab == "inputs" else {}
        self.result = {"value": job.result if job is not None and self.tab == "result" else None}

    @rx.event
    async def cancel(self) -> None:
        """Cancel the job."""
        async with session.acting(self, self.project) as act:
            await cancel(act.session, act.principal, UUID(self.facts.id))
        async with session.acting(self, self.project) as act:
            await self._read(act)

    @rx.event
    async def replay(self, key: str) -> Handled:
        """Replay the job on its version, and open the new job."""
        return await self._replay(key, None)

    @rx.event
    async def replay_on_newest(self, key: str) -> Handled:
        """Replay the job on the active version, and open the new job."""
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
        self.version = job.deployment_version or 0
        self.skillpack = names.slugs.get(job.skillpack_id, "")
        self.has_traceback = job.status == "failed" and job.error_code in _TRACED
        self.error_state = await self._read_error_state(act, job)
        pack = f"skillpack={self.skillpack}&" if self.skillpack else ""
        self.notebook = f"/p/{self.project}/notebook?{pack}job={job.id}"
        is_own = job.listing_id is None and not job.skill_name.startswith("@")
        can_assist = job.status == "failed" and is_own and await _has_assistant(act)
        self.assistant = f"/p/{self.project}/editor?{pack}job={job.id}" if can_assist else ""
        has_steps = (
            job.type == "agentic" or row.publisher_id is None
        )  # those of a listing are the publisher's
        tabs = _TABS.get(job.type, _TABS_OF_FUNCTIONS) if has_steps else _TABS_OF_FUNCTIONS
        self.tabs = _with_count(tabs, self._comments)
        self.receipt = receipt_facts(await ledger.receipt(act.session, act.principal, job_id))
        self.input_schema, self.output_schema = written.inputs, written.outputs
        self._job = job
        self._show_content()
        self.usage, self.limits = job.usage, _narrower(written.limits, job.limits)
        self.outputs, self.has_result = job.outputs, job.status == "succeeded"
        await self._read_skill(act, job)

    async def _read_error_state(self, act: session.Act, job: JobRead) -> str:
        if job.error_signature is None:
            return ""
        try:
            found = await read_failure(act.session, act.principal, job.error_signature)
        except FailureNotFound:
            return ""
        return decision_of(found, (await self.get_state(Shell)).time_zone)

    async def _read_skill(self, act: session.Act, job: JobRead) -> None:
        """Set the active version and the playground URL for the job's inputs."""
        self.newest, self.play, self.try_draft = 0, "", ""
        if job.prompt is not None:
            return
        try:
            now = await deployments.get_skill(
                act.session,
                act.principal,
                job.skill_name,
                skillpack=str(job.skillpack_id),
                environment=job.environment,
            )
        except Missing:
            return
        self.newest = now.version if now.version and now.version != job.deployment_version else 0
        pack = "" if now.is_default else f"skillpack={now.skillpack_slug}&"
        environment = "" if job.environment == PRODUCTION else f"environment={job.environment}&"
        play = f"/p/{self.project}/play/{job.skill_name}?{pack}{environment}"
        self.play = f"{play}from={job.id}"
        self.try_draft = f"{play}c={job.deployment_version or DRAFT}~~{job.id}&c={DRAFT}~~"

    def _first_tab(self) -> str:
        return "result" if self.facts.status == "succeeded" else self.tabs[0]["id"]


def _with_count(tabs: list[dict[str, str]], comments: int) -> list[dict[str, str]]:
    """Return the tabs, with the number of comments and annotations in the label of their tab."""
    label = f"Comments ({comments})" if comments else "Comments"
    return [{**tab, "label": label} if tab["id"] == "comments" else tab for tab in tabs]


def _narrower(declared: dict[str, float], requested: dict[str, Any]) -> dict[str, float]:
    """Return the limits of the job: the lower one of its own and of its skill's."""
    known = {
        name: [limits[name] for limits in (declared, requested) if limits.get(name)] for name in _MEASURED
    }
    return {name: min(values) for name, values in known.items() if values}


def _job_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise JobNotFound(text) from None


async def _has_assistant(act: session.Act) -> bool:
    """Return whether the user can start the assistant: it writes drafts, with a language model of the project."""
    if act.principal.role < Role.DEVELOPER:
        return False
    return has_model(await list_families(act.session, session.context(), act.principal))
