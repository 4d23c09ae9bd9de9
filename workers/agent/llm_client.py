"""The model's side of a run: every reply is bought once, within the budget, and written down before it is used."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Final

from backend.core.clock import now
from backend.core.errors import Unavailable
from backend.execution.events.types import OMITTED, ModelEscalatedEvent, ModelRetryEvent
from backend.skills.manifest.types import Routing
from workers.agent.assignment import AgentAssignment
from workers.agent.compaction import Compaction
from workers.agent.conversation import Conversation, calls_of
from workers.agent.deltas import Deltas
from workers.agent.limits import MAX_OUTPUT_TOKENS, Budget
from workers.agent.stop_reasons import HandedOver, ModelAway, Refused
from workers.llm.errors import PromptTooLong
from workers.llm.types import Measured, Model, Prompt, Reply, Retry, ToolSpec
from workers.recorder import BufferedRecorder

FIRST_ABSENCE_S: Final = 5.0
MAX_ABSENCE_S: Final = 300.0

OpenModel = Callable[[str], Awaitable[Model]]
"""Finds a model by its slug."""


class LLMClient:
    """Asks the model, and a stronger one from the moment on that the skill's routing says."""

    def __init__(
        self, model: Model, open_model: OpenModel, assignment: AgentAssignment, budget: Budget
    ) -> None:
        self._model = model
        self._open_model = open_model
        self._assignment = assignment
        self._budget = budget
        self._failures = 0
        self._has_escalated = False
        self._last: Reply | None = None
        self.compaction: Compaction | None = None
        """What is taken out of a conversation that grows too long; none: there is nowhere to keep it yet."""
        self.step = 0
        """The step that it is at."""

    async def reply(self, step: int, talk: Conversation, tools: Sequence[ToolSpec]) -> Reply:
        """The reply of the step: the one that was bought before, else a new one.

        Raises:
            Stop: a limit is reached, or the model refuses.
            Pause: the run goes on later.
            PurasError: the model cannot be used, and waiting does not help.
        """
        self.step = step
        reply = self._assignment.journal.reply(step)
        if reply is None:
            reply = await self._bought(step, talk, tools)
        elif self.compaction is not None:
            self.compaction.recall(step)
        if reply.stop_reason == "refusal":
            raise Refused(reply.model)
        self._last = reply
        return reply

    async def note_failures(self, count: int, *, step: int) -> None:
        """So many results did not fit: after as many as the routing says, a stronger model goes on for good."""
        routing = self._assignment.skill.routing
        self._failures += count
        if routing is None or self._failures < routing.after or self._has_escalated:
            return
        self._has_escalated = True
        weaker, self._model = self._model, await self._open_model(routing.escalate_to)
        await weaker.close()
        if step >= self._assignment.journal.last_step:  # else it was told of before
            self._tell_escalated(weaker, routing, step)

    async def close(self) -> None:
        """Let go of the model."""
        await self._model.close()

    async def _bought(self, step: int, talk: Conversation, tools: Sequence[ToolSpec]) -> Reply:
        journal, budget = self._assignment.journal, self._budget
        if self._assignment.leaving.is_set():
            raise HandedOver
        budget.check(step, tokens=journal.tokens)
        prompt = Prompt(
            talk.system,
            talk.messages,
            tools,
            min(MAX_OUTPUT_TOKENS, self._model.entry.most_output_tokens),
            self._assignment.skill.cache_ttl,
            self._measured(talk),
        )
        began = time.monotonic()
        said = await self._fitted(step, prompt)
        reply = await self._assignment.guard.reply(said, step)
        calls = calls_of(reply, step=step, job=str(self._assignment.job_id))
        took_s = time.monotonic() - began
        await journal.keep_reply(step, reply, calls, elapsed_s=budget.elapsed_s, took_s=took_s)
        return reply

    async def _fitted(self, step: int, prompt: Prompt) -> Reply:
        """The reply to as much of the conversation as the model takes."""
        if self.compaction is None:
            return await self._afforded(step, prompt)
        entry = self._model.entry
        prompt = await self.compaction.fit(step, prompt, entry)
        while True:
            try:
                return await self._afforded(step, prompt)
            except PromptTooLong:
                prompt = await self.compaction.force(step, prompt, entry)

    async def _afforded(self, step: int, prompt: Prompt) -> Reply:
        """Return the reply, no longer than what is left can pay for.

        The length of the prompt is bounded by its bytes, which needs no request. Only where that leaves no room for a
        whole reply the upstream counts its tokens, which are about a quarter.
        """
        if not self._can_afford(prompt):
            prompt = replace(prompt, counted=await self._model.count(prompt))
        spent = self._assignment.journal.spent_micros
        most = self._budget.affordable_tokens(self._model, prompt, step=step, spent_micros=spent)
        return await self._asked(step, replace(prompt, max_tokens=most))

    def _can_afford(self, prompt: Prompt) -> bool:
        """Return whether what is left can pay for the longest reply."""
        left = self._budget.limits.cap_micros - self._assignment.journal.spent_micros
        return self._model.worst_case_micros(prompt, prompt.max_tokens) <= max(0, left)

    def _measured(self, talk: Conversation) -> Measured | None:
        """How long the model found the conversation up to its last reply; another model counts in other tokens."""
        places = [place for place, message in enumerate(talk.messages) if message["role"] == "assistant"]
        last = self._last
        if last is None or last.model != self._model.slug or not last.measured or not places:
            return None
        return Measured(places[-1] + 1, last.measured)

    async def _asked(self, step: int, prompt: Prompt) -> Reply:
        recorder: BufferedRecorder = self._assignment.journal.recorder
        silent = self._assignment.is_listed
        deltas = Deltas(self._assignment.job_id, step, recorder.scrubber, is_silent=silent)

        def retried(retry: Retry) -> None:
            deltas.restart()
            recorder.record(_retry_event(step, retry))

        try:
            tell = _tell_nobody if self._assignment.guard.is_quiet else deltas.tell
            return await self._model.reply(prompt, tell, retried)
        except Unavailable as error:
            raise self._away(error) from error
        finally:
            deltas.end()

    def _away(self, error: Unavailable) -> Exception:
        """A pause, for as long as the run may still last; then the error itself."""
        patience = timedelta(seconds=self._assignment.limits.timeout_s)
        grown_s = FIRST_ABSENCE_S * 2 ** min(self._assignment.attempt - 1, 10)
        after_s = max(float(error.retry_after_s), min(MAX_ABSENCE_S, grown_s))
        if now() + timedelta(seconds=after_s) > self._assignment.journal.began_at + patience:
            return error
        return ModelAway(error, after_s=after_s)

    def _tell_escalated(self, weaker: Model, routing: Routing, step: int) -> None:
        escalated = ModelEscalatedEvent(
            from_=weaker.slug,
            to=routing.escalate_to,
            reason="schema_fail",
            after=self._failures,
            step=step,
        )
        self._assignment.journal.recorder.record(escalated)


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


def _tell_nobody(piece: str) -> None:
    """Nothing is told of a reply before the rails have seen it."""
