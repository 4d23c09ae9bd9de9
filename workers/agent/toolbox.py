"""The tools of one run: what the model is offered, and how its calls are made, each of them once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from backend.core import logs
from backend.core.errors import PurasError
from backend.execution.approvals.types import Wanted
from backend.execution.events.types import ToolStartedEvent
from workers.agent.conversation import MAX_LABEL_CHARACTERS, result_block
from workers.agent.finish_tool import NAME as FINISH
from workers.agent.finish_tool import FinishTool, complaint
from workers.agent.guardrails import Guard, Verdict
from workers.agent.journal import Finished, Journal
from workers.agent.long_results import shrunk
from workers.agent.stop_reasons import ConsentNeeded
from workers.agent.types import (
    Asking,
    Bound,
    Coercing,
    StandIn,
    Tool,
    ToolCall,
    ToolError,
    ToolResult,
    Workspace,
)
from workers.llm.types import Block, ToolSpec

log = logs.get(__name__)

AT_ONCE: Final = 3
_LABEL: Final = {
    "type": "string",
    "description": "What this call is for, in a few words, for people who follow the run.",
    "maxLength": MAX_LABEL_CHARACTERS,
}
INTERRUPTED: Final = (
    "ERROR: the worker was lost while this call ran. Whether it took effect is not known: look, before you repeat "
    "it."
)
DENIED: Final = "A person denied it{reason}."
NOBODY: Final = "Nobody agreed to it in time."
ANOTHER_EFFECT: Final = (
    "The approval was for a tool of another server, or does not record for which one. Check which tools there are, and "
    "call the one that is meant: it needs an approval of its own."
)
NOT_AGAIN: Final = (
    "Do not call it again, and do not try to reach the same in another way. Go on without it, and say in the result "
    "what was not done."
)
NOT_MADE: Final = "ERROR: not made, since the result was handed in before it."


@dataclass(slots=True)
class Results:
    """What the calls of one reply gave."""

    blocks: list[Block] = field(default_factory=list)
    """As the model reads them, in the order of the calls."""
    is_finished: bool = False
    value: Any = None
    """The run's result, once it is finished."""
    misfits: int = 0
    """Results that were handed in and did not fit."""


