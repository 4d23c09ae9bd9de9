"""The tools of one MCP server, as the model is offered them."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, Final

from mcp_types import Tool as Offered

from backend.bundles.dialect import to_json_schema
from backend.bundles.manifest import Tool as Section
from backend.bundles.schema_rules import schema_flaws
from workers.agent import Tool, ToolCall, ToolError, ToolResult, Workroom
from workers.agent.servers.answers import content_of
from workers.agent.servers.connection import CallFailed, Connection, ServerAway
from workers.agent.tools.arguments import Arguments
from workers.models import ToolSpec

MOST_TOOLS: Final = 64
"""Of one server."""
MOST_SCHEMA_BYTES: Final = 32_768
MOST_DESCRIPTION: Final = 1_500
_NOT_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9_-]+")
_ANY: Final[dict[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": True}
_GATEWAY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "tool": {"type": "string", "description": "Name of the tool; leave it out to get the list of tools."},
        "arguments": {"type": "object", "additionalProperties": True, "description": "Its arguments."},
    },
    "additionalProperties": False,
}


class ServerTool:
    """One tool of a server. What it does there is not known, but from what the skill says of it."""

    def __init__(
        self, connection: Connection, section: Section, spec: ToolSpec, *, called: str, vision: bool
    ) -> None:
        """`called`: its name at the server."""
        self.spec = spec
        self.is_read_only = section.read_only
        self.is_idempotent = section.idempotent
        self.runs_alone = section.confirm
        self.confirm = section.confirm
        self._connection = connection
        self._called = called
        self._vision = vision
        self._arguments = Arguments(spec.input_schema)

    async def run(self, call: ToolCall, workroom: Workroom) -> ToolResult:
        """Call it with checked arguments.

        Raises:
            ToolError: the arguments do not fit, or the server is away.
        """
        return await called(self._connection, self._called, self._arguments.of(call), vision=self._vision)


class Gateway:
    """Stands for a server that was away when the run began, and may have come back."""

    runs_alone = False

    def __init__(self, connection: Connection, section: Section, *, name: str, vision: bool) -> None:
        self.spec = ToolSpec(
            name,
            f"Tools of the MCP server {connection.name}, which was away when this run began. Call it without arguments "
            "to see whether it is back and which tools it has, then with `tool` and `arguments`.",
            _GATEWAY,
        )
        self.is_read_only = section.read_only
        self.is_idempotent = section.idempotent
        self.confirm = section.confirm
        self._connection = connection
        self._vision = vision
        self._arguments = Arguments(_GATEWAY)

    async def run(self, call: ToolCall, workroom: Workroom) -> ToolResult:
        """List the tools, or call one.

        Raises:
            ToolError: the server is still away, or cannot do this.
        """
        given = self._arguments.of(call)
        if "tool" in given:
            return await called(
                self._connection, given["tool"], given.get("arguments") or {}, vision=self._vision
            )
        try:
            offered = await self._connection.listed()
        except ServerAway as away:
            raise ToolError(f"{away}. Go on without it, or try again later.") from None
        told = [
            {"tool": one.name, "description": _described(one), "input_schema": one.input_schema}
            for one in offered[:MOST_TOOLS]
        ]
        return ToolResult(json.dumps(told, ensure_ascii=False))


async def called(connection: Connection, name: str, arguments: dict[str, Any], *, vision: bool) -> ToolResult:
    """What a call of a tool gives.

    Raises:
        ToolError: the server is away, or cannot do this.
    """
    try:
        answer = await connection.call(name, arguments)
    except ServerAway as away:
        raise ToolError(
            f"{away}. Whether the call took effect is not known. Go on without it, or try again later."
        ) from None
    except CallFailed as failed:
        raise ToolError(f"the MCP server {connection.name} says: {str(failed)[:1_000]}") from None
    content = content_of(answer, server=connection.name, tool=name, vision=vision)
    return ToolResult(content, ok=not answer.is_error, facts={"mcp_server": connection.name})


def known_tools(
    connection: Connection, section: Section, offered: list[Offered], taken: Collection[str], *, vision: bool
) -> list[Tool]:
    """The tools that a server offers and the skill allows, under names that nobody else has."""
    found: list[Tool] = []
    names = set(taken)
    for one in sorted(offered, key=lambda tool: tool.name)[: MOST_TOOLS * 4]:
        if section.allow is not None and one.name not in section.allow:
            continue
        if len(found) < MOST_TOOLS and is_usable(one.input_schema):
            schema = to_json_schema(one.input_schema)
            spec = ToolSpec(_name(one.name, connection, names), _described(one), schema)
            names.add(spec.name)
            found.append(ServerTool(connection, section, spec, called=one.name, vision=vision))
    return found


def absent_tools(
    connection: Connection, section: Section, taken: Collection[str], *, vision: bool
) -> list[Tool]:
    """What stands for the tools of a server that is away: the allowed ones by their names, else one for all."""
    names = set(taken)
    if section.allow is None:
        name = _name(f"mcp_{connection.name}", connection, names)
        return [Gateway(connection, section, name=name, vision=vision)]
    found: list[Tool] = []
    for allowed in section.allow[:MOST_TOOLS]:
        description = (
            f"A tool of the MCP server {connection.name}, which was away when this run began: its arguments are not "
            "known, and it may still be away."
        )
        spec = ToolSpec(_name(allowed, connection, names), description, _ANY)
        names.add(spec.name)
        found.append(ServerTool(connection, section, spec, called=allowed, vision=vision))
    return found


def is_usable(schema: Any) -> bool:
    """Whether models take a stranger's schema, and arguments can be held against it: of an object, and small."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    try:
        return len(json.dumps(schema)) <= MOST_SCHEMA_BYTES and not schema_flaws(schema).errors
    except (RecursionError, TypeError, ValueError):
        return False


def _name(wanted: str, connection: Connection, taken: Collection[str]) -> str:
    plain = _NOT_IN_NAMES.sub("_", wanted).strip("_")[:64] or "tool"
    if plain not in taken:
        return plain
    host = _NOT_IN_NAMES.sub("_", connection.name)
    longer = f"{host}_{plain}"[-64:]
    count = 2
    while longer in taken:
        longer, count = f"{longer[:60]}_{count}", count + 1
    return longer


def _described(tool: Offered) -> str:
    words = " ".join((tool.description or tool.title or tool.name).split())
    return words[:MOST_DESCRIPTION]
