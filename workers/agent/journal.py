"""The journal as one run sees it: what it holds is given back, what is new is stored before the run goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.approvals.worker import Decision, decisions
from backend.execution.events.types import AgentStartEvent, ContextCompactedEvent, JobEvent, ToolStartedEvent
from backend.execution.jobs.claim import JobAttempt
from backend.execution.journal import service
from backend.execution.journal.service import (
    CLEARED_PLACE,
    NOTE_PLACE,
    OPENING_STEP,
    VERDICT_PLACE,
    Entry,
    Kept,
    Writing,
)
from backend.money.ledger.service import Used
from workers.agent.types import ToolCall, ToolResult
from workers.agent.usage import model_used, response_event, result_event, use_event
from workers.db_retry import DatabaseRetry
from workers.drives.errors import AttemptLost
from workers.llm.types import Reply, Tokens
from workers.recorder import BufferedRecorder

LAST_WRITE_S: Final = 3.0
"""How long a run that is ended from outside still writes down what it has."""

T = TypeVar("T")


class Finished(NamedTuple):
    """A call of a tool that has its result."""

    place: int
    call: ToolCall
    result: ToolResult


class Cleared(NamedTuple):
    """What was taken out of a conversation, before a reply was asked for."""

    pointers: dict[str, str]
    """By the id of its call, what stands in the place of each result."""
    event: ContextCompactedEvent
    """What is recorded of it."""


class Journal:
    """Of one attempt; every write is refused once the attempt is not the running one any more."""

    def __init__(self, database: Database, claimed: JobAttempt, recorder: BufferedRecorder) -> None:
        self._database = database
        self._claimed = claimed
        self.recorder = recorder
        """Takes what is told between two entries, and stores it in its place among them."""
        self._kept: dict[tuple[int, int], Kept] = {}
        self._decisions: dict[tuple[int, int], Decision] = {}
        self._counts = Tokens()
        self.spent_micros = 0
        """What everything that was used for the job is billed, by now."""
        self.elapsed_s = 0.0
        """How long earlier attempts had run when the last reply came."""
        self.began_at: datetime = now()
        """When the first attempt opened the run."""
        self.opened_by = claimed.attempt
        """Which attempt that was."""

    async def read(self) -> None:
        """Load what earlier attempts have written.

        Raises:
            AttemptLost: the attempt is not the running one any more.
        """
        read = await self._read()
        entries = [self._scrubbed(kept) for kept in read.entries]
        self._kept = {(kept.entry.step, kept.entry.place): kept for kept in entries}
        self.spent_micros = read.spent_micros
        if (OPENING_STEP, 0) in self._kept:
            self.began_at = self._kept[OPENING_STEP, 0].created_at
            self.opened_by = self._kept[OPENING_STEP, 0].attempt
        replies = [kept.entry.content for kept in read.entries if kept.entry.kind == "reply"]
        self.elapsed_s = max((float(reply["elapsed_s"]) for reply in replies), default=0.0)

    @property
    def last_step(self) -> int:
        """The number of the last reply that earlier attempts have bought."""
        return max((step for step, place in self._kept if place == 0), default=0)

    @property
    def opening(self) -> dict[str, Any] | None:
        """What the run began with, if it has begun."""
        return self._first("opening")

    @property
    def reopening(self) -> dict[str, Any] | None:
        """What a fork begins with of which a part, told in `anew`, is to be written by this run."""
        return self._first("started")

    def reply(self, step: int) -> Reply | None:
        """The reply of the step, if it was bought before."""
        kept = self._kept.get((step, 0))
        if kept is None:
            return None
        content = dict(kept.entry.content)
        del content["elapsed_s"]
        reply = Reply(
            **{**content, "blocks": tuple(content["blocks"]), "tokens": Tokens(**content["tokens"])}
        )
        self._count(reply)
        return reply

    def result(self, step: int, place: int) -> ToolResult | None:
        """The result of a call that was finished before."""
        kept = self._kept.get((step, place))
        if kept is None or kept.entry.kind != "result":
            return None
        content = kept.entry.content
        return ToolResult(content["content"], content["ok"], content["facts"])

    def inputs_of(self, tool: str) -> list[dict[str, Any]]:
        """What earlier attempts have called a tool with, in order, as far as the calls came to an end."""
        found = []
        for (step, place), kept in sorted(self._kept.items()):
            if place != 0 or kept.entry.kind != "reply":
                continue
            calls = [block for block in kept.entry.content["blocks"] if block.get("type") == "tool_use"]
            for number, call in enumerate(calls, start=1):
                if call["name"] == tool and self.result(step, number) is not None:
                    found.append(call["input"])
        return found

    def was_started(self, step: int, place: int) -> bool:
        """Whether an earlier attempt began a call of which nobody knows how it ended."""
        kept = self._kept.get((step, place))
        return kept is not None and kept.entry.kind == "started"

    def decision(self, step: int, place: int) -> Decision | None:
        """What a person has decided about a call, if one was asked and has."""
        return self._decisions.get((step, place))

    def note(self, step: int) -> str | None:
        """What the run was told with the results of the step, beside them."""
        kept = self._kept.get((step, NOTE_PLACE))
        return None if kept is None else str(kept.entry.content["text"])

    def cleared(self, step: int) -> dict[str, str] | None:
        """What was taken out of the conversation before the reply of the step; none: nothing."""
        places = ((step - 1, CLEARED_PLACE), (step - 1, CLEARED_PLACE + 1))
        found = [self._kept[place].entry.content["cleared"] for place in places if place in self._kept]
        return {name: words for cleared in found for name, words in cleared.items()} if found else None

    async def keep_cleared(self, step: int, cleared: Cleared, *, is_forced: bool) -> None:
        """Write down what is taken out of the conversation before the reply of the step, or before a second try."""
        place = CLEARED_PLACE + is_forced
        await self._keep(
            [Entry(step - 1, place, "note", {"cleared": cleared.pointers})],
            events=[cleared.event],
        )

    async def keep_opening(self, content: dict[str, Any], start: AgentStartEvent) -> None:
        """Write down what the run begins with."""
        await self._keep([Entry(OPENING_STEP, 0, "opening", content)], events=[start])

    async def keep_reply(
        self, step: int, reply: Reply, calls: Sequence[ToolCall], *, elapsed_s: float, took_s: float
    ) -> None:
        """Write down a reply with its price, and tell of it and of the calls that it asks for."""
        self._count(reply)
        content = {**asdict(reply), "elapsed_s": round(elapsed_s, 3)}
        events: list[JobEvent] = [
            response_event(step, reply, took_s=took_s),
            *(use_event(call, reply) for call in calls),
        ]
        usage: dict[str, Any] = {"model_calls": step, "model": reply.model}
        usage |= {f"{name}_tokens": number for name, number in asdict(self._counts).items()}
        if reply.label:  # no language model was at work, and whoever reads the job is to see it
            usage["label"] = reply.label
        if reply.simulated_from:
            usage["simulated_from"] = reply.simulated_from
        await self._keep(
            [Entry(step, 0, "reply", content)], events=events, used=[model_used(reply)], usage=usage
        )

    async def keep_started(self, place: int, call: ToolCall) -> None:
        """Write down that a call begins which may not be made a second time."""
        await self._keep(
            [Entry(call.step, place, "started", {"tool_use_id": call.id})],
            events=[ToolStartedEvent(tool=call.name, tool_use_id=call.id, step=call.step)],
        )

    async def keep_result(self, finished: Finished) -> None:
        """Write down how a call ended, and what it cost."""
        place, call, result = finished
        content = {
            "tool_use_id": call.id,
            "content": result.content,
            "ok": result.ok,
            "facts": dict(result.facts),
        }
        await self._keep(
            [Entry(call.step, place, "result", content)],
            events=[result_event(call, result)],
            used=result.used,
        )

    async def keep_note(self, step: int, words: str) -> None:
        """Write down what the run is told beside the results of a step."""
        await self._keep([Entry(step, NOTE_PLACE, "note", {"text": words})])

    def _first(self, kind: str) -> dict[str, Any] | None:
        kept = self._kept.get((OPENING_STEP, 0))
        return kept.entry.content if kept is not None and kept.entry.kind == kind else None

    def _scrubbed(self, kept: Kept) -> Kept:
        """Without secrets, where the entry is of no attempt: whoever forked a job may have written it."""
        if kept.attempt > 0:
            return kept
        entry = kept.entry
        return kept._replace(
            entry=Entry(entry.step, entry.place, entry.kind, self.recorder.scrubber.scrub(entry.content))
        )

    def verdict(self, place: int) -> dict[str, Any] | None:
        """What was said of the run by the grader of that place, if it was asked before."""
        kept = self._kept.get((OPENING_STEP, VERDICT_PLACE + place))
        return None if kept is None else kept.entry.content

    async def keep_verdict(self, place: int, content: dict[str, Any], used: Sequence[Used]) -> None:
        """Write down what a grader said of the run, and what that cost."""
        await self._keep([Entry(OPENING_STEP, VERDICT_PLACE + place, "verdict", content)], used=used)

    def _count(self, reply: Reply) -> None:
        before, more = asdict(self._counts), asdict(reply.tokens)
        self._counts = Tokens(**{name: before[name] + more[name] for name in before})

    @property
    def tokens(self) -> int:
        """All tokens of all replies so far."""
        return sum(asdict(self._counts).values())

    async def _keep(
        self,
        entries: Sequence[Entry],
        *,
        events: Sequence[JobEvent] = (),
        used: Sequence[Used] = (),
        usage: dict[str, Any] | None = None,
    ) -> None:
        told = self.recorder.shown([self.recorder.encoded(event) for event in events])
        self.recorder.tell(told)
        writing = Writing(entries, [*await self.recorder.taken(), *told], used, usage or {})
        self.spent_micros = await _seen_through(self._until_kept(writing))

    async def _read(self) -> service.Journalled:
        claimed = self._claimed
        retry = DatabaseRetry("journal not read yet", job_id=str(claimed.job_id))
        while True:
            async with retry, self._database.reading() as session:
                read = await service.read(session, claimed.job_id, reserved_micros=claimed.reserved_micros)
                self._decisions = await decisions(
                    session, project_id=claimed.project_id, job_id=claimed.job_id
                )
                return read

    async def _until_kept(self, writing: Writing) -> int:
        claimed = self._claimed
        retry = DatabaseRetry("journal not written yet", job_id=str(claimed.job_id))
        while True:
            async with retry:
                async with self._database.single() as session:
                    spent = await service.write(
                        session,
                        job_id=claimed.job_id,
                        attempt=claimed.attempt,
                        reserved_micros=claimed.reserved_micros,
                        writing=writing,
                    )
                if spent is None:
                    raise AttemptLost
                return spent


async def _seen_through(work: Coroutine[Any, Any, T]) -> T:
    """Do the work to its end, though its run is cancelled meanwhile: what was bought is not bought again."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_WRITE_S)
        if task.done():
            task.exception()  # the run is over, whatever it says
        else:
            task.cancel()
        raise
