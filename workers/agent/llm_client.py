"""Request the replies of a run from a model.

Each is paid once, within the budget, and stored before it is used.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final, Literal

from backend.core.clock import now
from backend.core.errors import PurasError, Unavailable
from backend.execution.events.types import (
    OMITTED,
    ModelEscalatedEvent,
    ModelFailoverEvent,
    ModelInterruptedEvent,
    ModelRetryEvent,
)
from backend.skills.manifest.types import Routing
from workers.agent.assignment import AgentAssignment
from workers.agent.compaction import Compaction
from workers.agent.conversation import Conversation, calls_of
from workers.agent.deltas import Deltas
from workers.agent.journal import Exchange
from workers.agent.limits import MAX_OUTPUT_TOKENS, Budget
from workers.agent.stop_reasons import ContextFull, CostCapped, ModelNotResponding, Refused, WorkerDraining
from workers.llm.errors import (
    ModelKeyMissing,
    ModelKeyRefused,
    ModelOverloaded,
    ModelUnavailable,
    PromptTooLong,
)
from workers.llm.types import Measured, Model, Prompt, Reply, Retry, ToolSpec
from workers.recorder import BufferedRecorder

FIRST_PAUSE_S: Final = 5.0
MAX_PAUSE_S: Final = 300.0

_FAILOVER_REASONS: Final[dict[type[Exception], Literal["outage", "key", "budget", "context"]]] = {
    ModelNotResponding: "outage",
    ModelOverloaded: "outage",
    ModelUnavailable: "outage",
    ModelKeyMissing: "key",
    ModelKeyRefused: "key",
    CostCapped: "budget",
    ContextFull: "context",
    PromptTooLong: "context",
}
"""The errors after which the next model of the skill's list continues."""

OpenModel = Callable[[str], Awaitable[Model]]
"""Finds a model by its slug."""


