"""Tools that only say what a skill's author has written down for them: suites of evals must not act on the world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.agent.types import Asking, Bound, Coercing, StandIn, Tool, ToolCall, ToolResult, Workspace
from workers.llm.types import ToolSpec


def mocked(tools: Sequence[Tool], answers: Mapping[str, Any]) -> list[Tool]:
    """The tools, those that have an answer replaced by it."""
    return [_mocked(tool, answers) for tool in tools]


def _mocked(tool: Tool, answers: Mapping[str, Any]) -> Tool:
    if tool.spec.name in answers:
        return Mock(tool.spec, answers[tool.spec.name], tool)
    return StandInMock(tool, tool, answers) if answers and isinstance(tool, StandIn) else tool


@dataclass(slots=True)
class Mock:
    """A tool that does nothing: it gives the same answer to every call, and needs nobody's consent."""

    spec: ToolSpec
    answer: Any
    replaced: Tool | None = None
    """The tool that the mock replaces."""
    is_read_only: bool = True
    is_idempotent: bool = True
    runs_alone: bool = False
    confirm: bool = False

    def coerced(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the replaced tool passes them on."""
        return self.replaced.coerced(given) if isinstance(self.replaced, Coercing) else dict(given)

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """The answer as it was written down: text as it is, anything else as JSON."""
        said = self.answer if isinstance(self.answer, str) else json.dumps(self.answer, ensure_ascii=False)
        return ToolResult(said, facts={"mocked": True})


class StandInMock:
    """A stand-in of which the tools behind it that have an answer do nothing."""

    def __init__(self, tool: Tool, stand_in: StandIn, answers: Mapping[str, Any]) -> None:
        """Take the same object twice: as the tool, and as the stand-in that it is."""
        self.spec = tool.spec
        self.is_read_only = tool.is_read_only
        self.is_idempotent = tool.is_idempotent
        self.runs_alone = tool.runs_alone
        self.confirm = tool.confirm
        self.inner = stand_in.inner
        self.outer = stand_in.outer
        self._tool = tool
        self._answers = answers

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Return the written answer of the tool behind it, else make the call."""
        inner = self.inner(call.input)
        for name in () if inner is None else inner.names:
            if name in self._answers:
                return await Mock(self.spec, self._answers[name]).run(call, workroom)
        return await self._tool.run(call, workroom)

    def effect(self, call: ToolCall) -> str:
        """Return what the tool behind it does, if it is called at all."""
        inner = self.inner(call.input)
        if inner is not None and {*inner.names} & self._answers.keys():
            return ""
        return self._tool.effect(call) if isinstance(self._tool, Bound) else ""

    async def needs_approval(self, call: ToolCall, workroom: Workspace) -> bool:
        """Return whether the tool behind it does, if it is called at all."""
        inner = self.inner(call.input)
        if inner is not None and {*inner.names} & self._answers.keys():
            return False
        return isinstance(self._tool, Asking) and await self._tool.needs_approval(call, workroom)
