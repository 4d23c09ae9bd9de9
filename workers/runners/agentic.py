"""Runs a skill whose entrypoint is a prompt: a model in a loop in this process, its tools in the sandbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final

from backend.core.errors import PurasError
from backend.core.metrics.instruments import JOB_RUN
from backend.execution.events.types import OMITTED, AgentStartEvent, ResumedEvent
from workers.agent.assignment import AgentAssignment
from workers.agent.attachments.staging import Staged
from workers.agent.compaction import Compaction
from workers.agent.conversation import Conversation
from workers.agent.finish_tool import FinishTool
from workers.agent.limits import Budget
from workers.agent.llm_client import LLMClient
from workers.agent.loop import converse
from workers.agent.prompt import open_conversation, read_body
from workers.agent.stop_reasons import ConsentNeeded, OutOfTime, Pause, Stop, WalletEmpty
from workers.agent.toolbox import Toolbox
from workers.agent.tools.mocks import mocked
from workers.agent.types import Tool, Workspace
from workers.llm.types import Model, Prompt
from workers.types import Assignment, Failure, Measured, Outcome, Postponed, Recorder, Success

OpenModel = Callable[[AgentAssignment, str | None], Awaitable[Model]]
"""Finds the model of a slug for the assignment's project; without one, the instance's own choice."""
OpenWorkroom = Callable[[AgentAssignment, Recorder], AbstractAsyncContextManager[Workspace]]
ListTools = Callable[[AgentAssignment, Model], Sequence[Tool]]
"""What the skill is offered with that model, beside `set_output`."""
OpenServers = Callable[[AgentAssignment, Model, Sequence[Tool]], AbstractAsyncContextManager[Sequence[Tool]]]
"""What servers of others offer beside those tools, for as long as the run lasts."""
Stage = Callable[[AgentAssignment, Model, Workspace], Awaitable[Staged]]
"""Brings the files of the inputs to where the run finds them."""
_NOTHING: Final = Prompt("", (), (), 1)
"""The shortest prompt: a model for which even that could cost something is one that has to be paid."""


class AgenticRunner:
    """The runner of skills whose entrypoint is a prompt."""

    def __init__(
        self,
        open_model: OpenModel,
        open_workroom: OpenWorkroom,
        list_tools: ListTools,
        *,
        open_servers: OpenServers | None = None,
        stage: Stage | None = None,
        let_go: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._open_model = open_model
        self._open_workroom = open_workroom
        self._list_tools = list_tools
        self._open_servers = open_servers or (lambda *_: nullcontext(()))
        self._stage = stage
        self._let_go = let_go

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run one attempt to its end. Never raises for what the skill does; cancelling the task ends the job."""
        if not isinstance(assignment, AgentAssignment):
            raise TypeError("an agent's run needs an AgentAssignment")
        began = time.monotonic()
        try:
            return Success(await self._result(assignment, recorder), _measured(began))
        except Stop as stop:
            if stop.event is not None:
                recorder.record(stop.event)
            return Failure(stop.code, stop.sentence, _measured(began))
        except ConsentNeeded as pause:
            return Postponed(pause.reason, wanted=pause.wanted)
        except Pause as pause:
            return Postponed(pause.reason, pause.after_s)
        except PurasError as error:
            return Failure(error.code, error.detail, _measured(began))
        finally:
            JOB_RUN.labels("agentic").observe(time.monotonic() - began)

    async def close(self) -> None:
        """Let go of what runs shared."""
        if self._let_go is not None:
            await self._let_go()

    async def _result(self, assignment: AgentAssignment, recorder: Recorder) -> Any:
        journal = assignment.journal
        await journal.read()
        budget = Budget(assignment.budget, earlier_s=journal.elapsed_s)
        kept = journal.opening or journal.reopening or {}
        model = await self._open_model(assignment, kept.get("model") or assignment.model)
        speaker = LLMClient(model, lambda slug: self._open_model(assignment, slug), assignment, budget)
        try:
            if assignment.is_unpaid and model.worst_case_micros(_NOTHING, 1) > 0:
                raise WalletEmpty
            async with asyncio.timeout(budget.left_s) as limit:
                async with self._open_workroom(assignment, recorder) as room:
                    return await self._conversed(assignment, model, speaker, room)
        except TimeoutError:
            if not limit.expired():
                raise
            raise OutOfTime(speaker.step, assignment.budget.timeout_s) from None
        finally:
            await speaker.close()

    async def _conversed(
        self, assignment: AgentAssignment, model: Model, speaker: LLMClient, room: Workspace
    ) -> Any:
        speaker.compaction = Compaction(assignment.journal, room)
        finish = FinishTool(assignment.skill)
        offered = self._list_tools(assignment, model)
        async with self._open_servers(assignment, model, offered) as more:
            every = mocked([*offered, *more], assignment.mocks)
            tools = Toolbox(every, finish, room, assignment.journal, assignment.guard)
            staged = Staged(assignment.inputs)
            if self._stage is not None and _needs_inputs(assignment):
                staged = await self._stage(assignment, model, room)
            talk = await _opened(assignment, model, finish, tools, staged)
            return await converse(talk, speaker, tools, finish, assignment)


async def _opened(
    assignment: AgentAssignment, model: Model, finish: FinishTool, tools: Toolbox, staged: Staged
) -> Conversation:
    """What the run begins with; on a later attempt exactly what it began with."""
    journal = assignment.journal
    kept = journal.opening
    if kept is not None:
        journal.recorder.record(ResumedEvent(from_step=journal.last_step))
        return Conversation(kept["system"], tuple(kept["messages"]))
    body = await asyncio.to_thread(read_body, assignment)
    talk = open_conversation(assignment, body, finish, tools.specs, staged)
    scrub = journal.recorder.scrubber.scrub  # a secret that is among the inputs is not for the model either
    talk = _merged(journal.reopening, Conversation(scrub(talk.system), tuple(scrub(list(talk.messages)))))
    content = {
        "model": model.slug,
        "system": talk.system,
        "messages": list(talk.messages),
        "tools": [spec.name for spec in tools.specs],
    }
    await journal.keep_opening(content, _start(assignment, model, tools))
    return talk


def _needs_inputs(assignment: AgentAssignment) -> bool:
    """Whether this attempt writes the opening message."""
    journal = assignment.journal
    return journal.opening is None and "messages" in (journal.reopening or {"anew": ["messages"]})["anew"]


def _merged(reopening: dict[str, Any] | None, talk: Conversation) -> Conversation:
    """The beginning of a fork: as it was, but for what it asks to have written anew."""
    if reopening is None:
        return talk
    anew = reopening["anew"]
    return Conversation(
        talk.system if "system" in anew else reopening["system"],
        talk.messages if "messages" in anew else tuple(reopening["messages"]),
    )


def _start(assignment: AgentAssignment, model: Model, tools: Toolbox) -> AgentStartEvent:
    names = [spec.name for spec in tools.specs]
    budget = assignment.budget
    return AgentStartEvent(
        skill=assignment.skill_name,
        model=model.slug,
        tool_count=len(names),
        tools=names,
        bash_enabled="bash" in names,
        has_output_schema=bool(assignment.skill.output_schema.get("properties")),
        deployment_id=None if assignment.deployment_id is None else str(assignment.deployment_id),
        resumed=False,
        limits={
            "steps": budget.steps,
            "timeout_s": budget.timeout_s,
            "tokens": budget.tokens,
            "cap_micros": budget.cap_micros,
        },
        label=model.label or OMITTED,
    )


def _measured(began: float) -> Measured:
    return Measured(time.monotonic() - began)
