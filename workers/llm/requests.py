"""Create requests of the Messages API: cache marks, and rules for clearing a long context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm.blocks import for_messages_api
from workers.llm.types import Block, Message, Prompt, ToolSpec

CLEARING_BETA: Final = "context-management-2025-06-27"
_CLEARING: Final = {
    "edits": [
        {
            "type": "clear_tool_uses_20250919",
            "trigger": {"type": "input_tokens", "value": 60_000},
            "keep": {"type": "tool_uses", "value": 6},
            # Each clearing invalidates the cache after it, so it must free enough.
            "clear_at_least": {"type": "input_tokens", "value": 20_000},
            "clear_tool_inputs": True,
        }
    ]
}
_UNMARKABLE: Final = frozenset({"thinking", "redacted_thinking"})


def as_request(entry: CatalogueEntry, prompt: Prompt) -> dict[str, Any]:
    """Return the arguments of the SDK call; the prompt itself is unchanged."""
    mark = _mark(prompt.cache_ttl) if entry.cache else None
    request: dict[str, Any] = {
        "model": entry.upstream_id,
        "max_tokens": min(prompt.max_tokens, entry.max_output_tokens),
        "messages": _messages(for_messages_api(prompt.messages), mark),
    }
    if prompt.system.strip():
        request["system"] = [_marked({"type": "text", "text": prompt.system}, mark)]
    if prompt.tools:
        request["tools"] = _tools(prompt.tools, mark)
    if prompt.forced_tool:
        request["tool_choice"] = {"type": "tool", "name": prompt.forced_tool}
    if entry.clears_context and prompt.tools:
        request |= {"context_management": _CLEARING, "betas": [CLEARING_BETA]}
    return request


def _mark(ttl: Literal["5m", "1h"]) -> dict[str, str]:
    return {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}


def _marked(block: Block, mark: dict[str, str] | None) -> Block:
    return {**block, "cache_control": mark} if mark else block


def _tools(tools: Sequence[ToolSpec], mark: dict[str, str] | None) -> list[Block]:
    specs = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in tools
    ]
    return [*specs[:-1], _marked(specs[-1], mark)]


def _messages(messages: Sequence[Message], mark: dict[str, str] | None) -> list[Message]:
    """Return the messages, with a mark on the last block that may carry one."""
    if not mark or not messages:
        return list(messages)
    *earlier, last = messages
    blocks = list(last["content"])
    for index in range(len(blocks) - 1, -1, -1):
        if blocks[index].get("type") not in _UNMARKABLE:
            blocks[index] = _marked(blocks[index], mark)
            break
    return [*earlier, {**last, "content": blocks}]