class LLMClient:
    """Requests replies from the model, and from a stronger one once the skill's routing escalates."""

    def __init__(
        self, model: Model, open_model: OpenModel, assignment: AgentAssignment, budget: Budget
    ) -> None:
        self._model = model
        self._open_model = open_model
        self._assignment = assignment
        self._budget = budget
        self._fallbacks = _later(assignment, model.slug)
        self._failures = 0
        self._has_escalated = False
        self._last_reply: Reply | None = None
        self.compaction: Compaction | None = None
        """Removes old results from a conversation that is too long; none until the workspace is open."""
        self.step = 0
        """The current step."""
        self._sent = Prompt("", (), (), 1)
        """The last request."""

    @property
    def model(self) -> Model:
        """The model of the next reply."""
        return self._model

    async def reply(
        self,
        step: int,
        conversation: Conversation,
        tools: Sequence[ToolSpec],
        *,
        forced_tool: str | None = None,
    ) -> Reply:
        """Return the reply of the step: the stored one, else a new one, which must call `forced_tool`.

        Raises:
            Stop: a limit is reached, or the model refuses.
            Pause: the run continues later.
            PurasError: the model cannot be used.
        """
        self.step = step
        reply = self._assignment.journal.reply(step)
        if reply is None:
            reply = await self._new_reply(step, conversation, tools, forced_tool)
        else:
            await self._continue_with(reply.model)
            if self.compaction is not None:
                self.compaction.recall(step)
        if reply.stop_reason == "refusal":
            raise Refused(reply.model)
        self._last_reply = reply
        return reply

    async def note_failures(self, count: int, *, step: int) -> None:
        """Count rejected results; after the number in the routing, switch to the stronger model permanently."""
        routing = self._assignment.skill.routing
        self._failures += count
        if routing is None or self._failures < routing.after or self._has_escalated:
            return
        self._has_escalated = True
        weaker, self._model = self._model, await self._open_model(routing.escalate_to)
        await weaker.close()
        if step >= self._assignment.journal.last_step:  # else it was recorded before
            self._record_escalation(weaker, routing, step)

    async def close(self) -> None:
        """Close the model."""
        await self._model.close()

    async def _new_reply(
        self, step: int, conversation: Conversation, tools: Sequence[ToolSpec], forced_tool: str | None
    ) -> Reply:
        journal, budget = self._assignment.journal, self._budget
        if self._assignment.leaving.is_set():
            raise WorkerDraining
        budget.check(step, tokens=journal.tokens)
        started = time.monotonic()
        while True:
            try:
                raw_reply = await self._fitting_reply(step, self._prompt(conversation, tools, forced_tool))
                break
            except tuple(_FAILOVER_REASONS) as error:
                if not await self._fail_over(error, step):
                    raise
        reply = await self._assignment.guard.reply(raw_reply, step)
        calls = calls_of(reply, step=step, job=str(self._assignment.job_id))
        duration_s = time.monotonic() - started
        exchange = Exchange(self._sent, reply, calls)
        await journal.store_reply(step, exchange, elapsed_s=budget.elapsed_s, duration_s=duration_s)
        return reply

    def _prompt(
        self, conversation: Conversation, tools: Sequence[ToolSpec], forced_tool: str | None
    ) -> Prompt:
        return Prompt(
            conversation.system,
            conversation.messages,
            tools,
            min(MAX_OUTPUT_TOKENS, self._model.entry.max_output_tokens),
            self._assignment.skill.cache_ttl,
            self._measured(conversation),
            forced_tool=forced_tool,
        )

    async def _fail_over(self, error: Exception, step: int) -> bool:
        """Continue with the next model that has a key; return whether there is one.

        The failed call has no reply, so only that of the next model is billed.
        """
        while self._fallbacks:
            slug = self._fallbacks.pop(0)
            try:
                model = await self._open_model(slug)
            except ModelKeyMissing:
                continue
            failed, self._model = self._model, model
            await failed.close()
            self._assignment.journal.recorder.record(failover_event(failed.slug, slug, error, step=step))
            return True
        return False

    async def _continue_with(self, slug: str) -> None:
        """Use the model of a stored reply if it is a later one of the list: an earlier attempt failed over to it."""
        if slug not in self._fallbacks:
            return
        model = await self._open_model(slug)
        await self._model.close()
        self._model = model
        self._fallbacks = self._fallbacks[self._fallbacks.index(slug) + 1 :]

    async def _fitting_reply(self, step: int, prompt: Prompt) -> Reply:
        """Return the reply to as much of the conversation as the model accepts."""
        if self.compaction is None:
            return await self._affordable_reply(step, prompt)
        entry = self._model.entry
        prompt = await self.compaction.fit(step, prompt, entry)
        while True:
            try:
                return await self._affordable_reply(step, prompt)
            except PromptTooLong:
                prompt = await self.compaction.force(step, prompt, entry)

    async def _affordable_reply(self, step: int, prompt: Prompt) -> Reply:
        """Return a reply whose length the remaining reservation can pay for.

        The bytes of the prompt limit its tokens without a request. Only if that leaves too little for a complete reply,
        the upstream counts the tokens, which are about a quarter.
        """
        if not self._can_afford(prompt):
            prompt = replace(prompt, counted=await self._model.count(prompt))
        spent = self._assignment.journal.spent_micros
        max_tokens = self._budget.affordable_tokens(self._model, prompt, step=step, spent_micros=spent)
        return await self._request_reply(step, replace(prompt, max_tokens=max_tokens))

    def _can_afford(self, prompt: Prompt) -> bool:
        """Return whether the remaining reservation can pay for the longest reply."""
        remaining = self._budget.limits.cap_micros - self._assignment.journal.spent_micros
        return self._model.worst_case_micros(prompt, prompt.max_tokens) <= max(0, remaining)

    def _measured(self, conversation: Conversation) -> Measured | None:
        """Return the measured length of the conversation up to the last reply; other models count other tokens."""
        positions = [
            position
            for position, message in enumerate(conversation.messages)
            if message["role"] == "assistant"
        ]
        last = self._last_reply
        if last is None or last.model != self._model.slug or not last.measured or not positions:
            return None
        return Measured(positions[-1] + 1, last.measured)

    async def _request_reply(self, step: int, prompt: Prompt) -> Reply:
        self._sent = prompt
        recorder: BufferedRecorder = self._assignment.journal.recorder
        is_silent = self._assignment.is_listed
        deltas = Deltas(self._assignment.job_id, step, recorder.scrubber, is_silent=is_silent)

        def retried(retry: Retry) -> None:
            deltas.restart()
            recorder.record(_retry_event(step, retry))

        try:
            on_text = _discard if self._assignment.guard.hides_partial_text else deltas.send
            return await self._model.reply(prompt, on_text, retried)
        except asyncio.CancelledError:
            if deltas.sent:  # a conversation keeps what its user has read
                recorder.record(ModelInterruptedEvent(step=step, text=deltas.sent))
            raise
        except Unavailable as error:
            deltas.restart()  # another model, or a later attempt, starts the reply again
            raise self._pause_or_error(error) from error
        finally:
            deltas.end()

    def _pause_or_error(self, error: Unavailable) -> Exception:
        """Return a pause if the run may last that long, else the error itself."""
        limit = timedelta(seconds=self._assignment.limits.timeout_s)
        grown_s = FIRST_PAUSE_S * 2 ** min(self._assignment.attempt - 1, 10)
        after_s = max(float(error.retry_after_s), min(MAX_PAUSE_S, grown_s))
        if now() + timedelta(seconds=after_s) > self._assignment.journal.started_at + limit:
            return error
        return ModelNotResponding(error, after_s=after_s)

    def _record_escalation(self, weaker: Model, routing: Routing, step: int) -> None:
        escalated = ModelEscalatedEvent(
            from_=weaker.slug,
            to=routing.escalate_to,
            reason="schema_fail",
            after=self._failures,
            step=step,
        )
        self._assignment.journal.recorder.record(escalated)


def failover_event(failed: str, to: str, error: Exception, *, step: int) -> ModelFailoverEvent:
    """Return the event of a model that continues the run of another one."""
    reason = next(reason for kind, reason in _FAILOVER_REASONS.items() if isinstance(error, kind))
    cause = error.error if isinstance(error, ModelNotResponding) else error
    message = cause.detail if isinstance(cause, PurasError) else str(cause)
    return ModelFailoverEvent(from_=failed, to=to, reason=reason, error=message, step=step)


def _later(assignment: AgentAssignment, slug: str) -> list[str]:
    """Return the models of the list after this one."""
    listed = [assignment.model, *assignment.fallback_models]
    return [one for one in listed[listed.index(slug) + 1 :] if one] if slug in listed else []


def _retry_event(step: int, retry: Retry) -> ModelRetryEvent:
    return ModelRetryEvent(
        step=step,
        reason=retry.reason,
        status=retry.status or OMITTED,
        model=retry.model,
        try_=retry.tried,
        of=retry.max_calls,
        wait_s=retry.wait_s,
    )


def _discard(chunk: str) -> None:
    """Discard text: nothing is published before the guardrails have checked the reply."""
