"""Run a skill whose entrypoint is a prompt: the agent loop runs in this process, its tools in the sandbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext, suppress
from typing import Any, Final

from backend.core.errors import PurasError
from backend.core.metrics.instruments import JOB_RUN
from backend.execution.events.types import OMITTED, AgentStartEvent, ResumedEvent
from backend.execution.journal.turns import KEY as TURN
from workers import phases
from workers.agent.assignment import AgentAssignment
from workers.agent.attachments.staging import Staged
from workers.agent.compaction import Compaction
from workers.agent.conversation import Conversation
from workers.agent.finish_tool import FinishTool
from workers.agent.limits import Budget
from workers.agent.llm_client import LLMClient, failover_event
from workers.agent.loop import run_agent
from workers.agent.prompt import open_conversation, read_body
from workers.agent.stop_reasons import ApprovalNeeded, OutOfTime, Pause, Stop, WalletEmpty
from workers.agent.toolbox import Toolbox
from workers.agent.tools.mocks import mocked
from workers.agent.types import Tool, Workspace
from workers.llm.errors import ModelKeyMissing
from workers.llm.types import CurrentModel, Model, Prompt
from workers.types import Assignment, Failure, Measured, Outcome, Postponed, Recorder, Success

OpenModel = Callable[[AgentAssignment, str | None], Awaitable[Model]]
"""Finds the model of a slug for the assignment's project; without one, the default of the instance."""
OpenWorkspace = Callable[[AgentAssignment, Recorder], AbstractAsyncContextManager[Workspace]]
ListTools = Callable[[AgentAssignment, CurrentModel], Sequence[Tool]]
"""Returns the tools of the skill with the model that the run starts with, without `set_output`."""
OpenServers = Callable[[AgentAssignment, Model, Sequence[Tool]], AbstractAsyncContextManager[Sequence[Tool]]]
"""Opens the tools of MCP servers, in addition to those tools, for the duration of the run."""
Stage = Callable[[AgentAssignment, Model, Workspace], Awaitable[Staged]]
"""Stages the files of the inputs."""
Complete = Callable[[AgentAssignment, Any], Awaitable[Any]]
"""Returns the result of a run, with what the model has submitted."""
_NOTHING: Final = Prompt("", (), (), 1)
"""The shortest prompt, to determine whether a model is free."""


