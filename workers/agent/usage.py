"""What events and receipts say of a reply and of a call."""

from __future__ import annotations

import json
from typing import Any, Final

from backend.money.ledger.service import Used
from workers.agent.conversation import label_of
from workers.agent.types import ToolCall, ToolResult
from workers.llm.types import Reply

MOST_BLOCKS_BYTES: Final = 64_000
"""Larger replies are in the journal alone; their event says where."""
MOST_PREVIEW_CHARACTERS: Final = 512
MOST_INPUT_BYTES: Final = 64_000


def response_facts(step: int, reply: Reply, *, took_s: float) -> dict[str, Any]:
    """Of the event `model_response`."""
    tokens = reply.tokens
    facts: dict[str, Any] = {
        "step": step,
        "model": reply.model,
        "stop_reason": reply.stop_reason,
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cache_read,
        "billed_micros": reply.billed_micros,
        "cache_hit": reply.cache_hit,
        "duration_ms": round(took_s * 1000, 3),
    }
    if reply.cleared_tokens:  # the upstream took old results of tools out of the conversation by itself
        facts["cleared_input_tokens"] = reply.cleared_tokens
    if reply.label:
        facts["label"] = reply.label
    blocks = list(reply.blocks)
    size = len(json.dumps(blocks))
    if size <= MOST_BLOCKS_BYTES:
        return {**facts, "blocks": blocks}
    return {**facts, "blocks_bytes": size, "blocks_in": f"journal/{step}"}


def use_facts(call: ToolCall, reply: Reply) -> dict[str, Any]:
    """Of the event `tool_use`."""
    facts: dict[str, Any] = {"step": call.step, "name": call.name, "tool_use_id": call.id}
    block = next((block for block in reply.blocks if block.get("id") == call.id), {})
    label = label_of(block)
    if label:
        facts["label"] = label
    size = len(json.dumps(call.input))
    return {**facts, "input": call.input} if size <= MOST_INPUT_BYTES else {**facts, "input_bytes": size}


def result_facts(call: ToolCall, result: ToolResult) -> dict[str, Any]:
    """Of the event `tool_result`."""
    facts: dict[str, Any] = {
        "step": call.step,
        "tool": call.name,
        "tool_use_id": call.id,
        "ok": result.ok,
        "preview": _words(result)[:MOST_PREVIEW_CHARACTERS],
    }
    billed = sum(one.billed_micros for one in result.used)
    return {**facts, **({"billed_micros": billed} if result.used else {}), **result.facts}


def model_used(reply: Reply) -> Used:
    """The line of a reply on the receipt."""
    tokens = reply.tokens
    quantity = {
        "input_tokens": tokens.input,
        "output_tokens": tokens.output,
        "cache_write_tokens": tokens.cache_write,
        "cache_read_tokens": tokens.cache_read,
    }
    return Used(
        "model",
        quantity,
        reply.upstream_nanos,
        reply.billed_micros,
        provider=reply.model.partition("/")[0],
        model=reply.model,
        label=reply.label,
    )


def _words(result: ToolResult) -> str:
    if isinstance(result.content, str):
        return result.content
    return " ".join(
        block["text"] if block.get("type") == "text" else f"[{block.get('type')}]" for block in result.content
    )
