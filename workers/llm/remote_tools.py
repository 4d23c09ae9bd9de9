"""The tools of MCP servers in a simulated run: calls are real, and sample values could change data of others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from workers.llm.types import EARLIER_CALL, Message, ToolSpec

MAX_REMOTE_TOOLS: Final = 5
"""Maximum tools of MCP servers that a run calls: each call is a step, and a server may offer many tools. The note of
simulated jobs has the number."""


class RemoteTools(NamedTuple):
    """The tools of MCP servers in a run."""

    tried: Sequence[ToolSpec]
    """Those that the simulated model calls."""
    untried: Sequence[ToolSpec]


def remote_tools(tools: Sequence[ToolSpec]) -> RemoteTools:
    """Return which tools of MCP servers the simulated model calls, and which not."""
    remote = [tool for tool in tools if tool.is_remote]
    tried = [tool for tool in remote if tool.is_read_only][:MAX_REMOTE_TOOLS]
    return RemoteTools(tried, [tool for tool in remote if tool not in tried])


def failed_remote_tools(tools: Sequence[ToolSpec], messages: Sequence[Message]) -> list[str]:
    """Return the names of the tools of MCP servers of which a call has failed, apart from calls of earlier turns."""
    blocks = [block for message in messages for block in message["content"]]
    failed = {block["tool_use_id"] for block in blocks if block.get("is_error")}
    calls = [block for block in blocks if block["type"] == "tool_use" and block["id"] in failed]
    called = {call["name"] for call in calls if not call["id"].startswith(EARLIER_CALL)}
    return [tool.name for tool in tools if tool.is_remote and tool.name in called]