class AgenticRunner:
    """The runner of skills whose entrypoint is a prompt."""

    def __init__(
        self,
        open_model: OpenModel,
        open_workspace: OpenWorkspace,
        list_tools: ListTools,
        *,
        open_servers: OpenServers | None = None,
        stage: Stage | None = None,
        complete: Complete | None = None,
        on_close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._open_model = open_model
        self._open_workspace = open_workspace
        self._list_tools = list_tools
        self._open_servers = open_servers or (lambda *_: nullcontext(()))
        self._stage = stage
        self._complete = complete
        self._on_close = on_close

    async def run(self, assignment: Assignment, recorder: Recorder) -> Outcome | Postponed:
        """Run one attempt to its end. Errors of the skill raise nothing; cancelling the task ends the job."""
        if not isinstance(assignment, AgentAssignment):
            raise TypeError("an agent's run needs an AgentAssignment")
        started = time.monotonic()
        try:
            value = await self._result(assignment, recorder)
            return Success(value, _measured(started), accepts_text=assignment.journal.turn.accepts_text)
        except Stop as stop:
            if stop.event is not None:
                recorder.record(stop.event)
            return Failure(stop.code, stop.message, _measured(started))
        except ApprovalNeeded as pause:
            return Postponed(pause.reason, approvals=pause.approvals)
        except Pause as pause:
            return Postponed(pause.reason, pause.after_s)
        except PurasError as error:
            return Failure(error.code, error.detail, _measured(started))
        finally:
            JOB_RUN.labels("agentic").observe(time.monotonic() - started)

    async def close(self) -> None:
        """Close what runs share."""
        if self._on_close is not None:
            await self._on_close()

    async def _result(self, assignment: AgentAssignment, recorder: Recorder) -> Any:
        journal = assignment.journal
        await journal.read()
        budget = Budget(assignment.budget, earlier_s=journal.elapsed_s)
        stored = journal.initial_prompt or journal.fork_prompt or {}
        model = await self._first_model(assignment, stored.get("model"))
        llm_client = LLMClient(model, lambda slug: self._open_model(assignment, slug), assignment, budget)
        try:
            if assignment.is_unpaid and model.worst_case_micros(_NOTHING, 1) > 0:
                raise WalletEmpty
            async with asyncio.timeout(budget.remaining_s) as limit:
                mark = phases.Mark()
                async with self._open_workspace(assignment, recorder) as workspace:
                    mark.add("sandbox")
                    return await self._run_agent(assignment, model, llm_client, workspace)
        except TimeoutError:
            if not limit.expired():
                raise
            raise OutOfTime(llm_client.step, assignment.budget.timeout_s) from None
        finally:
            await llm_client.close()

    async def _first_model(self, assignment: AgentAssignment, stored: str | None) -> Model:
        """Return the model that an earlier attempt started with, else the first of the skill's list with a key."""
        slug = stored or assignment.model
        try:
            return await self._open_model(assignment, slug)
        except ModelKeyMissing as missing:
            for fallback in () if stored else assignment.fallback_models:
                with suppress(ModelKeyMissing):
                    model = await self._open_model(assignment, fallback)
                    event = failover_event(str(slug), model.slug, missing, step=0)
                    assignment.journal.recorder.record(event)
                    return model
            raise

    async def _run_agent(
        self, assignment: AgentAssignment, model: Model, llm_client: LLMClient, workspace: Workspace
    ) -> Any:
        compaction = llm_client.compaction = Compaction(assignment.journal, workspace)
        finish = FinishTool(assignment.skill, ends_with_text=assignment.journal.turn.accepts_text)
        mark = phases.Mark()
        offered = self._list_tools(assignment, lambda: llm_client.model)
        async with self._open_servers(assignment, model, offered) as more:
            mark.add("tools")
            every = mocked([*offered, *more], assignment.mocks)
            tools = Toolbox(every, finish, workspace, assignment.journal, assignment.guard)
            staged = Staged(assignment.inputs)
            if self._stage is not None and _needs_inputs(assignment):
                with phases.measured("files"):
                    staged = await self._stage(assignment, model, workspace)
            conversation = await _initial_conversation(assignment, model, finish, tools, staged)
            compaction.earlier_messages = len(conversation.messages) - 1
            value = await run_agent(conversation, llm_client, tools, finish, assignment)
            return value if self._complete is None else await self._complete(assignment, value)


async def _initial_conversation(
    assignment: AgentAssignment, model: Model, finish: FinishTool, tools: Toolbox, staged: Staged
) -> Conversation:
    """Return the initial conversation; on a later attempt the stored one."""
    journal = assignment.journal
    stored = journal.initial_prompt
    if stored is not None:
        journal.recorder.record(ResumedEvent(from_step=journal.last_step, phases=phases.take()))
        return Conversation(stored["system"], tuple(stored["messages"]))
    body = await asyncio.to_thread(read_body, assignment)
    conversation = open_conversation(assignment, body, finish, tools.specs, staged)
    scrub = journal.recorder.scrubber.scrub  # secrets in the inputs are also hidden from the model
    conversation = _merged(
        journal.fork_prompt,
        Conversation(scrub(conversation.system), tuple(scrub(list(conversation.messages)))),
    )
    content = {
        "model": model.slug,
        "system": conversation.system,
        "messages": list(conversation.messages),
        "cache_ttl": assignment.skill.cache_ttl,
    }
    if journal.fork_prompt is not None and TURN in journal.fork_prompt:
        content[TURN] = journal.fork_prompt[TURN]  # for later attempts and forks
    await journal.store_initial_prompt(content, tools.specs, _start(assignment, model, tools))
    return conversation


def _needs_inputs(assignment: AgentAssignment) -> bool:
    """Return whether this attempt creates the first message."""
    journal = assignment.journal
    if journal.initial_prompt is not None:
        return False
    return journal.fork_prompt is None or "messages" in _rewritten(journal.fork_prompt)


def _merged(fork_prompt: dict[str, Any] | None, conversation: Conversation) -> Conversation:
    """Return the initial conversation of a fork: the original one, except for the parts to create again."""
    if fork_prompt is None:
        return conversation
    rewritten = _rewritten(fork_prompt)
    return Conversation(
        conversation.system if "system" in rewritten else fork_prompt["system"],
        conversation.messages if "messages" in rewritten else tuple(fork_prompt["messages"]),
    )


def _rewritten(fork_prompt: dict[str, Any]) -> list[str]:
    """Return the parts of the initial prompt of a fork that a worker generates again."""
    parts: list[str] = fork_prompt[
        "rewritten" if "rewritten" in fork_prompt else "anew"
    ]  # the key before 0.2
    return parts


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
        phases=phases.take(),
    )


def _measured(started: float) -> Measured:
    return Measured(time.monotonic() - started)
