"""Mock tools with fixed responses, since eval suites must not have effects."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.agent.types import Asking, Bound, Coercing, DelegatingTool, Tool, ToolCall, ToolResult, Workspace
from workers.llm.types import ToolSpec


def mocked(tools: Sequence[Tool], responses: Mapping[str, Any]) -> list[Tool]:
    """Return the tools, with mocks for those that have a response."""
    return [_mocked(tool, responses) for tool in tools]


def _mocked(tool: Tool, responses: Mapping[str, Any]) -> Tool:
    if tool.spec.name in responses:
        return Mock(tool.spec, responses[tool.spec.name], tool)
    return DelegatingMock(tool, tool, responses) if responses and isinstance(tool, DelegatingTool) else tool


@dataclass(slots=True)
class Mock:
    """A tool that returns the same response to every call and needs no approval."""

    spec: ToolSpec
    response: Any
    replaced: Tool | None = None
    """The tool that the mock replaces."""
    is_read_only: bool = True
    is_idempotent: bool = True
    runs_alone: bool = False
    confirm: bool = False

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as the replaced tool forwards them."""
        return self.replaced.coerced(arguments) if isinstance(self.replaced, Coercing) else dict(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Return the response: text unchanged, anything else as JSON."""
        text = (
            self.response if isinstance(self.response, str) else json.dumps(self.response, ensure_ascii=False)
        )
        return ToolResult(text, details={"mocked": True})


class DelegatingMock:
    """A delegating tool whose inner tools are mocked if they have a response."""

    def __init__(self, tool: Tool, delegating_tool: DelegatingTool, responses: Mapping[str, Any]) -> None:
        """Mock a tool; both arguments are the same object, for its two protocols."""
        self.spec = tool.spec
        self.is_read_only = tool.is_read_only
        self.is_idempotent = tool.is_idempotent
        self.runs_alone = tool.runs_alone
        self.confirm = tool.confirm
        self.inner = delegating_tool.inner
        self.outer = delegating_tool.outer
        self._tool = tool
        self._responses = responses

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Return the response of the inner tool, else make the call."""
        inner = self.inner(call.input)
        for name in () if inner is None else inner.names:
            if name in self._responses:
                return await Mock(self.spec, self._responses[name]).run(call, workspace)
        return await self._tool.run(call, workspace)

    def effect(self, call: ToolCall) -> str:
        """Return the effect of the inner tool, if it is not mocked."""
        inner = self.inner(call.input)
        if inner is not None and {*inner.names} & self._responses.keys():
            return ""
        return self._tool.effect(call) if isinstance(self._tool, Bound) else ""

    async def needs_approval(self, call: ToolCall, workspace: Workspace) -> bool:
        """Return whether the inner tool needs an approval, if it is not mocked."""
        inner = self.inner(call.input)
        if inner is not None and {*inner.names} & self._responses.keys():
            return False
        return isinstance(self._tool, Asking) and await self._tool.needs_approval(call, workspace)
