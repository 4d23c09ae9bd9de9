"""Implement the tool `todo_write`: the agent's own todo list, which users can also see."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from workers.agent.tools.arguments import Arguments, spec_of
from workers.agent.types import ToolCall, ToolResult, Workspace

MAX_CHARACTERS: Final = 200
MAX_ITEMS: Final = 100
STATUSES: Final = ("pending", "in_progress", "completed")
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "todos": {
            "type": "array",
            "description": "The complete list, which replaces the previous one.",
            "items": {
                "type": "object",
                "properties": {
                    "content": {"type": "string", "maxLength": MAX_CHARACTERS},
                    "status": {"type": "string", "enum": list(STATUSES)},
                },
                "required": ["content", "status"],
            },
        }
    },
    "required": ["todos"],
}
# Invalid items are dropped instead of rejected: a list is not worth another step.
_ARGUMENTS: Final = Arguments(
    {"type": "object", "properties": {"todos": {"type": "array"}}, "required": ["todos"]}
)


class TodoWrite:
    """Replaces the list."""

    spec = spec_of(
        "todo_write",
        "Maintain a list of the steps of a longer task, to track progress. Write the complete list each "
        "time; at most one item is in progress.",
        _SCHEMA,
    )
    is_read_only = False
    is_idempotent = True
    runs_alone = True
    confirm = False

    def coerced(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments that are used."""
        return _ARGUMENTS.coerced(arguments)

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Note the list.

        Raises:
            ToolError: there is no list.
        """
        arguments = _ARGUMENTS.of(call)["todos"]
        todos = [todo for item in arguments if (todo := _todo(item)) is not None][:MAX_ITEMS]
        counts = ", ".join(
            f"{sum(todo['status'] == status for todo in todos)} {status}" for status in STATUSES
        )
        dropped = len(arguments) - len(todos)
        note = (
            f" {dropped} were omitted: an item has a content of 1 to {MAX_CHARACTERS} characters and a "
            f"status of {', '.join(STATUSES)}; at most {MAX_ITEMS} items are stored."
            if dropped
            else ""
        )
        return ToolResult(f"{len(todos)} todos: {counts}.{note}", details={"todos": todos})


def _todo(item: Any) -> dict[str, str] | None:
    """Return an item as it is stored; none if it is not valid."""
    if not isinstance(item, dict):
        return None
    content, status = item.get("content"), item.get("status")
    if not isinstance(content, str) or status not in STATUSES:
        return None
    content = content.strip()
    return {"content": content, "status": status} if 0 < len(content) <= MAX_CHARACTERS else None
