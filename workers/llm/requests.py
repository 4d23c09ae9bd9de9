"""A prompt as the Messages API takes it: marks for the prompt cache, rules for clearing a long context."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

from backend.skills.model_catalog.catalog import CatalogueEntry
from workers.llm.types import Block, Message, Prompt, ToolSpec

CLEARING_BETA: Final = "context-management-2025-06-27"
_CLEARING: Final = {
    "edits": [
        {
            "type": "clear_tool_uses_20250919",
            "trigger": {"type": "input_tokens", "value": 60_000},
            "keep": {"type": "tool_uses", "value": 6},
            # Each clearing makes the cache behind it worthless: it has to be worth that.
            "clear_at_least": {"type": "input_tokens", "value": 20_000},
            "clear_tool_inputs": True,
        }
    ]
}
_UNMARKABLE: Final = frozenset({"thinking", "redacted_thinking"})


def as_request(entry: CatalogueEntry, prompt: Prompt) -> dict[str, Any]:
    """The arguments of the SDK's call; the prompt itself is left as it is."""
    mark = _mark(prompt.cache_ttl) if entry.cache else None
    request: dict[str, Any] = {
        "model": entry.upstream_id,
        "max_tokens": min(prompt.max_tokens, entry.most_output_tokens),
        "messages": _messages(prompt.messages, mark),
    }
    if prompt.system.strip():
        request["system"] = [_marked({"type": "text", "text": prompt.system}, mark)]
    if prompt.tools:
        request["tools"] = _tools(prompt.tools, mark)
    if entry.clears_context and prompt.tools:
        request |= {"context_management": _CLEARING, "betas": [CLEARING_BETA]}
    return request


def _mark(ttl: Literal["5m", "1h"]) -> dict[str, str]:
    return {"type": "ephemeral"} if ttl == "5m" else {"type": "ephemeral", "ttl": ttl}


def _marked(block: Block, mark: dict[str, str] | None) -> Block:
    return {**block, "cache_control": mark} if mark else block


def _tools(tools: Sequence[ToolSpec], mark: dict[str, str] | None) -> list[Block]:
    told = [
        {"name": tool.name, "description": tool.description, "input_schema": tool.input_schema}
        for tool in tools
    ]
    return [*told[:-1], _marked(told[-1], mark)]


def _messages(messages: Sequence[Message], mark: dict[str, str] | None) -> list[Message]:
    """The messages, with a mark on the last block that may carry one."""
    if not mark or not messages:
        return list(messages)
    *earlier, last = messages
    blocks = list(last["content"])
    for place in range(len(blocks) - 1, -1, -1):
        if blocks[place].get("type") not in _UNMARKABLE:
            blocks[place] = _marked(blocks[place], mark)
            break
    return [*earlier, {**last, "content": blocks}]
