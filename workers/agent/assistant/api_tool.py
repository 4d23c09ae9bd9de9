"""Implement the tool of the assistant that makes function tools from the description of an API."""

from __future__ import annotations

import json
from typing import Any, Final

from backend.authoring.api_tools.api import MAX_TOOLS, ApiToolsCreate, ApiToolsRead, make_tools
from backend.core.errors import PurasError
from workers.agent.assistant.draft_copy import DraftCopy
from workers.agent.types import ToolError
from workers.agent.untrusted import marked

MAX_SOURCE_CHARACTERS: Final = 1 << 20
SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "source": {
            "type": "string",
            "minLength": 1,
            "maxLength": MAX_SOURCE_CHARACTERS,
            "description": "A curl command, an OpenAPI 3 document, or the path of a file of the draft with it.",
        },
        "operations": {
            "type": "array",
            "items": {"type": "string"},
            "maxItems": MAX_TOOLS,
            "description": "Names of the operations that become tools. Without them, the operations are listed.",
        },
        "folder": {
            "type": "string",
            "maxLength": 500,
            "description": "Folder of the skill: 'skills/weather'. A new one gets all files of an agent; an existing "
            "skill only the Python file.",
        },
        "file": {"type": "string", "maxLength": 44, "description": "Name of the Python file: 'api.py'."},
    },
    "required": ["source"],
    "additionalProperties": False,
}


def make_api_tools(copy: DraftCopy, arguments: dict[str, Any]) -> str:
    """List the operations of an API, or write the tools for some of them.

    Raises:
        ToolError: the description is invalid, or a file cannot be written.
    """
    operations, folder = arguments.get("operations") or [], arguments.get("folder", "").strip("/")
    if operations and not folder:
        raise ToolError("Set folder: the folder of the skill that gets the tools.")
    made = _made(copy, arguments, operations)
    if not operations:
        listed = [f"{one.name}: {one.method} {one.url} {one.problem}" for one in made.operations]
        return marked("operations", "\n".join(listed)[:9_000])
    is_new = not copy.has(f"{folder}/skill.yaml")
    written = {name: text for name, text in made.files.items() if is_new or name.endswith(".py")}
    for name, text in written.items():
        copy.write(f"{folder}/{name}", text)
    wrote = f"Wrote {', '.join(f'{folder}/{name}' for name in written)}."
    if is_new:
        return wrote
    entries = {"tools": made.tools, "network": made.hosts, "secrets": made.secrets}
    shown = marked("entries", json.dumps(entries, ensure_ascii=False)[:9_000])
    return f"{wrote} Add these entries to {folder}/skill.yaml:\n{shown}"


def _made(copy: DraftCopy, arguments: dict[str, Any], operations: list[str]) -> ApiToolsRead:
    source = arguments["source"]
    file = {"file": arguments["file"]} if arguments.get("file") else {}
    try:
        return make_tools(
            ApiToolsCreate(
                source=copy.text(source) if copy.has(source) else source, operations=operations, **file
            )
        )
    except PurasError as error:
        raise ToolError(error.detail) from None
    except ValueError as error:
        raise ToolError(str(error)) from None
