"""Tools that only say what a skill's author has written down for them: suites of evals must not act on the world."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from workers.agent import Tool, ToolCall, ToolResult, Workroom
from workers.models import ToolSpec


def mocked(tools: Sequence[Tool], answers: Mapping[str, Any]) -> list[Tool]:
    """The tools, those that have an answer replaced by it."""
    return [Mock(tool.spec, answers[tool.spec.name]) if tool.spec.name in answers else tool for tool in tools]


@dataclass(slots=True)
class Mock:
    """A tool that does nothing: it gives the same answer to every call, and needs nobody's consent."""

    spec: ToolSpec
    answer: Any
    is_read_only: bool = True
    is_idempotent: bool = True
    runs_alone: bool = False
    confirm: bool = False

    async def run(self, call: ToolCall, workroom: Workroom) -> ToolResult:
        """The answer as it was written down: text as it is, anything else as JSON."""
        said = self.answer if isinstance(self.answer, str) else json.dumps(self.answer, ensure_ascii=False)
        return ToolResult(said, facts={"mocked": True})
