"""Read and write the journal of one run.

Stored steps are returned, and new ones are stored before the run continues.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from backend.core.clock import now
from backend.core.db.engine import Database
from backend.execution.approvals.worker import Decision, decisions
from backend.execution.events.types import AgentStartEvent, ContextCompactedEvent, JobEvent, ToolStartedEvent
from backend.execution.jobs.attempts.claim import JobAttempt
from backend.execution.journal import service
from backend.execution.journal.service import (
    CLEARED_PLACE,
    NOTE_PLACE,
    OPENING_STEP,
    TEXT_PLACE,
    TOOLS_PLACE,
    VERDICT_PLACE,
    Entry,
    JournalWrite,
    StoredEntry,
)
from backend.execution.journal.turns import KEY as TURN
from backend.execution.journal.turns import Turn
from backend.execution.sessions.history import earlier_turns
from backend.money.ledger.service import LineItem
from workers.agent.conversation import calls_in, succeeded_calls
from workers.agent.types import ToolCall, ToolResult
from workers.agent.usage import model_used, response_event, result_event, use_event
from workers.db_retry import DatabaseRetry
from workers.drives.errors import AttemptLost
from workers.llm.remote_tools import failed_remote_tools, remote_tools
from workers.llm.types import Prompt, Reply, Tokens, ToolSpec
from workers.recorder import BufferedRecorder

LAST_WRITE_S: Final = 3.0
"""How long a cancelled run may still store what it has."""

T = TypeVar("T")


class Finished(NamedTuple):
    """A finished tool call."""

    position: int
    call: ToolCall
    result: ToolResult


class Cleared(NamedTuple):
    """The results that were removed from a conversation before a request."""

    pointers: dict[str, str]
    """The replacement of each result, by the ID of its call."""
    event: ContextCompactedEvent
    """The event that records it."""


class Exchange(NamedTuple):
    """A reply and the request that it replies to."""

    prompt: Prompt
    """The request, as the model has accepted it."""
    reply: Reply
    calls: Sequence[ToolCall]
    """The tool calls of the reply."""


class Journal:
    """The journal of one attempt; writes are rejected once the attempt is not the running one any more."""

    def __init__(self, database: Database, job_attempt: JobAttempt, recorder: BufferedRecorder) -> None:
        self._database = database
        self._job_attempt = job_attempt
        self.reserved_micros = job_attempt.reserved_micros
        """The reservation of the attempt; `Attempt.lower_reservation` changes it."""
        self.recorder = recorder
        """Stores events between two entries in order."""
        self._stored: dict[tuple[int, int], StoredEntry] = {}
        self._decisions: dict[tuple[int, int], Decision] = {}
        self._counts = Tokens()
        self.spent_micros = 0
        """The cost of the job so far."""
        self.elapsed_s = 0.0
        """How long earlier attempts had run at the last reply."""
        self.started_at: datetime = now()
        """When the first attempt started the run."""
        self.first_attempt = job_attempt.attempt
        """The number of that attempt."""
        self._offered: Sequence[ToolSpec] = ()
        """The tools of the last request."""
        self._tools: list[dict[str, Any]] | None = None
        """Their descriptions, if the journal has them."""

    async def read(self) -> None:
        """Load what earlier attempts have written.

        Raises:
            AttemptLost: the attempt is not the running one any more.
        """
        read = await self._read()
        entries = [self._scrubbed(stored) for stored in read.entries]
        self._stored = {(stored.entry.step, stored.entry.place): stored for stored in entries}
        await self._add_earlier_turns()
        self.spent_micros = read.spent_micros
        if (OPENING_STEP, 0) in self._stored:
            self.started_at = self._stored[OPENING_STEP, 0].created_at
            self.first_attempt = self._stored[OPENING_STEP, 0].attempt
        self._tools = self._stored_tools()
        replies = [stored.entry.content for stored in read.entries if stored.entry.kind == "reply"]
        self.elapsed_s = max((float(reply["elapsed_s"]) for reply in replies), default=0.0)

    async def _add_earlier_turns(self) -> None:
        """Add the turns before this one to the conversation, before the run starts. All of them have ended."""
        turn = self.turn
        if turn.session is None or self.fork_prompt is None:
            return
        retry = DatabaseRetry("turns of the session not read yet", job_id=str(self._job_attempt.job_id))
        while True:
            async with retry, self._database.reading() as session:
                earlier = await earlier_turns(session, self._job_attempt.project_id, turn.session)
                break
        scrubbed = self.recorder.scrubber.scrub(earlier)
        self.fork_prompt[TURN] = replace(turn, earlier=tuple(scrubbed), session=None).as_dict()

    @property
    def last_step(self) -> int:
        """The number of the last reply that earlier attempts have bought."""
        return max((step for step, position in self._stored if position == 0), default=0)

    @property
    def initial_prompt(self) -> dict[str, Any] | None:
        """The initial prompt of the run, if it has started."""
        return self._first("opening")

    @property
    def fork_prompt(self) -> dict[str, Any] | None:
        """The initial prompt of a fork; a worker generates the parts in `rewritten` again."""
        return self._first("started")

    @property
    def turn(self) -> Turn:
        """The conversation that the job continues; empty if it continues none."""
        return Turn.of(self.initial_prompt or self.fork_prompt)

    def reply(self, step: int) -> Reply | None:
        """Return the stored reply of the step."""
        stored = self._stored.get((step, 0))
        if stored is None:
            return None
        content = dict(stored.entry.content)
        del content["elapsed_s"]
        reply = Reply(
            **{**content, "blocks": tuple(content["blocks"]), "tokens": Tokens(**content["tokens"])}
        )
        self._count(reply)
        return reply

    def result(self, step: int, position: int) -> ToolResult | None:
        """Return the stored result of a call."""
        stored = self._stored.get((step, position))
        if stored is None or stored.entry.kind != "result":
            return None
        content = stored.entry.content
        return ToolResult(content["content"], content["ok"], content["facts"])

    def inputs_of(self, tool: str) -> list[dict[str, Any]]:
        """Return the arguments of finished calls of a tool in earlier attempts, in order."""
        found = []
        for (step, position), stored in sorted(self._stored.items()):
            if position != 0 or stored.entry.kind != "reply":
                continue
            calls = [block for block in stored.entry.content["blocks"] if block.get("type") == "tool_use"]
            for number, call in enumerate(calls, start=1):
                if call["name"] == tool and self.result(step, number) is not None:
                    found.append(self._arguments_of(step, number, call["input"]))
        return found

    def finished_calls(self) -> list[ToolCall]:
        """Return the successful calls of earlier attempts, and of the runs that this one continues, in order."""
        job = str(self._job_attempt.job_id)
        opening = self.initial_prompt or self.fork_prompt or {}
        found = succeeded_calls(opening.get("messages", ()), job=job)
        for (step, position), stored in sorted(self._stored.items()):
            if position != 0 or stored.entry.kind != "reply":
                continue
            calls = calls_in(stored.entry.content["blocks"], step=step, job=job)
            for number, call in enumerate(calls, start=1):
                result = self.result(step, number)
                if result is not None and result.ok:
                    found.append(replace(call, input=self._arguments_of(step, number, call.input)))
        return found

    def _arguments_of(self, step: int, position: int, requested: dict[str, Any]) -> dict[str, Any]:
        """Return the arguments of a finished call: those of the reply, unless a user has changed them."""
        result = self.result(step, position)
        edited = None if result is None else result.details.get("edited_arguments")
        return edited if isinstance(edited, dict) else requested

    def was_started(self, step: int, position: int) -> bool:
        """Return whether an earlier attempt started a call whose result is unknown."""
        stored = self._stored.get((step, position))
        return stored is not None and stored.entry.kind == "started"

    def decision(self, step: int, position: int) -> Decision | None:
        """Return the decision of a user about a call, if there is one."""
        return self._decisions.get((step, position))

    def as_decided(self, position: int, call: ToolCall) -> ToolCall:
        """Return the call with the arguments with which a user has approved it."""
        decision = self.decision(call.step, position)
        if decision is None or decision.arguments is None or decision.status != "approved":
            return call
        return replace(call, input=decision.arguments, is_edited=True)

    def note(self, step: int) -> str | None:
        """Return the note that followed the results of the step."""
        stored = self._stored.get((step, NOTE_PLACE))
        return None if stored is None else str(stored.entry.content["text"])

    def cleared(self, step: int) -> dict[str, str] | None:
        """Return what was removed from the conversation before the reply of the step; none if nothing."""
        positions = ((step - 1, CLEARED_PLACE), (step - 1, CLEARED_PLACE + 1))
        found = [
            self._stored[position].entry.content["cleared"]
            for position in positions
            if position in self._stored
        ]
        return {name: text for cleared in found for name, text in cleared.items()} if found else None

    async def store_cleared(self, step: int, cleared: Cleared, *, is_forced: bool) -> None:
        """Store what is removed from the conversation before a reply, or before a second attempt at it."""
        position = CLEARED_PLACE + is_forced
        await self._store(
            [Entry(step - 1, position, "note", {"cleared": cleared.pointers})],
            events=[cleared.event],
        )

    async def store_initial_prompt(
        self, content: dict[str, Any], tools: Sequence[ToolSpec], start: AgentStartEvent
    ) -> None:
        """Store the initial prompt, with the descriptions of the tools, which each request repeats."""
        self._offered, self._tools = tools, self._described(tools)
        content = {**content, "tools": [spec.name for spec in tools], "tool_specs": self._tools}
        await self._store([Entry(OPENING_STEP, 0, "opening", content)], events=[start])

    async def store_reply(
        self, step: int, exchange: Exchange, *, elapsed_s: float, duration_s: float
    ) -> None:
        """Store a reply with its price, the events of it and of its calls, and what is new in the request."""
        prompt, reply, calls = exchange
        self._count(reply)
        content = {**asdict(reply), "elapsed_s": round(elapsed_s, 3)}
        events: list[JobEvent] = [
            response_event(step, prompt, reply, duration_s=duration_s),
            *(use_event(call, reply) for call in calls),
        ]
        usage: dict[str, Any] = {"model_calls": step, "model": reply.model}
        usage |= {f"{name}_tokens": number for name, number in asdict(self._counts).items()}
        if reply.is_estimated:
            usage["is_estimated"] = True
        if reply.label:  # readers of the job must see that no language model ran
            usage["label"] = reply.label
        if reply.simulated_from:
            usage["simulated_from"] = reply.simulated_from
        if reply.label == "rehearsal":
            if untried := remote_tools(prompt.tools).untried:
                usage["untried_tools"] = [tool.name for tool in untried]
            if failed := failed_remote_tools(prompt.tools, prompt.messages):
                usage["failed_tools"] = failed
        await self._store(
            [Entry(step, 0, "reply", content), *self._new_in_request(step, prompt)],
            events=events,
            used=[model_used(reply)],
            usage=usage,
        )

    async def store_started(self, position: int, call: ToolCall) -> None:
        """Store that a call starts which must not be made twice."""
        await self._store(
            [Entry(call.step, position, "started", _started(call))],
            events=[ToolStartedEvent(tool=call.name, tool_use_id=call.id, step=call.step)],
        )

    async def store_result(self, finished: Finished) -> None:
        """Store the result of a call, and its cost."""
        position, call, result = finished
        content = {
            "tool_use_id": call.id,
            "content": result.content,
            "ok": result.ok,
            "facts": dict(result.details),
        }
        await self._store(
            [Entry(call.step, position, "result", content)],
            events=[result_event(call, result)],
            used=result.used,
        )

    async def store_note(self, step: int, text: str) -> None:
        """Store a note that follows the results of a step."""
        await self._store([Entry(step, NOTE_PLACE, "note", {"text": text})])

    def _new_in_request(self, step: int, prompt: Prompt) -> list[Entry]:
        """Return what the request has in addition to the entries before it, so that it can be shown as it was sent."""
        entries = []
        if prompt.tools is not self._offered:
            described = self._described(prompt.tools)
            if described != self._tools:
                entries.append(Entry(step - 1, TOOLS_PLACE, "note", {"tool_specs": described}))
            self._offered, self._tools = prompt.tools, described
        text = _text_of_runtime(prompt) if step > 1 else ""
        if text:
            entries.append(Entry(step - 1, TEXT_PLACE, "note", {"text": self.recorder.scrubber.scrub(text)}))
        return entries

    def _described(self, tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
        described: list[dict[str, Any]] = self.recorder.scrubber.scrub([spec.described() for spec in tools])
        return described

    def _stored_tools(self) -> list[dict[str, Any]] | None:
        """Return the descriptions of the tools that the last stored request has."""
        stored = [
            one.entry.content["tool_specs"]
            for (_, place), one in sorted(self._stored.items())
            if place in (0, TOOLS_PLACE) and "tool_specs" in one.entry.content
        ]
        return stored[-1] if stored else None

    def _first(self, kind: str) -> dict[str, Any] | None:
        stored = self._stored.get((OPENING_STEP, 0))
        return stored.entry.content if stored is not None and stored.entry.kind == kind else None

    def _scrubbed(self, stored: StoredEntry) -> StoredEntry:
        """Return the entry, with secrets redacted if it comes from a fork, which a user may have edited."""
        if stored.attempt > 0:
            return stored
        entry = stored.entry
        return stored._replace(
            entry=Entry(entry.step, entry.place, entry.kind, self.recorder.scrubber.scrub(entry.content))
        )

    def verdict(self, position: int) -> dict[str, Any] | None:
        """Return the stored verdict of the grader with that index."""
        stored = self._stored.get((OPENING_STEP, VERDICT_PLACE + position))
        return None if stored is None else stored.entry.content

    async def store_verdict(self, position: int, content: dict[str, Any], used: Sequence[LineItem]) -> None:
        """Store the verdict of a grader, and its cost."""
        await self._store([Entry(OPENING_STEP, VERDICT_PLACE + position, "verdict", content)], used=used)

    def _count(self, reply: Reply) -> None:
        before, more = asdict(self._counts), asdict(reply.tokens)
        self._counts = Tokens(**{name: before[name] + more[name] for name in before})

    @property
    def tokens(self) -> int:
        """The tokens of all replies so far."""
        return sum(asdict(self._counts).values())

    async def _store(
        self,
        entries: Sequence[Entry],
        *,
        events: Sequence[JobEvent] = (),
        used: Sequence[LineItem] = (),
        usage: dict[str, Any] | None = None,
    ) -> None:
        events_to_publish = self.recorder.visible([self.recorder.encoded(event) for event in events])
        self.recorder.add_span_events(events_to_publish)
        writing = JournalWrite(
            entries, [*await self.recorder.take_unstored(), *events_to_publish], used, usage or {}
        )
        self.spent_micros = await _complete(self._write(writing))

    async def _read(self) -> service.Journal:
        job_attempt = self._job_attempt
        retry = DatabaseRetry("journal not read yet", job_id=str(job_attempt.job_id))
        while True:
            async with retry, self._database.reading() as session:
                read = await service.read(session, job_attempt.job_id, reserved_micros=self.reserved_micros)
                self._decisions = await decisions(
                    session, project_id=job_attempt.project_id, job_id=job_attempt.job_id
                )
                return read

    async def _write(self, writing: JournalWrite) -> int:
        job_attempt = self._job_attempt
        retry = DatabaseRetry("journal not written yet", job_id=str(job_attempt.job_id))
        while True:
            async with retry:
                async with self._database.single() as session:
                    spent = await service.write(
                        session,
                        job_id=job_attempt.job_id,
                        attempt=job_attempt.attempt,
                        reserved_micros=self.reserved_micros,
                        writing=writing,
                    )
                if spent is None:
                    raise AttemptLost
                return spent


def _started(call: ToolCall) -> dict[str, Any]:
    """Return the entry of a call that starts; the reply has its arguments, unless a user has changed them."""
    return {"tool_use_id": call.id, **({"edited_arguments": call.input} if call.is_edited else {})}


def _text_of_runtime(prompt: Prompt) -> str:
    """Return the text that follows a reply without tool calls; empty after results, whose note is stored with them."""
    last = prompt.messages[-1]
    blocks = last["content"]
    if last["role"] != "user" or any(block.get("type") == "tool_result" for block in blocks):
        return ""
    return "\n\n".join(block["text"] for block in blocks if block.get("type") == "text")


async def _complete(work: Coroutine[Any, Any, T]) -> T:
    """Complete a write even if the run is cancelled meanwhile, so that nothing is bought twice."""
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.wait({task}, timeout=LAST_WRITE_S)
        if task.done():
            task.exception()  # the run has ended, whatever the result
        else:
            task.cancel()
        raise
