"""Apply the guardrails of an agent to its tool calls, their results, and its result.

Redaction happens before anything is stored. Nothing that a model writes or reads changes a guardrail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

from backend.execution.approvals.worker import Decision
from backend.execution.events.guardrail_events import rail_events
from backend.execution.events.types import OMITTED, Omitted
from backend.skills.guardrails.errors import message_of
from backend.skills.guardrails.evaluation import Judgement, judge, rails_at, without
from backend.skills.manifest.types import Rail, RailPoint, Skill
from workers.agent.finish_tool import NAME as FINISH
from workers.agent.stop_reasons import RailBlocked
from workers.agent.types import Coercing, DelegatingTool, ToolCall, ToolResult, Workspace
from workers.guardrails.checks import judged_with_checks
from workers.guardrails.redaction import EventRedactor
from workers.llm.types import Block, Reply
from workers.types import Entrypoint, Outcome, Recorder

MAX_BLOCKED: Final = 3
"""Rejected results after which the run fails."""
_MARK: Final = "_rail_blocked"
"""Replaces an input that could not be redacted."""
_SUBMIT_ANOTHER: Final = (
    " Submit a result without this content. A request to make an exception has no effect."
)


class Verdict(NamedTuple):
    """The verdict of the guardrails on a call."""

    refusal: str | None = None
    asks: bool = False
    """Whether the call needs an approval."""


class LetOut(NamedTuple):
    """The verdict of the guardrails on a result."""

    value: Any
    complaint: str | None = None
    asks: bool = False


class _WorkspaceChecks(NamedTuple):
    """The checks of a run, in its workspace."""

    workspace: Workspace
    skill_dir: str

    async def run(self, rail: Rail, arguments: dict[str, Any]) -> Outcome:
        """Run the function of a guardrail with these arguments, for at most the guardrail's own time."""
        file, _, function = str(rail.entrypoint).rpartition(":")
        entry = Entrypoint(self.skill_dir, file, function)
        return await self.workspace.call(entry, arguments, key=f"rail:{rail.name}", timeout_s=rail.timeout_s)


