"""Offer the tools of one MCP server."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final, NamedTuple

from mcp_types import Tool as Offered

from backend.execution.approvals.servers import effect_of
from backend.integrations.mcp_servers.connection import CallFailed, Connection, ServerUnavailable
from backend.integrations.mcp_servers.offered import is_usable
from backend.skills.manifest.types import Tool as Section
from backend.skills.schemas.schema_dialect import to_json_schema
from workers.agent.mcp_servers.naming import Names
from workers.agent.mcp_servers.tool_results import content_of
from workers.agent.tools.arguments import Arguments, parsed_text
from workers.agent.types import Inner, Tool, ToolCall, ToolError, ToolResult, Workspace
from workers.llm.types import ToolSpec

MAX_TOOLS: Final = 64
"""Maximum tools of one server."""
MAX_DESCRIPTION: Final = 1_500
_ANY: Final[dict[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": True}
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "tool": {"type": "string", "description": "Name of the tool; omit it to get the list of tools."},
        "arguments": {"type": "object", "additionalProperties": True, "description": "Its arguments."},
    },
    "additionalProperties": False,
}


class SectionNames(NamedTuple):
    """The index of a server section in its skill, which determines the names of its tools."""

    section_index: int
    names: Names

    def all_of(self, tool: str) -> tuple[str, ...]:
        """Return each name by which a guardrail or a limit may mean a tool of the section."""
        return self.names.all_of(self.section_index, tool)


class ServerTool:
    """One tool of a server; its properties are those that the skill declares."""

    def __init__(
        self,
        connection: Connection,
        section: Section,
        spec: ToolSpec,
        *,
        remote_name: str,
        names: tuple[str, ...],
        vision: bool,
        confirm: bool = False,
    ) -> None:
        """Create a tool for the model.

        Guardrails and limits may refer to it by `names`; `remote_name` is its name at the server. With `confirm`, it
        needs an approval although its section does not require one.
        """
        self.spec = spec
        self.is_read_only = section.read_only
        self.is_idempotent = section.idempotent
        self.confirm = section.confirm or confirm
        self.runs_alone = self.confirm
        self._connection = connection
        self._remote_name = remote_name
        self._names = tuple(dict.fromkeys((spec.name, *names)))
        self._effect = effect_of(section, remote_name)
        self._vision = vision
        self._arguments = Arguments(spec.input_schema)

    def inner(self, arguments: Mapping[str, Any]) -> Inner | None:
        """Return the call itself: rules for a tool apply under each of its names."""
        return Inner(self._names, self._arguments.coerced(arguments))

    def outer(self, arguments: Mapping[str, Any], inner_arguments: Any) -> Any:
        """Return the arguments as they are."""
        return inner_arguments

    def effect(self, call: ToolCall) -> str:
        """Return which tool of which server is called."""
        return self._effect

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """Call it with checked arguments.

        Raises:
            ToolError: the arguments are invalid, or the server is unavailable.
        """
        return await call_tool(
            self._connection, self._remote_name, self._arguments.of(call), vision=self._vision
        )


class UnavailableServer:
    """Represents a server that was unavailable when the run started, and may be available again.

    The same rules apply to its tools as under their own names: guardrails, `tool_limits`,
    `allowed_tools`, approvals, and the server's schema of their arguments.
    """

    runs_alone = False

    def __init__(
        self,
        connection: Connection,
        section: Section,
        section_names: SectionNames,
        *,
        vision: bool,
        is_confirmed: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Create the stand-in.

        `is_confirmed` decides which tools need an approval although the section does not require one.
        """
        self.spec = ToolSpec(
            section_names.names.fallback(section_names.section_index),
            f"Tools of the MCP server {connection.name}, which was unavailable when this run started. Call "
            "it without arguments to check whether the server is available and which tools it has, then "
            "with `tool` and `arguments`.",
            _SCHEMA,
            is_remote=True,
            is_read_only=section.read_only,
        )
        self.is_read_only = section.read_only
        self.is_idempotent = section.idempotent
        self.confirm = section.confirm
        self._connection = connection
        self._vision = vision
        self._section_names = section_names
        self._section = section
        self._is_confirmed = is_confirmed
        self._arguments = Arguments(_SCHEMA)
        self._offered: dict[str, Offered] = {}

    def inner(self, arguments: Mapping[str, Any]) -> Inner | None:
        """Return the tool call on the server that these arguments describe; None if they call none."""
        read = self._read(arguments)
        if read is None or "tool" not in read:
            return None
        names = (*self._section_names.all_of(read["tool"]), self.spec.name)
        inner_arguments, offered = read.get("arguments") or {}, self._offered.get(read["tool"])
        if offered is None:  # the tools of the server are not known yet
            inner_arguments = parsed_text(inner_arguments)
        else:
            inner_arguments = Arguments(to_json_schema(offered.input_schema)).coerced(inner_arguments)
        return Inner(tuple(dict.fromkeys(names)), inner_arguments)

    def outer(self, arguments: Mapping[str, Any], inner_arguments: Any) -> dict[str, Any]:
        """Return the arguments with those of the tool of the server replaced."""
        return {**arguments, "arguments": inner_arguments}

    def effect(self, call: ToolCall) -> str:
        """Return which tool of which server is called."""
        read = self._read(call.input)
        return "" if read is None or "tool" not in read else effect_of(self._section, read["tool"])

    async def needs_approval(self, call: ToolCall, workspace: Workspace) -> bool:
        """Return whether the tool of the server is called only with an approval."""
        read = self._read(call.input)
        return read is not None and "tool" in read and self._is_confirmed(read["tool"])

    async def run(self, call: ToolCall, workspace: Workspace) -> ToolResult:
        """List the tools, or call one.

        Raises:
            ToolError: the server is still unavailable, has no such tool, or the arguments are not valid.
        """
        arguments = self._arguments.of(call)
        if "tool" not in arguments:
            await self._refresh()
            listing = [
                {"tool": one.name, "description": _described(one), "input_schema": one.input_schema}
                for one in self._offered.values()
            ]
            return ToolResult(json.dumps(listing, ensure_ascii=False))
        name = arguments["tool"]
        if name not in self._offered:
            await self._refresh()
        if name not in self._offered:
            listed = ", ".join(self._offered) or "none that can be used"
            raise ToolError(f"the MCP server {self._connection.name} has no tool {name!r}. It has {listed}.")
        checker = Arguments(to_json_schema(self._offered[name].input_schema))
        checked = checker.of(replace(call, input=arguments.get("arguments") or {}))
        return await call_tool(self._connection, name, checked, vision=self._vision)

    def _read(self, arguments: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the arguments as `run` reads them; None if it rejects them."""
        plain = {name: value for name, value in arguments.items() if name != "_label"}
        try:
            return self._arguments.of(ToolCall("", self.spec.name, plain, 0))
        except ToolError:
            return None

    async def _refresh(self) -> None:
        try:
            offered = await self._connection.listed()
        except ServerUnavailable as error:
            raise ToolError(f"{error}. Continue without it, or try again later.") from None
        usable = [one for one in sorted(offered, key=lambda tool: tool.name) if is_usable(one.input_schema)]
        self._offered = {one.name: one for one in usable[:MAX_TOOLS]}


async def call_tool(
    connection: Connection, name: str, arguments: dict[str, Any], *, vision: bool
) -> ToolResult:
    """Return the result of a call of a tool.

    Raises:
        ToolError: the server is unavailable, or responds with an error.
    """
    try:
        response = await connection.call(name, arguments)
    except ServerUnavailable as error:
        raise ToolError(
            f"{error}. It is unknown whether the call took effect. Continue without it, or try again later."
        ) from None
    except CallFailed as error:
        raise ToolError(f"the MCP server {connection.name} reports: {str(error)[:1_000]}") from None
    content = content_of(response, server=connection.name, tool=name, vision=vision)
    return ToolResult(content, ok=not response.is_error, details={"mcp_server": connection.name})


def known_tools(
    connection: Connection,
    section: Section,
    section_names: SectionNames,
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
    names = section_names.names.distinct(section_names.section_index, [one.name for one in usable])
    return [
        ServerTool(
            connection,
            section,
            ToolSpec(
                names[one.name],
                _described(one),
                to_json_schema(one.input_schema),
                is_remote=True,
                is_read_only=section.read_only,
            ),
            remote_name=one.name,
            names=section_names.all_of(one.name),
            vision=vision,
            confirm=is_confirmed(one),
        )
        for one in {one.name: one for one in usable}.values()
    ]


def unavailable_tools(
    connection: Connection,
    section: Section,
    section_names: SectionNames,
    *,
    vision: bool,
    is_confirmed: Callable[[str], bool] = lambda _: False,
) -> list[Tool]:
    """Return the stand-ins for the tools of an unavailable server.

    There is one for each allowed name, else one for all.
    """
    if section.allow is None:
        return [
            UnavailableServer(connection, section, section_names, vision=vision, is_confirmed=is_confirmed)
        ]
    description = (
        f"A tool of the MCP server {connection.name}, which was unavailable when this run started: its "
        "arguments are not known, and it may still be unavailable."
    )
    allowed = sorted(set(section.allow))[:MAX_TOOLS]
    names = section_names.names.distinct(section_names.section_index, allowed)
    return [
        ServerTool(
            connection,
            section,
            ToolSpec(names[tool], description, _ANY, is_remote=True, is_read_only=section.read_only),
            remote_name=tool,
            names=section_names.all_of(tool),
            vision=vision,
            confirm=is_confirmed(tool),
        )
        for tool in allowed
    ]


def _described(tool: Offered) -> str:
    text = " ".join((tool.description or tool.title or tool.name).split())
    return text[:MAX_DESCRIPTION]
