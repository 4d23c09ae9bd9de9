"""Provide the toolbox of one run: the tools that the model may call, with each call made once."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from backend.core import logs
from backend.core.errors import PurasError
from backend.execution.approvals.types import ApprovalRequest
from backend.execution.events.types import ToolStartedEvent
from workers.agent.conversation import MAX_LABEL_CHARACTERS, result_block, text_blocks
from workers.agent.finish_tool import NAME as FINISH
from workers.agent.finish_tool import FinishTool, complaint, invalid
from workers.agent.guardrails import Guard, Verdict
from workers.agent.journal import Finished, Journal
from workers.agent.long_results import shortened
from workers.agent.stop_reasons import ApprovalNeeded
from workers.agent.types import (
    Asking,
    Bound,
    Coercing,
    DelegatingTool,
    Tool,
    ToolCall,
    ToolError,
    ToolResult,
    Workspace,
)
from workers.llm.types import Block, ToolSpec

log = logs.get(__name__)

MAX_CONCURRENT_CALLS: Final = 3
_LABEL: Final = {
    "type": "string",
    "description": "The purpose of this call in a few words, for users who follow the run.",
    "maxLength": MAX_LABEL_CHARACTERS,
}
INTERRUPTED: Final = (
    "ERROR: the worker was lost while this call ran. It is unknown whether it took effect. Check this "
    "before you repeat the call."
)
REJECTED: Final = "A user rejected it{reason}."
NOT_APPROVED: Final = "The approval expired."
ANOTHER_EFFECT: Final = (
    "The approval was for a tool of another server, or does not record the server. Check which tools are "
    "available, and call the intended one, which needs a separate approval."
)
EDITED: Final = (
    "Note: a user changed the arguments of this call before approving it. What you read above is the result for "
    "these arguments, not for yours: {arguments}. Continue from them, and do not repeat the call with your own."
)
MAX_SHOWN_ARGUMENTS: Final = 4_000
DO_NOT_RETRY: Final = (
    "Do not call it again, and do not try to achieve the same in another way. Continue without it, and "
    "state in the result what was not done."
)
NOT_CALLED: Final = "ERROR: not made, since the result was submitted before this call."


@dataclass(slots=True)
class Results:
    """The results of the calls of one reply."""

    blocks: list[Block] = field(default_factory=list)
    """In the form for the model, in the order of the calls."""
    is_finished: bool = False
    value: Any = None
    """The result of the run, once it is finished."""
    mismatches: int = 0
    """Results that were submitted and did not match the schema."""
    rejections: list[str] = field(default_factory=list)
    """Why results that were submitted were rejected, by the schema or by a guardrail."""


class Toolbox:
    """The tools that a skill may use, in one workspace."""

    def __init__(
        self, tools: Sequence[Tool], finish: FinishTool, workspace: Workspace, journal: Journal, guard: Guard
    ) -> None:
        skill = workspace.skill
        allowed = set(skill.allowed_tools)
        offered = [tool for tool in tools if not allowed or tool.spec.name in allowed]
        self._tools = {tool.spec.name: tool for tool in offered if tool.spec.name != FINISH}
        self._allowed = allowed
        self._limits = skill.tool_limits
        self._counts: Counter[str] = Counter()
        self._finish = finish
        self._workspace = workspace
        self._journal = journal
        self._guard = guard
        guard.delegating = {
            name: tool for name, tool in self._tools.items() if isinstance(tool, DelegatingTool)
        }
        guard.coercing = {name: tool for name, tool in self._tools.items() if isinstance(tool, Coercing)}
        self._verdicts: dict[int, Verdict] = {}
        """The verdicts of the guardrails on the pending calls of the reply, by position."""
        self._reply_calls: Sequence[tuple[int, ToolCall]] = ()
        """The calls of the reply that are being made, with their positions."""
        self.specs = [*(_labelled(tool.spec) for tool in self._tools.values()), finish.spec]

    async def run(self, calls: Sequence[ToolCall]) -> Results:
        """Make the calls: concurrently if all of them allow it, else in order, until a result is accepted."""
        results = Results()
        positions = self._reply_calls = [
            (position, await self._as_decided(position, call)) for position, call in enumerate(calls, start=1)
        ]
        self._verdicts = await self._verdicts_of(positions)
        if len(calls) > 1 and all(self._is_concurrent(*one) for one in positions):
            await self._run_concurrently(positions, results)
            return results
        for position, call in positions:
            if results.is_finished:
                results.blocks.append(result_block(call, ToolResult(NOT_CALLED, ok=False)))
            elif call.name == FINISH:
                await self._submit(position, call, results)
            else:
                results.blocks.append(result_block(call, await self._result_of(position, call)))
        return results

    async def _as_decided(self, position: int, call: ToolCall) -> ToolCall:
        """Return the call with the arguments with which a user has approved it."""
        decided = self._journal.as_decided(position, call)
        if not decided.is_edited or self._journal.result(call.step, position) is not None:
            return decided
        return await self._guard.redacted_call(decided)

    async def _run_concurrently(self, positions: Sequence[tuple[int, ToolCall]], results: Results) -> None:
        gate = asyncio.Semaphore(MAX_CONCURRENT_CALLS)
        times = Counter(call.name for _, call in positions)

        async def made(position: int, call: ToolCall) -> ToolResult:
            async with gate:
                return await self._result_of(
                    position, replace(call, concurrency=min(MAX_CONCURRENT_CALLS, times[call.name]))
                )

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(made(position, call)) for position, call in positions]
        except BaseExceptionGroup as several:
            first = several.exceptions[0]  # a lost attempt, or an internal error: the first one suffices
            raise first from None
        for (_, call), task in zip(positions, tasks, strict=True):
            results.blocks.append(result_block(call, task.result()))

    async def _submit(self, position: int, call: ToolCall, results: Results) -> None:
        checked = self._finish.check(call.input)
        if checked.problems:
            results.mismatches += 1
            results.rejections.append(invalid(checked))
            await self._respond(position, call, ToolResult(complaint(checked), ok=False), results)
            return
        value, refusal = await self._release(position, call, checked.value)
        if refusal is not None:
            results.rejections.append(refusal)
            await self._respond(position, call, ToolResult(f"ERROR: {refusal}", ok=False), results)
            return
        results.is_finished, results.value = True, value
        await self._respond(position, call, ToolResult("Result accepted. The run is complete."), results)

    async def release_result(self, value: Any, step: int) -> tuple[Any, str | None]:
        """Return a result that was submitted as text, as the guardrails permit it, or why they reject it.

        Raises:
            RailBlocked: too many results were rejected.
            ApprovalNeeded: a user has to approve it first.
        """
        return await self._release(1, ToolCall("words", FINISH, {}, step), value)

    async def _release(self, position: int, call: ToolCall, value: Any) -> tuple[Any, str | None]:
        stored = self._journal.result(call.step, position)
        if stored is not None and not stored.ok:  # an earlier attempt rejected it
            self._guard.note_blocked(None)
            return None, str(stored.content).removeprefix("ERROR: ")
        decided = self._journal.decision(call.step, position)
        out = await self._guard.out(value, self._workspace, step=call.step, decided=decided)
        if out.asks:
            submitted = out.value if isinstance(out.value, dict) else {"value": out.value}
            raise ApprovalNeeded([ApprovalRequest(call.step, position, FINISH, call.id, submitted)])
        return out.value, out.complaint

    async def _verdicts_of(self, positions: Sequence[tuple[int, ToolCall]]) -> dict[int, Verdict]:
        """Return the verdicts of guardrails and approval rules on the calls that were not made before."""
        verdicts = {}
        for position, call in positions:
            if call.name != FINISH and self._journal.result(call.step, position) is None:
                decided = self._journal.decision(call.step, position)
                verdict = await self._guard.verdict(call, self._workspace, decided)
                tool = self._tools.get(call.name)
                if verdict.refusal is None and not verdict.asks and isinstance(tool, Asking):
                    verdict = verdict._replace(asks=await tool.needs_approval(call, self._workspace))
                verdicts[position] = verdict
        return verdicts

    async def _respond(self, position: int, call: ToolCall, result: ToolResult, results: Results) -> None:
        """Store and add a response that comes from the runtime instead of a tool."""
        if self._journal.result(call.step, position) is None:
            await self._journal.store_result(Finished(position, call, result))
        results.blocks.append(result_block(call, result))

    async def _result_of(self, position: int, call: ToolCall) -> ToolResult:
        """Return the result of a call: the stored one, else a new one, which is stored."""
        self._counts.update(self._names(call))
        stored = self._journal.result(call.step, position)
        if stored is not None:
            return stored
        tool = self._tools.get(call.name)
        refusal = self._refusal(call, tool, self._counts) or self._verdict(position).refusal
        if refusal is None and tool is not None and self._is_gated(position, tool, call):
            refusal = self._denial(position, call, tool)
        if refusal is not None or tool is None:
            result = ToolResult(f"ERROR: {refusal}", ok=False)
        elif self._journal.was_started(call.step, position) and not _may_run_again(tool):
            result = ToolResult(INTERRUPTED, ok=False)
        else:
            await self._announce(position, call, tool)
            result = await self._run_tool(tool, call)
        if call.is_edited:
            result = self._with_edit(call, result)
        await self._journal.store_result(Finished(position, call, result))
        return result

    async def _announce(self, position: int, call: ToolCall, tool: Tool) -> None:
        """Record that a call starts; store it if it must not be made twice."""
        if not _may_run_again(tool):
            await self._journal.store_started(position, call)
            return
        started = ToolStartedEvent(tool=call.name, tool_use_id=call.id, step=call.step)
        self._journal.recorder.record(started)

    async def _run_tool(self, tool: Tool, call: ToolCall) -> ToolResult:
        """Return the result of the tool, or its error, without the job's secrets and shortened."""
        scrub = self._journal.recorder.scrubber.scrub
        try:
            result = await tool.run(call, self._workspace)
        except ToolError as error:
            result = ToolResult(f"ERROR: {error}", ok=False)
        except PurasError as error:
            result = ToolResult(f"ERROR: {error.detail}", ok=False, details={"code": error.code})
        except Exception as error:  # noqa: BLE001 - a failing tool does not fail the run: the model receives the error
            log.warning("tool failed", tool=call.name, job_id=call.job, error=scrub(repr(error)))
            result = ToolResult(f"ERROR: {type(error).__name__}: {error}", ok=False)
        result = await self._guard.result(
            call, replace(result, content=scrub(result.content)), self._workspace
        )
        return await shortened(result, call, self._workspace)

    def _with_edit(self, call: ToolCall, result: ToolResult) -> ToolResult:
        """Return the result with a note for the model, which knows only its own arguments, and the used ones."""
        used = self._journal.recorder.scrubber.scrub(call.input)
        written = json.dumps(used, ensure_ascii=False)
        note = EDITED.format(arguments=_cut(written))
        content = result.content
        noted = f"{content}\n\n{note}" if isinstance(content, str) else [*content, *text_blocks(note)]
        return replace(result, content=noted, details={**result.details, "edited_arguments": used})

    def _refusal(self, call: ToolCall, tool: Tool | None, counts: Counter[str]) -> str | None:
        """Return why a call is not made; `counts` contains the calls up to this one, by each name of their tool."""
        if tool is None:
            return f"there is no tool {call.name!r}. There are {', '.join([*self._tools, FINISH])}."
        names = self._names(call)
        if self._allowed and not self._allowed & {names[0]}:
            return f"{names[0]!r} is not among the tools that this skill allows. Continue without it."
        for name in names:
            maximum = self._limits.get(name)
            if maximum is not None and counts[name] > maximum:
                return f"{name} has reached its maximum of {maximum} calls in a run. Continue without it."
        return None

    def _names(self, call: ToolCall) -> tuple[str, ...]:
        """Return the names by which limits may refer to a tool: of a delegating tool also those of the inner tool."""
        tool = self._tools.get(call.name)
        inner = tool.inner(call.input) if isinstance(tool, DelegatingTool) else None
        return (call.name,) if inner is None else inner.names

    def _denial(self, position: int, call: ToolCall, tool: Tool) -> str | None:
        """Return how a user has rejected the call; None if it is approved.

        Raises:
            ApprovalNeeded: there is no decision yet. Nothing that the model writes or reads can replace it.
        """
        decision = self._journal.decision(call.step, position)
        if decision is None:
            raise ApprovalNeeded(self._pending_approvals(position))
        if decision.status == "approved":
            is_same = (decision.effect or "") == _effect(tool, call)
            return None if is_same else f"{call.name} was not called. {ANOTHER_EFFECT}"
        why = REJECTED.format(reason=f": {decision.reason.rstrip('.')}" if decision.reason else "")
        return f"{call.name} was not called. {why if decision.status == 'denied' else NOT_APPROVED} {DO_NOT_RETRY}"

    def _pending_approvals(self, first: int) -> list[ApprovalRequest]:
        """Return the requests for approval of the calls from a position on that are not rejected otherwise."""
        counts = self._counts.copy()
        approvals = []
        for position, call in self._reply_calls:
            if position > first:
                counts.update(self._names(call))
            tool = self._tools.get(call.name)
            is_gated = position >= first and tool is not None and self._is_gated(position, tool, call)
            refusal = self._refusal(call, tool, counts) or self._verdict(position).refusal
            is_decided = self._journal.decision(call.step, position) is not None
            if tool is not None and is_gated and refusal is None and not is_decided:
                effect = _effect(tool, call)
                schema = tool.spec.input_schema
                request = ApprovalRequest(call.step, position, call.name, call.id, call.input, effect, schema)
                approvals.append(request)
        return approvals

    def _is_gated(self, position: int, tool: Tool, call: ToolCall) -> bool:
        """Return whether the call needs an approval; one with a decision does, whatever the name means now."""
        is_decided = self._journal.decision(call.step, position) is not None
        return tool.confirm or self._verdict(position).asks or is_decided

    def _verdict(self, position: int) -> Verdict:
        return self._verdicts.get(position, Verdict())

    def _is_concurrent(self, position: int, call: ToolCall) -> bool:
        tool = self._tools.get(call.name)
        if tool is None or self._is_gated(position, tool, call):
            return False
        return tool.is_read_only and not tool.runs_alone


def _cut(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_ARGUMENTS else f"{text[:MAX_SHOWN_ARGUMENTS]}… (shortened)"


def _may_run_again(tool: Tool) -> bool:
    return tool.is_read_only or tool.is_idempotent


def _effect(tool: Tool, call: ToolCall) -> str:
    return tool.effect(call) if isinstance(tool, Bound) else ""


def _labelled(spec: ToolSpec) -> ToolSpec:
    schema = spec.input_schema
    properties = {**schema.get("properties", {}), "_label": _LABEL}
    return replace(spec, input_schema={**schema, "properties": properties})