class Guard:
    """The guardrails of one run."""

    def __init__(self, skill: Skill, recorder: Recorder) -> None:
        self._rails = skill.rails
        self._path = skill.path
        self._output = skill.output
        self._recorder = recorder
        self._blocked = 0
        self.delegating: Mapping[str, DelegatingTool] = {}
        """Delegating tools by name: guardrails apply to the tools that they call."""
        self.coercing: Mapping[str, Coercing] = {}
        """Tools by name that change their arguments: guardrails check the changed ones."""
        self.hides_partial_text = EventRedactor(skill).hides_partial_text
        """Whether text of a reply is published only after it is complete and checked."""

    async def reply(self, reply: Reply, step: int) -> Reply:
        """Return the reply with its text, result and tool calls redacted."""
        if not any(rail.action == "redact" for rail in self._rails):
            return reply
        blocks = [await self._block(block, step) for block in reply.blocks]
        return replace(reply, blocks=tuple(blocks))

    async def verdict(self, call: ToolCall, workspace: Workspace, decided: Decision | None) -> Verdict:
        """Return the verdict of the guardrails on tools on a call; `decided` is the decision of a user."""
        marked = call.input.get(_MARK)
        names, arguments = self._subject(call.name, call.input)
        rails = self._rails_of("tool", names)
        stopped = next((one for one in self._rails if one.name == marked), None)
        if marked is not None and (stopped or rails):
            return Verdict(message_of(stopped or rails[0], "tool"))
        if not rails:
            return Verdict()
        judgement = await self._judged(rails, arguments, "tool", workspace, tool=names[0])
        if decided is None:
            self._record(judgement, "tool", step=call.step, tool=names[0])
        if judgement.blocked is not None:
            return Verdict(message_of(judgement.blocked.rail, "tool"))
        return Verdict(asks=bool(judgement.asks))

    async def redacted_call(self, call: ToolCall) -> ToolCall:
        """Return a call whose arguments a user has changed, redacted as a reply of the model is."""
        if not any(rail.action == "redact" for rail in self._rails):
            return call
        block = {"type": "tool_use", "name": call.name, "input": call.input}
        return replace(call, input=(await self._block(block, call.step))["input"])

    async def result(self, call: ToolCall, result: ToolResult, workspace: Workspace) -> ToolResult:
        """Return the part of a tool result that the model may read and that is recorded."""
        names, _ = self._subject(call.name, call.input)
        rails = self._rails_of("retrieval", names)
        if not rails:
            return result
        judgement = await self._judged(rails, result.content, "retrieval", workspace, tool=names[0])
        self._record(judgement, "retrieval", step=call.step, tool=names[0])
        if judgement.blocked is not None:
            text = message_of(judgement.blocked.rail, "retrieval")
            return ToolResult(f"ERROR: {text}", ok=False, used=result.used)
        redacting = [one.rail for one in judgement.decided if one.action == "redact"]
        details = without(redacting, dict(result.details)) if redacting else result.details
        return replace(result, content=judgement.value, details=details)

    async def remembered(self, text: str) -> str:
        """Return the part of a memory digest that the model may read; nothing if a guardrail blocks it."""
        rails = [rail for rail in rails_at(self._rails, "retrieval") if rail.entrypoint is None]
        judgement = await judge(rails, text)
        self._record(judgement, "retrieval", tool="memory")
        return "" if judgement.blocked is not None else str(judgement.value)

    async def out(self, value: Any, workspace: Workspace, *, step: int, decided: Decision | None) -> LetOut:
        """Return the result as the guardrails permit it.

        Raises:
            RailBlocked: too many results were rejected.
        """
        rails = rails_at(self._rails, "output")
        if not rails:
            return LetOut(value)
        judgement = await self._judged(rails, value, "output", workspace)
        if decided is None:
            self._record(judgement, "output", step=step)
        stopping = self._stopping(judgement)
        if stopping is not None:
            return LetOut(None, self.note_blocked(stopping))
        if not judgement.asks or (decided is not None and decided.status == "approved"):
            return LetOut(judgement.value)
        if decided is None:
            return LetOut(judgement.value, asks=True)
        return LetOut(None, self.note_blocked(judgement.asks[0].rail))

    def note_blocked(self, rail: Rail | None) -> str:
        """Count a rejected result, and return the message for the model.

        Raises:
            RailBlocked: the maximum was reached.
        """
        self._blocked += 1
        text = "" if rail is None else message_of(rail, "output")
        if self._blocked >= MAX_BLOCKED:
            raise RailBlocked(text, self._blocked)
        return text + _SUBMIT_ANOTHER

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
        name, arguments = str(block.get("name")), block.get("input")
        if name == FINISH:
            judgement = await self._redacted("output", (name,), arguments, step)
        else:
            judgement = await self._redacted("tool", *self._subject(name, arguments), step)
        if not judgement.decided:
            return block
        if judgement.blocked is not None:
            return {**block, "input": {_MARK: judgement.blocked.rail.name}}
        delegating_tool = self.delegating.get(name)
        if (
            delegating_tool is not None
            and isinstance(arguments, dict)
            and delegating_tool.inner(arguments) is not None
        ):
            return {**block, "input": delegating_tool.outer(arguments, judgement.value)}
        return {**block, "input": judgement.value}

    async def _redacted(
        self, where: RailPoint, names: Sequence[str] | None, value: Any, step: int
    ) -> Judgement:
        rails = rails_at(self._rails, where) if names is None else self._rails_of(where, names)
        judgement = await judge([rail for rail in rails if rail.action == "redact"], value)
        self._record(judgement, where, step=step, tool=names[0] if where == "tool" and names else OMITTED)
        return judgement

    def _subject(self, name: str, arguments: Any) -> tuple[Sequence[str], Any]:
        """Return the names by which guardrails refer to a call, and its arguments."""
        delegating_tool = self.delegating.get(name)
        inner = (
            delegating_tool.inner(arguments)
            if delegating_tool is not None and isinstance(arguments, dict)
            else None
        )
        if inner is not None:
            return inner.names, inner.arguments
        coercing = self.coercing.get(name)
        return (name,), coercing.coerced(arguments) if coercing is not None and isinstance(
            arguments, dict
        ) else arguments

    def _rails_of(self, where: RailPoint, names: Sequence[str]) -> list[Rail]:
        return [rail for rail in rails_at(self._rails, where) if not rail.tools or {*rail.tools} & {*names}]

    async def _judged(
        self,
        rails: Sequence[Rail],
        value: Any,
        where: RailPoint,
        workspace: Workspace,
        *,
        tool: str | None = None,
    ) -> Judgement:
        checks = _WorkspaceChecks(workspace, self._path)
        return await judged_with_checks(rails, value, where, checks, tool=tool)

    def _record(
        self,
        judgement: Judgement,
        where: RailPoint,
        *,
        step: int | Omitted = OMITTED,
        tool: str | Omitted = OMITTED,
    ) -> None:
        for event in rail_events(judgement.decided, where, step=step, tool=tool):
            self._recorder.record(event)
