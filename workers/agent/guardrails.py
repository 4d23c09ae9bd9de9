"""The rails of an agent: what it calls, what its tools give back, and what it hands in.

What is redacted is so before anything is written down. Nothing that a model says or reads changes a rail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from backend.execution.approvals.worker import Decision
from backend.execution.events.guardrail_events import rail_events
from backend.execution.events.types import OMITTED, Omitted
from backend.skills.guardrails.errors import sentence_of
from backend.skills.guardrails.evaluation import Judgement, judge, rails_at, without
from backend.skills.manifest.types import Rail, RailPoint, Skill
from workers.agent.finish_tool import NAME as FINISH
from workers.agent.stop_reasons import RailBlocked
from workers.agent.types import Coercing, StandIn, ToolCall, ToolResult, Workspace
from workers.guardrails.checks import judged_with_checks
from workers.guardrails.redaction import Telling
from workers.llm.types import Block, Reply
from workers.types import Entrypoint, Outcome, Recorder

MAX_BLOCKED: Final = 3
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


class _WorkspaceChecks(NamedTuple):
    """The checks of a run, in its workspace."""

    workspace: Workspace
    skill_dir: str

    async def run(self, rail: Rail, given: dict[str, Any]) -> Outcome:
        """Run the function of a guardrail with these arguments, for at most the guardrail's own time."""
        file, _, function = str(rail.entrypoint).rpartition(":")
        entry = Entrypoint(self.skill_dir, file, function)
        return await self.workspace.call(entry, given, key=f"rail:{rail.name}", timeout_s=rail.timeout_s)


class Guard:
    """Of one run."""

    def __init__(self, skill: Skill, recorder: Recorder) -> None:
        self._rails = skill.rails
        self._path = skill.path
        self._output = skill.output
        self._recorder = recorder
        self._blocked = 0
        self.stand_ins: Mapping[str, StandIn] = {}
        """Tools by which others are called, by name: the rails are about those others."""
        self.coercing: Mapping[str, Coercing] = {}
        """Tools that are given other arguments than the model writes, by name: the guardrails judge those."""
        self.is_quiet = Telling(skill).is_quiet
        """Whether the words of a reply are told only once they are whole and looked at."""

    async def reply(self, reply: Reply, step: int) -> Reply:
        """The reply without what is redacted in what it says, hands in, or asks tools for."""
        if not any(rail.action == "redact" for rail in self._rails):
            return reply
        blocks = [await self._block(block, step) for block in reply.blocks]
        return replace(reply, blocks=tuple(blocks))

    async def verdict(self, call: ToolCall, room: Workspace, decided: Decision | None) -> Verdict:
        """What the rails on tools say to a call; `decided` is what a person has."""
        marked = call.input.get(_MARK)
        names, given = self._subject(call.name, call.input)
        rails = self._rails_of("tool", names)
        stopped = next((one for one in self._rails if one.name == marked), None)
        if marked is not None and (stopped or rails):
            return Verdict(sentence_of(stopped or rails[0], "tool"))
        if not rails:
            return Verdict()
        judgement = await self._judged(rails, given, "tool", room, tool=names[0])
        if decided is None:
            self._tell(judgement, "tool", step=call.step, tool=names[0])
        if judgement.blocked is not None:
            return Verdict(sentence_of(judgement.blocked.rail, "tool"))
        return Verdict(asks=bool(judgement.asks))

    async def result(self, call: ToolCall, result: ToolResult, room: Workspace) -> ToolResult:
        """What of a tool's result the model may read, and anybody may know."""
        names, _ = self._subject(call.name, call.input)
        rails = self._rails_of("retrieval", names)
        if not rails:
            return result
        judgement = await self._judged(rails, result.content, "retrieval", room, tool=names[0])
        self._tell(judgement, "retrieval", step=call.step, tool=names[0])
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

    async def out(self, value: Any, room: Workspace, *, step: int, decided: Decision | None) -> LetOut:
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
        if self._blocked >= MAX_BLOCKED:
            raise RailBlocked(words, self._blocked)
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
        name, given = str(block.get("name")), block.get("input")
        if name == FINISH:
            judgement = await self._redacted("output", (name,), given, step)
        else:
            judgement = await self._redacted("tool", *self._subject(name, given), step)
        if not judgement.decided:
            return block
        if judgement.blocked is not None:
            return {**block, "input": {_MARK: judgement.blocked.rail.name}}
        stand_in = self.stand_ins.get(name)
        if stand_in is not None and isinstance(given, dict) and stand_in.inner(given) is not None:
            return {**block, "input": stand_in.outer(given, judgement.value)}
        return {**block, "input": judgement.value}

    async def _redacted(
        self, where: RailPoint, names: Sequence[str] | None, value: Any, step: int
    ) -> Judgement:
        rails = rails_at(self._rails, where) if names is None else self._rails_of(where, names)
        judgement = await judge([rail for rail in rails if rail.action == "redact"], value)
        self._tell(judgement, where, step=step, tool=names[0] if where == "tool" and names else OMITTED)
        return judgement

    def _subject(self, name: str, given: Any) -> tuple[Sequence[str], Any]:
        """The names under which rails may mean what is called, and what it is given."""
        stand_in = self.stand_ins.get(name)
        inner = stand_in.inner(given) if stand_in is not None and isinstance(given, dict) else None
        if inner is not None:
            return inner.names, inner.arguments
        coercing = self.coercing.get(name)
        return (name,), coercing.coerced(given) if coercing is not None and isinstance(given, dict) else given

    def _rails_of(self, where: RailPoint, names: Sequence[str]) -> list[Rail]:
        return [rail for rail in rails_at(self._rails, where) if not rail.tools or {*rail.tools} & {*names}]

    async def _judged(
        self, rails: Sequence[Rail], value: Any, where: RailPoint, room: Workspace, *, tool: str | None = None
    ) -> Judgement:
        checks = _WorkspaceChecks(room, self._path)
        return await judged_with_checks(rails, value, where, checks, tool=tool)

    def _tell(
        self,
        judgement: Judgement,
        where: RailPoint,
        *,
        step: int | Omitted = OMITTED,
        tool: str | Omitted = OMITTED,
    ) -> None:
        for event in rail_events(judgement.decided, where, step=step, tool=tool):
            self._recorder.record(event)
