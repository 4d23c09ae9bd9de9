"""The tools of one MCP server, as the model is offered them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from mcp_types import Tool as Offered

from backend.execution.approvals.servers import effect_of
from backend.skills.manifest.types import Tool as Section
from backend.skills.schemas.rules import schema_flaws
from backend.skills.schemas.schema_dialect import to_json_schema
from workers.agent.mcp_servers.answers import content_of
from workers.agent.mcp_servers.connection import CallFailed, Connection, ServerAway
from workers.agent.mcp_servers.naming import Names
from workers.agent.tools.arguments import Arguments, parsed_text
from workers.agent.types import Inner, Tool, ToolCall, ToolError, ToolResult, Workspace
from workers.llm.types import ToolSpec

MAX_TOOLS: Final = 64
"""Of one server."""
MAX_SCHEMA_BYTES: Final = 32_768
MAX_DESCRIPTION: Final = 1_500
_ANY: Final[dict[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": True}
_GATEWAY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "tool": {"type": "string", "description": "Name of the tool; leave it out to get the list of tools."},
        "arguments": {"type": "object", "additionalProperties": True, "description": "Its arguments."},
    },
    "additionalProperties": False,
}


class Place(NamedTuple):
    """Where a section stands among those of its skill, from which the names of its tools follow."""

    at: int
    names: Names

    def all_of(self, tool: str) -> tuple[str, ...]:
        """Return each name by which a guardrail or a limit may mean a tool of the section."""
        return self.names.all_of(self.at, tool)


class ServerTool:
    """One tool of a server. What it does there is not known, but from what the skill says of it."""

    def __init__(
        self,
        connection: Connection,
        section: Section,
        spec: ToolSpec,
        *,
        called: str,
        names: tuple[str, ...],
        vision: bool,
        confirm: bool = False,
    ) -> None:
        """Take a tool as the model is offered it.

        Args:
            called: Its name at the server.
            names: By which guardrails and limits may mean it.
            confirm: It needs an approval though its section does not say so.
        """
        self.spec = spec
        self.is_read_only = section.read_only
        self.is_idempotent = section.idempotent
        self.confirm = section.confirm or confirm
        self.runs_alone = self.confirm
        self._connection = connection
        self._called = called
        self._names = tuple(dict.fromkeys((spec.name, *names)))
        self._effect = effect_of(section, called)
        self._vision = vision
        self._arguments = Arguments(spec.input_schema)

    def inner(self, given: Mapping[str, Any]) -> Inner | None:
        """Return the call itself: rules for a tool hold under each of its names."""
        return Inner(self._names, self._arguments.coerced(given))

    def outer(self, given: Mapping[str, Any], arguments: Any) -> Any:
        """Return the arguments as they are."""
        return arguments

    def effect(self, call: ToolCall) -> str:
        """Return which tool of which server is called."""
        return self._effect

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """Call it with checked arguments.

        Raises:
            ToolError: the arguments do not fit, or the server is away.
        """
        return await called(self._connection, self._called, self._arguments.of(call), vision=self._vision)


class Gateway:
    """Stands for a server that was unavailable when the run started, and may be available again.

    The tools behind it are held to what they would be held to under their own names: guardrails, `tool_limits`,
    `allowed_tools`, approvals, and the server's schema of their arguments.
    """

    runs_alone = False

    def __init__(
        self,
        connection: Connection,
        section: Section,
        place: Place,
        *,
        vision: bool,
        is_confirmed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """`is_confirmed`: whether a tool needs an approval though its section does not say so."""
        self.spec = ToolSpec(
            place.names.gateway(place.at),
            f"Tools of the MCP server {connection.name}, which was away when this run began. Call it without arguments "
            "to see whether it is back and which tools it has, then with `tool` and `arguments`.",
            _GATEWAY,
        )
        self.is_read_only = section.read_only
        self.is_idempotent = section.idempotent
        self.confirm = section.confirm
        self._connection = connection
        self._vision = vision
        self._place = place
        self._section = section
        self._is_confirmed = is_confirmed
        self._arguments = Arguments(_GATEWAY)
        self._offered: dict[str, Offered] = {}

    def inner(self, given: Mapping[str, Any]) -> Inner | None:
        """Return the call of a tool of the server that these arguments come to; None if they call none."""
        read = self._read(given)
        if read is None or "tool" not in read:
            return None
        names = (*self._place.all_of(read["tool"]), self.spec.name)
        arguments, offered = read.get("arguments") or {}, self._offered.get(read["tool"])
        if offered is None:  # what the server offers is not known yet
            arguments = parsed_text(arguments)
        else:
            arguments = Arguments(to_json_schema(offered.input_schema)).coerced(arguments)
        return Inner(tuple(dict.fromkeys(names)), arguments)

    def outer(self, given: Mapping[str, Any], arguments: Any) -> dict[str, Any]:
        """Return the arguments with those of the tool of the server replaced."""
        return {**given, "arguments": arguments}

    def effect(self, call: ToolCall) -> str:
        """Return which tool of which server is called."""
        read = self._read(call.input)
        return "" if read is None or "tool" not in read else effect_of(self._section, read["tool"])

    async def needs_approval(self, call: ToolCall, workroom: Workspace) -> bool:
        """Return whether the tool of the server is called only with an approval."""
        read = self._read(call.input)
        return read is not None and "tool" in read and self._is_confirmed(read["tool"])

    async def run(self, call: ToolCall, workroom: Workspace) -> ToolResult:
        """List the tools, or call one.

        Raises:
            ToolError: the server is still unavailable, has no such tool, or the arguments do not fit.
        """
        given = self._arguments.of(call)
        if "tool" not in given:
            await self._look()
            told = [
                {"tool": one.name, "description": _described(one), "input_schema": one.input_schema}
                for one in self._offered.values()
            ]
            return ToolResult(json.dumps(told, ensure_ascii=False))
        name = given["tool"]
        if name not in self._offered:
            await self._look()
        if name not in self._offered:
            there = ", ".join(self._offered) or "none that can be used"
            raise ToolError(f"the MCP server {self._connection.name} has no tool {name!r}. It has {there}.")
        arguments = Arguments(to_json_schema(self._offered[name].input_schema))
        checked = arguments.of(replace(call, input=given.get("arguments") or {}))
        return await called(self._connection, name, checked, vision=self._vision)

    def _read(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """The arguments as `run` reads them; None if it refuses them."""
        plain = {name: value for name, value in given.items() if name != "_label"}
        try:
            return self._arguments.of(ToolCall("", self.spec.name, plain, 0))
        except ToolError:
            return None

    async def _look(self) -> None:
        try:
            offered = await self._connection.listed()
        except ServerAway as away:
            raise ToolError(f"{away}. Go on without it, or try again later.") from None
        usable = [one for one in sorted(offered, key=lambda tool: tool.name) if is_usable(one.input_schema)]
        self._offered = {one.name: one for one in usable[:MAX_TOOLS]}


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
    connection: Connection,
    section: Section,
    place: Place,
    offered: list[Offered],
    *,
    vision: bool,
    is_confirmed: Callable[[Offered], bool] = lambda _: False,
) -> list[Tool]:
    """Return the tools that a server offers and the skill allows."""
    usable = [
        one
        for one in sorted(offered, key=lambda tool: tool.name)[: MAX_TOOLS * 4]
        if (section.allow is None or one.name in section.allow) and is_usable(one.input_schema)
    ][:MAX_TOOLS]
    names = place.names.distinct(place.at, [one.name for one in usable])
    return [
        ServerTool(
            connection,
            section,
            ToolSpec(names[one.name], _described(one), to_json_schema(one.input_schema)),
            called=one.name,
            names=place.all_of(one.name),
            vision=vision,
            confirm=is_confirmed(one),
        )
        for one in {one.name: one for one in usable}.values()
    ]


def absent_tools(
    connection: Connection,
    section: Section,
    place: Place,
    *,
    vision: bool,
    is_confirmed: Callable[[str], bool] = lambda _: False,
) -> list[Tool]:
    """Return what stands for the tools of an unavailable server: the allowed ones by their names, else one for all."""
    if section.allow is None:
        return [Gateway(connection, section, place, vision=vision, is_confirmed=is_confirmed)]
    description = (
        f"A tool of the MCP server {connection.name}, which was away when this run began: its arguments are not "
        "known, and it may still be away."
    )
    allowed = sorted(set(section.allow))[:MAX_TOOLS]
    names = place.names.distinct(place.at, allowed)
    return [
        ServerTool(
            connection,
            section,
            ToolSpec(names[tool], description, _ANY),
            called=tool,
            names=place.all_of(tool),
            vision=vision,
            confirm=is_confirmed(tool),
        )
        for tool in allowed
    ]


def is_usable(schema: Any) -> bool:
    """Whether models take a stranger's schema, and arguments can be held against it: of an object, and small."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return False
    try:
        return len(json.dumps(schema)) <= MAX_SCHEMA_BYTES and not schema_flaws(schema).errors
    except (RecursionError, TypeError, ValueError):
        return False


def _described(tool: Offered) -> str:
    words = " ".join((tool.description or tool.title or tool.name).split())
    return words[:MAX_DESCRIPTION]
