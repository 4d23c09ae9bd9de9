"""Create the events and receipt items of replies and tool calls."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from backend.execution.events.types import OMITTED, ModelResponseEvent, ToolResultEvent, ToolUseEvent
from backend.money.ledger.service import LineItem
from workers.agent.conversation import label_of
from workers.agent.types import ToolCall, ToolResult
from workers.llm.types import Prompt, Reply

MAX_BLOCKS_BYTES: Final = 64_000
"""Larger replies are only in the journal; their event refers to it."""
MAX_PREVIEW_CHARACTERS: Final = 512
MAX_INPUT_BYTES: Final = 64_000


def response_event(step: int, prompt: Prompt, reply: Reply, *, duration_s: float) -> ModelResponseEvent:
    """Return the event of a reply to a prompt."""
    tokens, blocks = reply.tokens, list(reply.blocks)
    size = len(json.dumps(blocks))
    is_inline = size <= MAX_BLOCKS_BYTES
    return ModelResponseEvent(
        step=step,
        model=reply.model,
        stop_reason=reply.stop_reason,
        input_tokens=tokens.input,
        output_tokens=tokens.output,
        cache_creation_input_tokens=tokens.cache_write,
        cache_read_input_tokens=tokens.cache_read,
        billed_micros=reply.billed_micros,
        cache_hit=reply.cache_hit,
        duration_ms=round(duration_s * 1000, 3),
        cleared_input_tokens=reply.cleared_tokens or OMITTED,
        label=reply.label or OMITTED,
        is_estimated=reply.is_estimated or OMITTED,
        max_tokens=prompt.max_tokens,
        forced_tool=prompt.forced_tool or OMITTED,
        blocks=blocks if is_inline else OMITTED,
        blocks_bytes=OMITTED if is_inline else size,
        blocks_in=OMITTED if is_inline else f"journal/{step}",
    )


def use_event(call: ToolCall, reply: Reply) -> ToolUseEvent:
    """Return the event of a call that the model requests."""
    block = next((block for block in reply.blocks if block.get("id") == call.id), {})
    size = len(json.dumps(call.input))
    is_inline = size <= MAX_INPUT_BYTES
    return ToolUseEvent(
        step=call.step,
        name=call.name,
        tool_use_id=call.id,
        label=label_of(block) or OMITTED,
        input=call.input if is_inline else OMITTED,
        input_bytes=OMITTED if is_inline else size,
    )


def result_event(call: ToolCall, result: ToolResult) -> ToolResultEvent:
    """Return the event of a call that has ended."""
    return ToolResultEvent(
        step=call.step,
        tool=call.name,
        tool_use_id=call.id,
        ok=result.ok,
        preview=_text_of(result)[:MAX_PREVIEW_CHARACTERS],
        billed_micros=sum(one.billed_micros for one in result.used) if result.used else OMITTED,
        details=_short(result.details),
    )


def _short(details: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the details without changed arguments that are long; the approval and the journal have them."""
    edited = details.get("edited_arguments")
    if edited is None or len(json.dumps(edited)) <= MAX_INPUT_BYTES:
        return details
    return {name: value for name, value in details.items() if name != "edited_arguments"}


def model_used(reply: Reply) -> LineItem:
    """Return the receipt item of a reply."""
    tokens = reply.tokens
    quantity = {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_write_tokens": tokens.cache_write,
        "cache_read_tokens": tokens.cache_read,
    }
    return LineItem(
        "model",
        quantity,
        reply.upstream_nanos,
        reply.billed_micros,
        provider=reply.model.partition("/")[0],
        model=reply.model,
        label=reply.label,
        is_estimated=reply.is_estimated,
    )


def _text_of(result: ToolResult) -> str:
    if isinstance(result.content, str):
        return result.content
    return " ".join(
        block["text"] if block.get("type") == "text" else f"[{block.get('type')}]" for block in result.content
    )