class Toolbox:
    """The tools that a skill may use, in one workroom."""

    def __init__(
        self, tools: Sequence[Tool], finish: FinishTool, room: Workspace, journal: Journal, guard: Guard
    ) -> None:
        skill = room.skill
        allowed = set(skill.allowed_tools)
        offered = [tool for tool in tools if not allowed or tool.spec.name in allowed]
        self._tools = {tool.spec.name: tool for tool in offered if tool.spec.name != FINISH}
        self._allowed = allowed
        self._limits = skill.tool_limits
        self._counts: Counter[str] = Counter()
        self._finish = finish
        self._room = room
        self._journal = journal
        self._guard = guard
        guard.stand_ins = {name: tool for name, tool in self._tools.items() if isinstance(tool, StandIn)}
        guard.coercing = {name: tool for name, tool in self._tools.items() if isinstance(tool, Coercing)}
        self._verdicts: dict[int, Verdict] = {}
        """What the rails say to the calls of the reply that are still to be made, by place."""
        self._turn: Sequence[tuple[int, ToolCall]] = ()
        """The calls of the reply that are being made, with their places."""
        self.specs = [*(_labelled(tool.spec) for tool in self._tools.values()), finish.spec]

    async def run(self, calls: Sequence[ToolCall]) -> Results:
        """Make the calls: beside each other where all of them allow it, else in order, up to a result that fits."""
        results = Results()
        places = self._turn = list(enumerate(calls, start=1))
        self._verdicts = await self._judged(places)
        if len(calls) > 1 and all(self._runs_beside_others(*one) for one in places):
            await self._run_beside(places, results)
            return results
        for place, call in places:
            if results.is_finished:
                results.blocks.append(result_block(call, ToolResult(NOT_MADE, ok=False)))
            elif call.name == FINISH:
                await self._hand_in(place, call, results)
            else:
                results.blocks.append(result_block(call, await self._made(place, call)))
        return results

    async def _run_beside(self, places: Sequence[tuple[int, ToolCall]], results: Results) -> None:
        gate = asyncio.Semaphore(AT_ONCE)
        times = Counter(call.name for _, call in places)

        async def made(place: int, call: ToolCall) -> ToolResult:
            async with gate:
                return await self._made(place, replace(call, beside=min(AT_ONCE, times[call.name])))

        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(made(place, call)) for place, call in places]
        except BaseExceptionGroup as several:
            first = several.exceptions[0]  # a lost attempt, or a fault of ours: one of them tells it all
            raise first from None
        for (_, call), task in zip(places, tasks, strict=True):
            results.blocks.append(result_block(call, task.result()))

    async def _hand_in(self, place: int, call: ToolCall, results: Results) -> None:
        checked = self._finish.check(call.input)
        if checked.problems:
            results.misfits += 1
            await self._answer(place, call, ToolResult(complaint(checked), ok=False), results)
            return
        value, refusal = await self._let_out(place, call, checked.value)
        if refusal is not None:
            await self._answer(place, call, ToolResult(f"ERROR: {refusal}", ok=False), results)
            return
        results.is_finished, results.value = True, value
        await self._answer(place, call, ToolResult("Taken. The run is over."), results)

    async def let_out(self, value: Any, step: int) -> tuple[Any, str | None]:
        """A result that was given in words, as it may leave, or why it may not.

        Raises:
            RailBlocked: too many did not pass.
            ConsentNeeded: a person has to agree first.
        """
        return await self._let_out(1, ToolCall("words", FINISH, {}, step), value)

    async def _let_out(self, place: int, call: ToolCall, value: Any) -> tuple[Any, str | None]:
        kept = self._journal.result(call.step, place)
        if kept is not None and not kept.ok:  # an earlier attempt was told so
            self._guard.note_blocked(None)
            return None, str(kept.content).removeprefix("ERROR: ")
        decided = self._journal.decision(call.step, place)
        out = await self._guard.out(value, self._room, step=call.step, decided=decided)
        if out.asks:
            shown = out.value if isinstance(out.value, dict) else {"value": out.value}
            raise ConsentNeeded([Wanted(call.step, place, FINISH, call.id, shown)])
        return out.value, out.complaint

    async def _judged(self, places: Sequence[tuple[int, ToolCall]]) -> dict[int, Verdict]:
        """What the rails, and what else needs an approval, say to the calls that were not made before."""
        verdicts = {}
        for place, call in places:
            if call.name != FINISH and self._journal.result(call.step, place) is None:
                decided = self._journal.decision(call.step, place)
                verdict = await self._guard.verdict(call, self._room, decided)
                tool = self._tools.get(call.name)
                if verdict.refusal is None and not verdict.asks and isinstance(tool, Asking):
                    verdict = verdict._replace(asks=await tool.needs_approval(call, self._room))
                verdicts[place] = verdict
        return verdicts

    async def _answer(self, place: int, call: ToolCall, result: ToolResult, results: Results) -> None:
        """An answer of our own, that no tool has given."""
        if self._journal.result(call.step, place) is None:
            await self._journal.keep_result(Finished(place, call, result))
        results.blocks.append(result_block(call, result))

    async def _made(self, place: int, call: ToolCall) -> ToolResult:
        """The result of a call: the one that is written down already, else a new one, which then is."""
        self._counts.update(self._names(call))
        kept = self._journal.result(call.step, place)
        if kept is not None:
            return kept
        tool = self._tools.get(call.name)
        refusal = self._refusal(call, tool, self._counts) or self._verdict(place).refusal
        if refusal is None and tool is not None and self._is_gated(place, tool, call):
            refusal = self._withheld(place, call, tool)
        if refusal is not None or tool is None:
            result = ToolResult(f"ERROR: {refusal}", ok=False)
        elif self._journal.was_started(call.step, place) and not _may_run_again(tool):
            result = ToolResult(INTERRUPTED, ok=False)
        else:
            await self._announce(place, call, tool)
            result = await self._run_tool(tool, call)
        await self._journal.keep_result(Finished(place, call, result))
        return result

    async def _announce(self, place: int, call: ToolCall, tool: Tool) -> None:
        """Write down that it begins, where a second beginning would be one too many."""
        if not _may_run_again(tool):
            await self._journal.keep_started(place, call)
            return
        started = ToolStartedEvent(tool=call.name, tool_use_id=call.id, step=call.step)
        self._journal.recorder.record(started)

    async def _run_tool(self, tool: Tool, call: ToolCall) -> ToolResult:
        """What the tool gives, whatever it does, without the job's secrets and not too long."""
        scrub = self._journal.recorder.scrubber.scrub
        try:
            result = await tool.run(call, self._room)
        except ToolError as error:
            result = ToolResult(f"ERROR: {error}", ok=False)
        except PurasError as error:
            result = ToolResult(f"ERROR: {error.detail}", ok=False, facts={"code": error.code})
        except Exception as error:  # noqa: BLE001 - a tool that breaks does not break the run: the model is told
            log.warning("a tool broke", tool=call.name, job_id=call.job, error=scrub(repr(error)))
            result = ToolResult(f"ERROR: {type(error).__name__}: {error}", ok=False)
        result = await self._guard.result(call, replace(result, content=scrub(result.content)), self._room)
        return await shrunk(result, call, self._room)

    def _refusal(self, call: ToolCall, tool: Tool | None, counts: Counter[str]) -> str | None:
        """Why a call is not made; `counts` has the calls up to this one, by each name of what they call."""
        if tool is None:
            return f"there is no tool {call.name!r}. There are {', '.join([*self._tools, FINISH])}."
        names = self._names(call)
        if self._allowed and not self._allowed & {names[0]}:
            return f"{names[0]!r} is not among the tools that this skill allows. Go on without it."
        for name in names:
            most = self._limits.get(name)
            if most is not None and counts[name] > most:
                return f"{name} may be called {most} times in a run, and was. Go on without it."
        return None

    def _names(self, call: ToolCall) -> tuple[str, ...]:
        """The names by which limits may mean what is called: of a stand-in the tool behind it, then its own."""
        tool = self._tools.get(call.name)
        inner = tool.inner(call.input) if isinstance(tool, StandIn) else None
        return (call.name,) if inner is None else inner.names

    def _withheld(self, place: int, call: ToolCall, tool: Tool) -> str | None:
        """How a person has refused the call; None: somebody has agreed to it.

        Raises:
            ConsentNeeded: nobody has been asked yet. Nothing that the model says or reads makes this unnecessary.
        """
        decision = self._journal.decision(call.step, place)
        if decision is None:
            raise ConsentNeeded(self._unasked(place))
        if decision.status == "approved":
            is_same = (decision.effect or "") == _effect(tool, call)
            return None if is_same else f"{call.name} was not called. {ANOTHER_EFFECT}"
        why = DENIED.format(reason=f": {decision.reason}" if decision.reason else "")
        return f"{call.name} was not called. {why if decision.status == 'denied' else NOBODY} {NOT_AGAIN}"

    def _unasked(self, first: int) -> list[Wanted]:
        """The calls of the turn, from a place on, that need a consent and are not refused anyway."""
        counts = self._counts.copy()
        wanted = []
        for place, call in self._turn:
            if place > first:
                counts.update(self._names(call))
            tool = self._tools.get(call.name)
            is_gated = place >= first and tool is not None and self._is_gated(place, tool, call)
            refusal = self._refusal(call, tool, counts) or self._verdict(place).refusal
            is_asked = self._journal.decision(call.step, place) is not None
            if tool is not None and is_gated and refusal is None and not is_asked:
                effect = _effect(tool, call)
                wanted.append(Wanted(call.step, place, call.name, call.id, call.input, effect))
        return wanted

    def _is_gated(self, place: int, tool: Tool, call: ToolCall) -> bool:
        """Whether the call needs an approval; one that was asked about does, whatever the name stands for now."""
        is_decided = self._journal.decision(call.step, place) is not None
        return tool.confirm or self._verdict(place).asks or is_decided

    def _verdict(self, place: int) -> Verdict:
        return self._verdicts.get(place, Verdict())

    def _runs_beside_others(self, place: int, call: ToolCall) -> bool:
        tool = self._tools.get(call.name)
        if tool is None or self._is_gated(place, tool, call):
            return False
        return tool.is_read_only and not tool.runs_alone


def _may_run_again(tool: Tool) -> bool:
    return tool.is_read_only or tool.is_idempotent


def _effect(tool: Tool, call: ToolCall) -> str:
    return tool.effect(call) if isinstance(tool, Bound) else ""


def _labelled(spec: ToolSpec) -> ToolSpec:
    schema = spec.input_schema
    properties = {**schema.get("properties", {}), "_label": _LABEL}
    return replace(spec, input_schema={**schema, "properties": properties})
