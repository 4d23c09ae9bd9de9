"""Offer the skill's own Python tools to the model.

They are functions of its bundle, as its skill.yaml describes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from backend.skills.manifest.effects import NONE, Effects
from backend.skills.manifest.types import Skill, Tool
from backend.skills.schemas.value_schemas import OutputSchema
from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolError, ToolResult, Workspace
from workers.types import Entrypoint, Failure

_MAX_MEDIA: Final = 20
_MAX_PROBLEMS: Final = 5
_KINDS: Final = {
    "image": ("png", "jpg", "jpeg", "gif", "webp", "avif", "svg"),
    "video": ("mp4", "webm", "mov", "mkv"),
    "audio": ("mp3", "wav", "ogg", "m4a", "flac", "opus", "aac"),
}


def python_tools(skill: Skill, confirmed: Effects = NONE) -> list[PythonTool]:
    """Return the tools that are functions of the skill; a function that is confirmed anywhere needs an approval."""
    own = {skill.function_effect(tool.entrypoint) for tool in skill.tools if tool.entrypoint and tool.confirm}
    return [
        PythonTool(tool, skill, confirm=skill.function_effect(tool.entrypoint) in confirmed | own)
        for tool in skill.tools
        if tool.entrypoint and tool.name
    ]


class PythonTool:
    """One function, with its schemas."""

    def __init__(self, tool: Tool, skill: Skill, *, confirm: bool = False) -> None:
        schema = tool.input_schema or {"type": "object", "properties": {}}
        self.spec = spec_of(tool.name or "", tool.description, schema)
        self.is_read_only = tool.read_only
        self.is_idempotent = tool.idempotent
        self.confirm = tool.confirm or confirm
        self.runs_alone = self.confirm
        file, _, function = (tool.entrypoint or "").rpartition(":")
        self._entrypoint = Entrypoint(skill.path, file, function)
        self._arguments = Arguments(schema)
        self._output = OutputSchema(tool.output_schema or {})

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return self._arguments.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Call the function with validated arguments, and validate its value.

        Raises:
            ToolError: the arguments are invalid, the function failed, or its value is invalid.
        """
        outcome = await workspace.call(
            self._entrypoint,
            self._arguments.of(call),
            key=call.idempotency_key,
            timeout_s=workspace.assignment.limits.timeout_s,
        )
        if isinstance(outcome, Failure):
            raise ToolError(f"{self.spec.name} failed ({outcome.code}): {outcome.message}")
        checked = self._output.check(outcome.value)
        if checked.problems:
            shown = "\n".join(
                f"{problem.path}: {problem.message}" for problem in checked.problems[:_MAX_PROBLEMS]
            )
            raise ToolError(
                f"{self.spec.name} returned a value that is not valid for its output_schema:\n{shown}"
            )
        media = list(_media(checked.value))[:_MAX_MEDIA]
        content = json.dumps(checked.value, ensure_ascii=False)
        return ToolResult(content, details={"media": media} if media else {})


def _media(value: Any) -> Iterator[dict[str, str]]:
    """Yield the files in the drive that a value names, with their kind."""
    waiting = [value]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, list):
            waiting.extend(reversed(inner))
        elif isinstance(inner, dict):
            path = inner.get("drive_path")
            if isinstance(path, str) and path:
                yield {"drive_path": path, "kind": _kind(path)}
            waiting.extend(reversed(list(inner.values())))


def _kind(path: str) -> str:
    extension = path.rpartition(".")[2].lower()
    return next((kind for kind, extensions in _KINDS.items() if extension in extensions), "file")
