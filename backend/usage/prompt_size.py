"""Estimate how many tokens the first prompt of an agent has: instructions, tools, and the platform's own text."""

from __future__ import annotations

import json
import math
from typing import Any, Final

from backend.skills.manifest.types import Skill

BYTES_PER_TOKEN: Final = 4
"""An average of English text and JSON, which is accurate enough for an estimate. Limits use an upper bound instead."""
PLATFORM_BYTES: Final = 1_900
"""The text of every system prompt, and the tool that submits the result. A test compares it with a prompt."""
BUILT_IN_BYTES: Final[dict[str, int]] = {
    "bash": 920,
    "file_read": 600,
    "file_write": 590,
    "file_edit": 1_130,
    "todo_write": 690,
    "drive_url": 680,
    "drive_pull": 580,
    "web_fetch": 690,
    "download_url": 640,
    "web_search": 600,
    "generate_image": 1_220,
    "generate_video": 1_860,
    "generate_audio": 1_210,
    "run_subagent": 990,
    "describe_subagent": 500,
    "memory_search": 600,
    "memory_get": 600,
    "memory_put": 600,
    "memory_forget": 600,
}
"""The definitions of the built-in tools that agents have. A test compares them with the tools of the worker."""
_MEMORY: Final = "memory_"
_TOOL_BYTES: Final = 240
"""The parts of a definition that are the same for each tool of a skill, such as the schema of `_label`."""


def prompt_tokens(skill: Skill, instructions: str) -> int:
    """Return about how many tokens the first prompt of an agent has, with the inputs of its first example.

    The tools of MCP servers are not included, since only the servers know them.
    """
    inputs = skill.examples[0].inputs if skill.examples else {}
    size = PLATFORM_BYTES + len(instructions.encode())
    size += sum(_size(value) for value in (skill.input_schema, skill.output_schema, inputs))
    size += _built_in(skill) + sum(_of_tool(tool) for tool in skill.tools if tool.mcp is None)
    return math.ceil(size / BYTES_PER_TOKEN)


def _built_in(skill: Skill) -> int:
    names = set(skill.allowed_tools) & BUILT_IN_BYTES.keys() if skill.allowed_tools else BUILT_IN_BYTES.keys()
    return sum(
        BUILT_IN_BYTES[name]
        for name in names
        if not (name == "bash" and skill.disable_bash)
        and not (name.startswith(_MEMORY) and skill.memory is None)
    )


def _of_tool(tool: Any) -> int:
    return (
        _TOOL_BYTES
        + len((tool.name or "").encode())
        + len(tool.description.encode())
        + _size(tool.input_schema)
    )


def _size(value: Any) -> int:
    return 0 if value is None else len(json.dumps(value, ensure_ascii=False, default=str).encode())
