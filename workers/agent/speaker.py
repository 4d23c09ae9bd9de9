"""The model's side of a run: every reply is bought once, within the budget, and written down before it is used."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

from backend.bundles.manifest import Routing
from backend.clock import now
from backend.errors import Unavailable
from workers.agent.brief import AgentAssignment
from workers.agent.conversation import Conversation, calls_of
from workers.agent.deltas import Deltas
from workers.agent.limits import MOST_OUTPUT_TOKENS, Budget
from workers.agent.stops import HandedOver, ModelAway, Refused
from workers.models import Measured, Model, Prompt, Reply, ToolSpec
from workers.recorder import BufferedRecorder

FIRST_ABSENCE_S: Final = 5.0
MOST_ABSENCE_S: Final = 300.0

OpenModel = Callable[[str], Awaitable[Model]]
"""Finds a model by its slug."""


class Speaker:
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
        reply = self._assignment.journal.reply(step) or await self._bought(step, talk, tools)
        if reply.stop_reason == "refusal":
            raise Refused(reply.model, step)
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
            min(MOST_OUTPUT_TOKENS, self._model.entry.most_output_tokens),
            self._assignment.skill.cache_ttl,
            self._measured(talk),
        )
        most = budget.affordable_tokens(self._model, prompt, step=step, spent_micros=journal.spent_micros)
        began = time.monotonic()
        reply = await self._asked(step, replace(prompt, max_tokens=most))
        calls = calls_of(reply, step=step, job=str(self._assignment.job_id))
        took_s = time.monotonic() - began
        await journal.keep_reply(step, reply, calls, elapsed_s=budget.elapsed_s, took_s=took_s)
        return reply

    def _measured(self, talk: Conversation) -> Measured | None:
        """How long the model found the conversation up to its last reply; another model counts in other tokens."""
        places = [place for place, message in enumerate(talk.messages) if message["role"] == "assistant"]
        if self._last is None or self._last.model != self._model.slug or not places:
            return None
        return Measured(places[-1] + 1, self._last.measured)

    async def _asked(self, step: int, prompt: Prompt) -> Reply:
        recorder: BufferedRecorder = self._assignment.journal.recorder
        deltas = Deltas(self._assignment.job_id, step, recorder.scrubber)

        def retried(facts: dict[str, Any]) -> None:
            deltas.restart()
            recorder.record("model_retry", {"step": step, **facts})

        try:
            return await self._model.reply(prompt, deltas.tell, retried)
        except Unavailable as error:
            raise self._away(error) from error
        finally:
            deltas.end()

    def _away(self, error: Unavailable) -> Exception:
        """A pause, for as long as the run may still last; then the error itself."""
        patience = timedelta(seconds=self._assignment.limits.timeout_s)
        grown_s = FIRST_ABSENCE_S * 2 ** min(self._assignment.attempt - 1, 10)
        after_s = max(float(error.retry_after_s), min(MOST_ABSENCE_S, grown_s))
        if now() + timedelta(seconds=after_s) > self._assignment.journal.began_at + patience:
            return error
        return ModelAway(error, after_s=after_s)

    def _tell_escalated(self, weaker: Model, routing: Routing, step: int) -> None:
        self._assignment.journal.recorder.record(
            "model_escalated",
            {
                "from": weaker.slug,
                "to": routing.escalate_to,
                "reason": "schema_fail",
                "after": self._failures,
                "step": step,
            },
        )
