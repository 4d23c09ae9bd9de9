"""The rails of an agent: what it calls, what its tools give back, and what it hands in.

What is redacted is so before anything is written down. Nothing that a model says or reads changes a rail.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from backend.approvals.asking import Decision
from backend.bundles.manifest import Rail, RailPoint, Skill
from backend.rails.errors import sentence_of
from backend.rails.judging import Judgement, judge, rails_at, told_by, without
from workers.agent import ToolCall, ToolResult, Workroom
from workers.agent.finish_tool import NAME as FINISH
from workers.agent.stops import RailBlocked
from workers.models import Block, Reply
from workers.rails.checks import judged_with_checks
from workers.rails.telling import Telling
from workers.runners import Entrypoint, Outcome, Recorder

MOST_BLOCKED: Final = 3
"""Results that do not pass; then the run fails."""
_MARK: Final = "_rail_blocked"
"""Stands in the place of an input that could not be redacted."""
_TRY_AGAIN: Final = " Hand in a result without it; asking to be let through does not help."


class Verdict(NamedTuple):
    """What the rails say to a call."""

    refusal: str | None = None
    asks: bool = False
    """A person has to agree."""


class LetOut(NamedTuple):
    """What the rails say to a result."""

    value: Any
    complaint: str | None = None
    asks: bool = False


class Guard:
    """Of one run."""

    def __init__(self, skill: Skill, recorder: Recorder) -> None:
        self._rails = skill.rails
        self._path = skill.path
        self._output = skill.output
        self._recorder = recorder
        self._blocked = 0
        self.is_quiet = Telling(skill).is_needed
        """Whether the words of a reply are told only once they are whole and looked at."""

    async def reply(self, reply: Reply, step: int) -> Reply:
        """The reply without what is redacted in what it says, hands in, or asks tools for."""
        if not any(rail.action == "redact" for rail in self._rails):
            return reply
        blocks = [await self._block(block, step) for block in reply.blocks]
        return replace(reply, blocks=tuple(blocks))

    async def verdict(self, call: ToolCall, room: Workroom, decided: Decision | None) -> Verdict:
        """What the rails on tools say to a call; `decided` is what a person has."""
        marked = call.input.get(_MARK)
        rails = rails_at(self._rails, "tool", call.name)
        if marked is not None and rails:
            return Verdict(sentence_of(next((one for one in rails if one.name == marked), rails[0]), "tool"))
        if not rails:
            return Verdict()
        judgement = await self._judged(rails, call.input, "tool", room, tool=call.name)
        if decided is None:
            self._tell(judgement, "tool", step=call.step, tool=call.name)
        if judgement.blocked is not None:
            return Verdict(sentence_of(judgement.blocked.rail, "tool"))
        return Verdict(asks=bool(judgement.asks))

    async def result(self, call: ToolCall, result: ToolResult, room: Workroom) -> ToolResult:
        """What of a tool's result the model may read, and anybody may know."""
        rails = rails_at(self._rails, "retrieval", call.name)
        if not rails:
            return result
        judgement = await self._judged(rails, result.content, "retrieval", room, tool=call.name)
        self._tell(judgement, "retrieval", step=call.step, tool=call.name)
        if judgement.blocked is not None:
            words = sentence_of(judgement.blocked.rail, "retrieval")
            return ToolResult(f"ERROR: {words}", ok=False, used=result.used)
        redacting = [one.rail for one in judgement.decided if one.action == "redact"]
        facts = without(redacting, dict(result.facts)) if redacting else result.facts
        return replace(result, content=judgement.value, facts=facts)

    async def remembered(self, text: str) -> str:
        """What of a digest the model may read; nothing where a rail blocks it."""
        rails = [rail for rail in rails_at(self._rails, "retrieval") if rail.entrypoint is None]
        judgement = await judge(rails, text)
        self._tell(judgement, "retrieval", tool="memory")
        return "" if judgement.blocked is not None else str(judgement.value)

    async def out(self, value: Any, room: Workroom, *, step: int, decided: Decision | None) -> LetOut:
        """What of a result may leave.

        Raises:
            RailBlocked: too many did not.
        """
        rails = rails_at(self._rails, "output")
        if not rails:
            return LetOut(value)
        judgement = await self._judged(rails, value, "output", room)
        if decided is None:
            self._tell(judgement, "output", step=step)
        stopping = self._stopping(judgement)
        if stopping is not None:
            return LetOut(None, self.note_blocked(stopping))
        if not judgement.asks or (decided is not None and decided.status == "approved"):
            return LetOut(judgement.value)
        if decided is None:
            return LetOut(judgement.value, asks=True)
        return LetOut(None, self.note_blocked(judgement.asks[0].rail))

    def note_blocked(self, rail: Rail | None) -> str:
        """Count a result that did not pass; what the model is told of it.

        Raises:
            RailBlocked: it was one too many.
        """
        self._blocked += 1
        words = "" if rail is None else sentence_of(rail, "output")
        if self._blocked >= MOST_BLOCKED:
            raise RailBlocked(rail.name if rail else "", words, self._blocked)
        return words + _TRY_AGAIN

    def _stopping(self, judgement: Judgement) -> Rail | None:
        if judgement.blocked is not None:
            return judgement.blocked.rail
        redacting = [one.rail for one in judgement.decided if one.action == "redact"]
        return redacting[0] if redacting and self._output.check(judgement.value).problems else None

    async def _block(self, block: Block, step: int) -> Block:
        kind = block.get("type")
        if kind == "text":
            judgement = await self._redacted("output", None, block.get("text", ""), step)
            return {**block, "text": "[withheld]" if judgement.blocked else judgement.value}
        if kind != "tool_use":
            return block
        name = str(block.get("name"))
        where: RailPoint = "output" if name == FINISH else "tool"
        judgement = await self._redacted(where, name, block.get("input"), step)
        if judgement.blocked is not None:
            return {**block, "input": {_MARK: judgement.blocked.rail.name}}
        return {**block, "input": judgement.value}

    async def _redacted(self, where: RailPoint, tool: str | None, value: Any, step: int) -> Judgement:
        rails = [rail for rail in rails_at(self._rails, where, tool) if rail.action == "redact"]
        judgement = await judge(rails, value)
        self._tell(judgement, where, step=step, **({"tool": tool} if where == "tool" else {}))
        return judgement

    async def _judged(
        self, rails: Sequence[Rail], value: Any, where: RailPoint, room: Workroom, *, tool: str | None = None
    ) -> Judgement:
        async def check(rail: Rail, given: dict[str, Any]) -> Outcome:
            file, _, function = str(rail.entrypoint).rpartition(":")
            entry = Entrypoint(self._path, file, function)
            return await room.call(entry, given, key=f"rail:{rail.name}", timeout_s=rail.timeout_s)

        return await judged_with_checks(rails, value, where, check, tool=tool)

    def _tell(self, judgement: Judgement, where: RailPoint, **more: Any) -> None:
        for facts in told_by(judgement.decided, where, **more):
            self._recorder.record("rail", facts)
