"""The state of the page on which a reviewer works through the jobs of an annotation queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import reflex as rx

from backend.core.errors import Conflict, Invalid, Missing, PurasError
from backend.evals.annotations import items, queues, reviews
from backend.evals.annotations.errors import AnnotationItemNotFound, AnnotationQueueNotFound
from backend.evals.annotations.schemas import AnnotationPut, AnnotationQueueRead, AnnotationRead
from backend.evals.annotations.tables import AnnotationItem
from backend.execution.jobs.queries import get_job, get_row
from backend.execution.jobs.schemas import JobRead
from backend.identity.auth.principal import Role
from studio import session
from studio.forms import parsed, said
from studio.job_facts import JobFacts, facts_of
from studio.job_steps import step_names
from studio.session import Act
from studio.shell import Shell
from studio.skillpacks import job_names
from studio.skills import written_in

MAX_TYPED_CHARACTERS: Final = 200_000
"""A longer output is corrected over the API."""
MAX_VISITED: Final = 100
_RESULT: Final = {"id": "result", "label": "Result"}
_INPUTS: Final = {"id": "inputs", "label": "Inputs"}
_TRANSCRIPT: Final = {"id": "transcript", "label": "Transcript"}


@dataclass
class OtherReview:
    """The review of another reviewer, as text."""

    by: str
    scores: str
    comment: str
    step: str


class Review(rx.State):
    """A queue, and the job of it that the user reviews."""

    name: str = ""
    instructions: str = ""
    rubric: list[dict[str, Any]] = []
    pending: int = 0
    done: int = 0
    skipped: int = 0
    item: str = ""
    """ID of the item that is shown; empty: no job is pending."""
    item_status: str = ""
    facts: JobFacts = JobFacts()
    inputs: dict[str, Any] = {}
    result: dict[str, Any] = {"value": None}
    input_schema: dict[str, Any] = {}
    output_schema: dict[str, Any] = {}
    outputs: list[dict[str, Any]] = []
    stream: str = ""
    tabs: list[dict[str, str]] = [_RESULT, _INPUTS]
    tab: str = "result"
    steps: list[str] = []
    step: str = ""
    subject: str = ""
    scores: dict[str, Any] = {}
    comment: str = ""
    corrected: str = ""
    output: str = ""
    is_text: bool = False
    others: list[OtherReview] = []
    problem: str = ""
    busy_with: str = ""
    """Why the item of the URL cannot be reviewed."""
    is_loaded: bool = False
    visited: list[str] = []
    """The items before the present one, for Previous."""
    _number: int = 0
    _queue: str = ""
    _job: JobRead | None = None

    @rx.var
    def total(self) -> int:
        """Return the number of jobs in the queue."""
        return self.pending + self.done + self.skipped

    @rx.var
    def finished(self) -> int:
        """Return the percentage of the jobs that are done or skipped."""
        return round(100 * (self.done + self.skipped) / self.total) if self.total else 0

    @rx.event
    async def load(self) -> Any:
        """Load the queue, and claim its next job or the one that the URL names."""
        self.reset()
        self._queue = self.annotation_queue
        wanted = self.router.url.query_parameters.get("item", "")
        try:
            async with session.acting(self, self.project) as act:
                await self._read_queue(act)
                if act.principal.role >= Role.DEVELOPER:
                    await self._open_first(act, wanted)
        except Missing as missing:
            return Shell.close(missing.detail)
        self.is_loaded = True
        return None

    @rx.event
    async def refresh(self) -> None:
        """Read the progress again after a change by any reviewer."""
        if self.is_loaded:
            async with session.acting(self, self.project) as act:
                await self._read_queue(act)
                if not self.item and self.pending and act.principal.role >= Role.DEVELOPER:
                    await self._open_next(act)

    @rx.event
    async def renew(self) -> None:
        """Extend the claim while the page is open."""
        if self.item and self.item_status == "pending":
            try:
                async with session.acting(self, self.project) as act:
                    await items.claim(act.session, act.principal, self._queue_id(), UUID(self.item))
            except PurasError as error:
                self.problem = error.detail

    @rx.event
    async def save(self, review: dict[str, Any], key: str) -> None:
        """Save the review, and open the next job."""
        self.problem = ""
        body = {"scores": review["scores"], "comment": review["comment"], "step": self.step or None}
        if review["has_output"] and not self.step:
            body["corrected_output"] = review["output"]
        try:
            async with session.acting(self, self.project, once=key) as act:
                request = parsed(AnnotationPut, body)
                await reviews.save(act.session, act.principal, self._queue_id(), UUID(self.item), request)
        except session.AlreadyDone:
            pass
        except (Conflict, Invalid) as refused:
            self.problem = said(refused)
            return
        async with session.acting(self, self.project) as act:
            if self.step:
                await self._open(act, self.item, step=self.step)
            else:
                await self._advance(act)

    @rx.event
    async def skip(self) -> None:
        """Skip the job, and open the next one."""
        await self._move(is_skipping=True)

    @rx.event
    async def open_next(self) -> None:
        """Open the next pending job, without a review of the present one."""
        await self._move(is_skipping=False)

    @rx.event
    async def open_previous(self) -> None:
        """Open the item before the present one."""
        if not self.visited:
            return
        async with session.acting(self, self.project) as act:
            await self._open(act, self.visited[-1])
        self.visited = self.visited[:-1]

    @rx.event
    async def pick_step(self, step: str) -> None:
        """Show the review of a step, or of the whole job if it is empty."""
        async with session.acting(self, self.project) as act:
            await self._open(act, self.item, step=step)

    @rx.event
    def pick_tab(self, tab: str) -> None:
        """Show one part of the job."""
        self.tab = tab
        self._show_content()

    async def _move(self, *, is_skipping: bool) -> None:
        self.problem = ""
        try:
            async with session.acting(self, self.project) as act:
                if is_skipping and self.item:
                    await items.skip(act.session, act.principal, self._queue_id(), UUID(self.item))
                await self._advance(act)
        except Conflict as refused:
            self.problem = refused.detail

    async def _advance(self, act: Act) -> None:
        before = self.item
        await self._open_next(act)
        if before and before != self.item:
            self.visited = [*self.visited, before][-MAX_VISITED:]

    async def _open_first(self, act: Act, wanted: str) -> None:
        """Open the item of the URL, or the next one if another reviewer works on it."""
        if wanted:
            try:
                await self._open(act, wanted)
            except (Conflict, Missing) as refused:
                self.busy_with = refused.detail
            else:
                return
        await self._open_next(act)

    async def _open_next(self, act: Act) -> None:
        found = await items.claim_next(
            act.session, act.principal, self._queue_id(), after=self._number or None
        )
        if found is None:
            self.item = self.subject = ""
            await self._read_queue(act)
            return
        await self._open(act, str(found.id))

    async def _open(self, act: Act, item_id: str, *, step: str = "") -> None:
        queue = await self._read_queue(act)
        item = await self._claim(act, item_id)
        job = await get_job(act.session, act.principal, item.job_id)
        self.facts = facts_of(job, (await job_names(act.session, act.principal)).of(job))
        row = await get_row(act.session, act.principal, item.job_id)
        written = await written_in(act, row.deployment_id, job.skill_name)
        self.input_schema, self.output_schema = written.inputs, written.outputs
        self.outputs, self._job = job.outputs, job
        self.stream = f"{self.project}/{job.id}"
        can_read_steps = row.publisher_id is None
        self.tabs = [_RESULT, _INPUTS, *([_TRANSCRIPT] if job.type == "agentic" and can_read_steps else [])]
        if item_id != self.item:
            self.tab = "result"
            self.steps = await step_names(act, row)
        self.item, self.item_status, self._number = item_id, item.status, item.number or 0
        self.step = step if step in self.steps else ""
        self.subject = f"{item_id} {self.step}"
        await self._read_reviews(act, queue, job)
        self._show_content()
        self.problem = ""

    async def _claim(self, act: Act, item_id: str) -> AnnotationItem:
        try:
            wanted = UUID(item_id)
        except ValueError:
            raise AnnotationItemNotFound(item_id) from None
        return await items.claim(act.session, act.principal, self._queue_id(), wanted)

    async def _read_queue(self, act: Act) -> AnnotationQueueRead:
        queue = await queues.read(act.session, act.principal, self._queue_id())
        self.name, self.instructions = queue.name, queue.instructions
        self.rubric = [one.model_dump() for one in queue.rubric]
        self.pending, self.done, self.skipped = queue.pending, queue.done, queue.skipped
        return queue

    async def _read_reviews(self, act: Act, queue: AnnotationQueueRead, job: JobRead) -> None:
        found = await reviews.list_of_job(act.session, act.principal, job.id)
        mine = act.principal.label
        own = [one for one in found if one.created_by == mine and one.queue_id == queue.id]
        shown = next((one for one in own if (one.step or "") == self.step), None)
        keys = {one.key for one in queue.rubric}
        self.scores = {} if shown is None else {k: v for k, v in shown.scores.items() if k in keys}
        self.comment = "" if shown is None else shown.comment
        output = job.result if job.status == "succeeded" else None
        self.is_text = isinstance(output, str)
        self.output = _typed(output, is_text=self.is_text)
        self.corrected = ""
        if shown is not None and shown.has_corrected_output:
            self.is_text = isinstance(shown.corrected_output, str)
            self.corrected = _typed(shown.corrected_output, is_text=self.is_text)
        self.others = [
            OtherReview(one.created_by.removeprefix("user:"), scores_text(one), one.comment, one.step or "")
            for one in found
            if one.id not in {each.id for each in own}
        ]

    def _show_content(self) -> None:
        """Send the inputs or the result only to their own tabs: they can be large."""
        job = self._job
        self.inputs = job.inputs if job is not None and self.tab == "inputs" else {}
        self.result = {"value": job.result if job is not None and self.tab == "result" else None}

    def _queue_id(self) -> UUID:
        try:
            return UUID(self._queue)
        except ValueError:
            raise AnnotationQueueNotFound(self._queue) from None


def scores_text(annotation: AnnotationRead) -> str:
    """Return the scores of an annotation as text, in the order of the rubric: `Accuracy 0.8, Polite yes`."""
    keys = [*annotation.labels, *(key for key in annotation.scores if key not in annotation.labels)]
    return ", ".join(
        f"{annotation.labels.get(key, key)} {_score_text(annotation.scores[key])}"
        for key in keys
        if key in annotation.scores
    )


def _score_text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float | int) else str(value)


def _typed(output: Any, *, is_text: bool) -> str:
    text = output if is_text else json.dumps(output, ensure_ascii=False, indent=2)
    return text if len(text) <= MAX_TYPED_CHARACTERS else ""
